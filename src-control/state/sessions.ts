/** Who is signed in to the web console: begun, found by the hash of a cookie, kept alive, ended (coordination-server.md §23). */
import { createHash } from 'node:crypto';
import type { Actor, AuditEntry, SessionRecord, UserRecord, Write } from '../store/records.ts';
import type { Network } from './network.ts';
import { isActive } from './user-state.ts';

/** Without a request. */
export const SESSION_IDLE_MS = 8 * 3_600_000;
/** However busy it is. */
export const SESSION_LIFE_MS = 7 * 24 * 3_600_000;
/** Written no more often than this: reading a page must not cost a write each time. */
const TOUCH_MS = 60_000;
/** Of one user; the one that was idle longest makes room. */
const MAX_PER_USER = 32;
const MAX_USER_AGENT = 256;

export interface SignedIn {
  readonly user: UserRecord;
  readonly session: SessionRecord;
}

/** How somebody proved who they are; for the audit log. */
export type SignInWay = 'code' | 'setup code' | 'passkey' | 'provider';

export interface NewSession {
  /** The cookie's value; only its hash is kept. */
  readonly secret: string;
  readonly address: string;
  readonly userAgent: string;
  readonly way: SignInWay;
  /** False where the person may only have been recognized: then it is no fresh proof (policy.md §11.4). */
  readonly isProvenAnew?: boolean;
  /** The one that this browser had before: it ends (rotation at sign-in). */
  readonly replaces?: SessionRecord | undefined;
  /** What happens together with it, such as the use of a code. */
  readonly writes?: readonly Write[];
  readonly audit?: readonly AuditEntry[];
}

export const hashSession = (secret: string): Uint8Array =>
  new Uint8Array(createHash('sha256').update(secret).digest());

/** The actor as whom somebody acts in the console. */
export const consoleActor = (user: UserRecord, remoteAddress: string): Actor => ({
  origin: 'console',
  id: String(user.id),
  name: user.name,
  remoteAddress,
});

export async function beginSession(
  network: Network,
  user: UserRecord,
  fresh: NewSession,
  nowMs: number,
): Promise<SessionRecord> {
  const { id, write } = network.nextId('session');
  const value: SessionRecord = {
    id,
    idHash: hashSession(fresh.secret),
    userId: user.id,
    createdAt: nowMs,
    authAt: fresh.isProvenAnew === false ? 0 : nowMs,
    lastUsedAt: nowMs,
    expiresAt: nowMs + SESSION_LIFE_MS,
    address: fresh.address,
    userAgent: fresh.userAgent.replaceAll(/[\p{Cc}\p{Cf}]/gu, ' ').slice(0, MAX_USER_AGENT),
  };
  const leaving = new Set([...network.sessions.values()].filter((one) => !isAlive(one, nowMs)));
  if (fresh.replaces !== undefined) leaving.add(fresh.replaces);
  const others = sessionsOf(network, user.id, nowMs).filter((one) => !leaving.has(one));
  for (const idle of others.slice(MAX_PER_USER - 1)) leaving.add(idle);
  await network.save({
    writes: [
      ...(fresh.writes ?? []),
      write,
      { put: 'session', value },
      ...[...leaving].map((one) => ({ remove: 'session', id: one.id }) as const),
    ],
    changes: [{ kind: 'user', id: user.id }],
    audit: [
      ...(fresh.audit ?? []),
      {
        at: nowMs,
        actor: consoleActor(user, fresh.address),
        action: 'login',
        target: { type: 'user', id: String(user.id), name: user.name },
        details: `by ${fresh.way}`,
      },
    ],
  });
  return value;
}

export const isAlive = (session: SessionRecord, nowMs: number): boolean =>
  nowMs < session.expiresAt && nowMs - session.lastUsedAt < SESSION_IDLE_MS;

/** Whose cookie it is, if the session and its user are good now. */
export function findSession(network: Network, secret: string, nowMs: number): SignedIn | undefined {
  const session = network.sessionByHash(hashSession(secret));
  if (session === undefined || !isAlive(session, nowMs)) return undefined;
  const user = network.user(session.userId);
  return user !== undefined && isActive(user) ? { user, session } : undefined;
}

/** Keeps it from growing idle. */
export async function touchSession(network: Network, session: SessionRecord, nowMs: number): Promise<void> {
  if (Math.abs(nowMs - session.lastUsedAt) < TOUCH_MS) return;
  const value = { ...session, lastUsedAt: nowMs };
  await network.save({ writes: [{ put: 'session', value }], pace: 'lazy' });
}

/** Those that are good, the latest used first. */
export const sessionsOf = (network: Network, userId: number, nowMs: number): readonly SessionRecord[] =>
  [...network.sessions.values()]
    .filter((one) => one.userId === userId && isAlive(one, nowMs))
    .sort((a, b) => b.lastUsedAt - a.lastUsedAt || b.id - a.id);

/** For what else ends a session: the user is suspended, deleted, or has another role now. */
export const endSessionsOf = (network: Network, userId: number): readonly Write[] =>
  [...network.sessions.values()]
    .filter((one) => one.userId === userId)
    .map(({ id }) => ({ remove: 'session', id }) as const);

export async function endSession(
  network: Network,
  session: SessionRecord,
  nowMs: number,
  by: Actor,
): Promise<void> {
  const user = network.user(session.userId);
  const entry: AuditEntry = {
    at: nowMs,
    actor: by,
    action: by.id === String(session.userId) ? 'logout' : 'revoke',
    target: { type: 'session', id: String(session.id), name: user?.name ?? '' },
  };
  await network.save({ writes: [{ remove: 'session', id: session.id }], audit: [entry] });
}
