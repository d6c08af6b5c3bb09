/** What the rooms count for whoever watches the server: they know this small interface, and only `ops` the library behind it. */

interface Counted {
  readonly help: string;
  /** Their values must be few: each makes a series of its own. */
  readonly labels: readonly string[];
}

interface Timed extends Counted {
  /** Upper bounds in seconds. */
  readonly buckets: readonly number[];
}

const FAST = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const SLOW = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** Names as Prometheus shows them, behind `rhumb_control_` and before `_total`. */
export const COUNTERS = {
  map_frames: { help: 'Messages sent on map streams, by what they carry', labels: ['class'] },
  map_bytes: { help: 'Bytes sent on map streams, by what they carry', labels: ['class'] },
  map_requests: { help: 'Map requests that were no stream, by kind', labels: ['kind'] },
  map_streams_ended: { help: 'Map streams that ended, by reason', labels: ['reason'] },
  map_changes_coalesced: { help: 'Changes that went out together with another one', labels: [] },
  registrations: { help: 'Answers to register requests', labels: ['method', 'result'] },
  oidc_sign_ins: { help: 'Sign-ins at identity providers, by how they went', labels: ['outcome'] },
  auth_failures: { help: 'Credentials that were refused', labels: ['surface', 'reason'] },
  rate_limited: { help: 'Requests refused because there were too many', labels: ['surface'] },
  connections_refused: { help: 'Connections closed before they could ask anything', labels: ['reason'] },
  api_requests: { help: 'Requests of administrators and programs', labels: ['surface', 'status'] },
  route_elections: { help: 'Changes of the machine that serves a route, by reason', labels: ['reason'] },
  route_probes: { help: 'Health probes of routers', labels: ['result'] },
  policy_rows_recomputed: { help: 'Machines whose peers and rules were computed anew', labels: [] },
  store_failures: { help: 'Transactions that the database refused', labels: [] },
  audit_entries: { help: 'Lines of the audit log', labels: ['origin', 'action'] },
  webhook_deliveries: { help: 'Attempts to deliver to webhooks', labels: ['result'] },
  certificate_challenges: {
    help: 'Records that machines prove their names with, by how that went',
    labels: ['result'],
  },
  backups: { help: 'Backups of the database', labels: ['result'] },
  certificate_renewals: { help: 'Certificates taken over or refused', labels: ['result'] },
} as const satisfies Record<string, Counted>;

/** Names as Prometheus shows them, behind `rhumb_control_`. */
export const TIMINGS = {
  map_dirty_to_sent_seconds: {
    help: 'From a change to the message that tells a machine of it',
    labels: [],
    buckets: FAST,
  },
  map_first_frame_seconds: {
    help: 'From a map request to its first message',
    labels: [],
    buckets: FAST,
  },
  map_encode_seconds: { help: 'Encoding of one message', labels: ['class'], buckets: FAST },
  policy_compile_seconds: {
    help: 'Compiling the policy, by how much of it',
    labels: ['extent'],
    buckets: SLOW,
  },
  store_commit_seconds: { help: 'One transaction of the database', labels: [], buckets: FAST },
} as const satisfies Record<string, Timed>;

export type CounterName = keyof typeof COUNTERS;
export type TimingName = keyof typeof TIMINGS;
type LabelsOf<T extends Counted> = Readonly<Record<T['labels'][number], string>>;

export type TimingLabels<K extends TimingName> = LabelsOf<(typeof TIMINGS)[K]>;

export interface Meter {
  count<K extends CounterName>(name: K, labels: LabelsOf<(typeof COUNTERS)[K]>, by?: number): void;
  time<K extends TimingName>(name: K, seconds: number, labels: TimingLabels<K>): void;
}

/** Where nobody watches. */
export const noMeter: Meter = { count: () => undefined, time: () => undefined };
