/** Proofs that were given for SSH sessions: remembered, found while they count, forgotten after that (policy.md §11.4). */
import type { Actor, AuditEntry, NodeRecord, SshCheckRecord, UserRecord, Write } from '../store/records.ts';
import type { Network } from './network.ts';
import { isActive } from './user-state.ts';

/** The longest that a rule can ask for. */
const LONGEST_MS = 168 * 3_600_000;

/** What a session is: from where, to where, as whom there. */
export interface SshSession {
  readonly source: NodeRecord;
  readonly destination: NodeRecord;
  readonly login: string;
}

/** When somebody last gave a proof that still holds for such sessions; undefined when nobody did. */
export function lastProof(
  network: Network,
  session: SshSession,
  rules: string,
  nowMs: number,
): number | undefined {
  const found = recordOf(network, session);
  const user = found === undefined ? undefined : network.user(found.userId);
  const holds =
    found !== undefined &&
    found.sourceKey === session.source.nodeKey &&
    found.rules === rules &&
    found.at <= nowMs &&
    user !== undefined &&
    isActive(user) &&
    speaksFor(session.source, user);
  return holds ? found.at : undefined;
}

/** Whose machine it is; a tagged one is nobody's: those answer for it who answer for everything. */
export const speaksFor = ({ userId }: NodeRecord, user: UserRecord): boolean =>
  userId === undefined ? user.role === 'owner' || user.role === 'admin' : userId === user.id;

const recordOf = (network: Network, { source, destination, login }: SshSession): SshCheckRecord | undefined =>
  [...network.sshChecks.values()].find(
    (one) => one.source === source.id && one.destination === destination.id && one.login === login,
  );

export async function rememberProof(
  network: Network,
  session: SshSession,
  rules: string,
  user: UserRecord,
  nowMs: number,
  by: Actor,
): Promise<void> {
  const known = recordOf(network, session);
  const { id, write } = known === undefined ? network.nextId('sshCheck') : { id: known.id, write: undefined };
  const { source, destination, login } = session;
  const value: SshCheckRecord = {
    id,
    ...{ source: source.id, destination: destination.id, login, rules },
    ...{ userId: user.id, at: nowMs, sourceKey: source.nodeKey },
  };
  const old = [...network.sshChecks.values()].filter(
    (one) => one.at < nowMs - LONGEST_MS || network.node(one.source) === undefined,
  );
  const writes: Write[] = [
    ...(write === undefined ? [] : [write]),
    { put: 'sshCheck', value },
    ...old.filter((one) => one.id !== id).map((one) => ({ remove: 'sshCheck', id: one.id }) as const),
  ];
  await network.save({ writes, audit: [sshEntry('approve', session, nowMs, by)] });
}

export const sshEntry = (
  action: string,
  { source, destination, login }: SshSession,
  at: number,
  actor: Actor,
): AuditEntry => ({
  ...{ at, actor, action },
  target: { type: 'ssh', id: String(destination.id), name: destination.givenName },
  details: `from ${source.givenName} as ${login}`,
});
