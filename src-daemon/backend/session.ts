/** One connection to a coordination server and what it has told so far. */
import type { ControlClient } from '../control/types.ts';

export interface Session {
  readonly client: ControlClient;
  /** The server whose client this is; a changed preference takes effect with the next start. */
  readonly serverUrl: string;
  login: 'none' | 'under-way' | 'done';
  /** The key that the login under way uses, or the last one used; empty without. */
  authKey: string;
  /** Monotonic ms. */
  loginAt: number;
  /** The login under way was asked for by a person. */
  interactive: boolean;
  /** The login under way, or the last one, shows a key that is good already. */
  isRefresh: boolean;
  /** A person asked for a new key while such a login was under way: it comes next, when changes are followed under the old key. */
  renewsNext: boolean;
  /** Empty when no sign-in page waits. */
  authUrl: string;
  /** Monotonic ms. */
  authUrlAt: number;
  /** What the server said when it refused; empty when it didn't. */
  loginError: string;
  /** Whether the map stream is up. */
  up: boolean;
  /** Why it isn't, for the user. */
  connectionError: string;
}

export const newSession = (client: ControlClient, serverUrl: string): Session => ({
  client,
  serverUrl,
  login: 'none',
  authKey: '',
  loginAt: 0,
  interactive: false,
  isRefresh: false,
  renewsNext: false,
  authUrl: '',
  authUrlAt: 0,
  loginError: '',
  up: false,
  connectionError: '',
});

/** Nothing but the user can get us further. */
export const authCannotContinue = (session: Session | undefined): boolean =>
  session === undefined ||
  session.login === 'none' ||
  (session.login === 'under-way' && (session.authUrl !== '' || session.loginError !== ''));

/** Clients that start with an auth key ask for an interactive login right after. */
const SAME_LOGIN_MS = 10_000;

/**
 * Whether a wish for an interactive login is already met by the auth key that came just before: another registration
 * would use a one-time key twice, or ask a person for what the key has settled.
 */
export const isMetByAuthKey = (session: Session, nowMs: number): boolean =>
  session.authKey !== '' &&
  !session.isRefresh &&
  session.loginError === '' &&
  session.authUrl === '' &&
  (session.login === 'under-way' || (session.login === 'done' && nowMs - session.loginAt < SAME_LOGIN_MS));

/** Whether a wish for a new key must wait for the login under way: replaced, nobody would follow the network meanwhile. */
export const mustWaitForRefresh = (session: Session): boolean =>
  session.login === 'under-way' && session.isRefresh && session.authUrl === '' && session.loginError === '';

export type LoginGoal = Parameters<ControlClient['login']>[0];

/** The key that this machine has: the server is likely to take a good one, and has refused one that is over. */
export type OwnKey = 'none' | 'good' | 'over';

/**
 * Begins a login; one under way is replaced. A key that is over is not shown beside an auth key: a server may take it back
 * into use, and who signs in anew wants a new one.
 */
export function startLogin(session: Session, goal: LoginGoal, nowMs: number, ownKey: OwnKey): void {
  session.login = 'under-way';
  session.isRefresh = ownKey === 'good' && !goal.interactive;
  session.renewsNext = false;
  session.loginAt = nowMs;
  session.authKey = goal.authKey ?? '';
  session.interactive = goal.interactive;
  session.loginError = '';
  session.authUrl = '';
  const makesNew = goal.interactive || (ownKey === 'over' && session.authKey !== '');
  session.client.login({ ...goal, interactive: makesNew });
}
