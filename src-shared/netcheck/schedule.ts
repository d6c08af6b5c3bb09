/** When a network check runs: on events, and now and then while there is traffic (nat-traversal.md §2.8). Pure. */
import type { Random } from '../async/clock.ts';

export type CheckReason =
  | 'start'
  | 'link-change'
  | 'rebind'
  | 'port-map-change'
  | 'relay-error'
  | 'relay-map-change'
  | 'stale-endpoints'
  | 'periodic'
  | 'asked';

/** These make the last check worth nothing: all regions are measured anew. */
const NEEDS_FULL: ReadonlySet<CheckReason> = new Set(['start', 'link-change', 'relay-map-change', 'asked']);

/** Just under the 30 s after which common NATs forget a mapping. */
const PERIOD_MIN_MS = 20_000;
const PERIOD_SPREAD_MS = 6_000;
/** Without traffic for so long nobody is using the addresses that a check would refresh. */
const ACTIVE_MS = 45_000;

export interface Schedule {
  /** What the check that runs now is for. */
  readonly running: readonly CheckReason[] | undefined;
  /** Asked for while it runs: one more check afterwards, for all of them. */
  readonly next: readonly CheckReason[];
  /** When the periodic check is due. */
  readonly dueMs: number | undefined;
  readonly endedMs: number | undefined;
  readonly trafficMs: number | undefined;
  readonly hasPeers: boolean;
  readonly isNetworkUp: boolean;
  /** The server wants periodic checks also without traffic. */
  readonly isForced: boolean;
}

export const IDLE: Schedule = {
  running: undefined,
  next: [],
  dueMs: undefined,
  endedMs: undefined,
  trafficMs: undefined,
  hasPeers: false,
  isNetworkUp: true,
  isForced: false,
};

export type ScheduleEvent =
  | { readonly type: 'request'; readonly reason: CheckReason }
  /** The check ended, however. */
  | { readonly type: 'ended' }
  /** Packets to or from a peer; cheap to send often. */
  | { readonly type: 'traffic' }
  | {
      readonly type: 'facts';
      readonly hasPeers: boolean;
      readonly isNetworkUp: boolean;
      readonly isForced?: boolean;
    }
  | { readonly type: 'timer' };

export type ScheduleEffect =
  | { readonly do: 'run'; readonly full: boolean; readonly reasons: readonly CheckReason[] }
  /** Replaces an earlier one; undefined disarms. */
  | { readonly do: 'arm'; readonly atMs: number | undefined };

export type Stepped = readonly [Schedule, readonly ScheduleEffect[]];

export function step(state: Schedule, event: ScheduleEvent, nowMs: number, random: Random): Stepped {
  switch (event.type) {
    case 'request':
      return request(state, event.reason);
    case 'ended':
      return ended({ ...state, running: undefined, endedMs: nowMs }, nowMs, random);
    case 'traffic':
      return arm({ ...state, trafficMs: nowMs }, nowMs, random);
    case 'facts': {
      const { hasPeers, isNetworkUp, isForced = false } = event;
      const [armed, effects] = arm({ ...state, hasPeers, isNetworkUp, isForced }, nowMs, random);
      // What was asked for while the network was away is done as soon as it is back.
      if (armed.running !== undefined || armed.next.length === 0 || !isNetworkUp) return [armed, effects];
      return run(armed, armed.next);
    }
    case 'timer':
      return timer(state, nowMs, random);
    default:
      return event satisfies never;
  }
}

function request(state: Schedule, reason: CheckReason): Stepped {
  if (state.running === undefined && state.isNetworkUp) return run(state, [...state.next, reason]);
  return [state.next.includes(reason) ? state : { ...state, next: [...state.next, reason] }, []];
}

function run(state: Schedule, reasons: readonly CheckReason[]): Stepped {
  const full = reasons.some((reason) => NEEDS_FULL.has(reason));
  return [
    { ...state, running: reasons, next: [], dueMs: undefined },
    [
      { do: 'arm', atMs: undefined },
      { do: 'run', full, reasons },
    ],
  ];
}

function ended(state: Schedule, nowMs: number, random: Random): Stepped {
  if (state.next.length > 0 && state.isNetworkUp) return run(state, state.next);
  return arm(state, nowMs, random);
}

/** Arms or disarms the periodic check; the time is counted from the end of the last one, whatever it was for. */
function arm(state: Schedule, nowMs: number, random: Random): Stepped {
  if (state.running !== undefined) return [state, []];
  if (!isWanted(state, nowMs)) return state.dueMs === undefined ? [state, []] : disarmed(state);
  if (state.dueMs !== undefined || state.endedMs === undefined) return [state, []];
  const periodMs = PERIOD_MIN_MS + Math.floor(random() * PERIOD_SPREAD_MS);
  const dueMs = Math.max(nowMs, state.endedMs + periodMs);
  return [{ ...state, dueMs }, [{ do: 'arm', atMs: dueMs }]];
}

const disarmed = (state: Schedule): Stepped => [
  { ...state, dueMs: undefined },
  [{ do: 'arm', atMs: undefined }],
];

function timer(state: Schedule, nowMs: number, random: Random): Stepped {
  if (state.dueMs === undefined || state.running !== undefined) return [state, []];
  if (nowMs < state.dueMs) return [state, [{ do: 'arm', atMs: state.dueMs }]];
  const due = { ...state, dueMs: undefined };
  return isWanted(due, nowMs) ? run(due, ['periodic']) : arm(due, nowMs, random);
}

function isWanted({ hasPeers, isNetworkUp, isForced, trafficMs }: Schedule, nowMs: number): boolean {
  if (!isNetworkUp || !hasPeers) return false;
  return isForced || (trafficMs !== undefined && nowMs - trafficMs < ACTIVE_MS);
}
