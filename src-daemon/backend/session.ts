/** One connection to a coordination server and what it has told so far. */
import type { ControlClient } from '../control/types.ts';

export interface Session {
  readonly client: ControlClient;
  /** The server whose client this is; a changed preference takes effect with the next start. */
  readonly serverUrl: string;
  login: 'none' | 'under-way' | 'done';
  /** The login under way was asked for by a person. */
  interactive: boolean;
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
  interactive: false,
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
