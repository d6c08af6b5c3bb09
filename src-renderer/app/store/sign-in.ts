/** Signing in: asking for the page, opening it once, waiting, giving up; what outlives a screen is here. */
import { create } from 'zustand';
import type { ArgOf } from '#shared/bridge/contract.ts';
import { toCallError } from '../bridge/failure.ts';
import { t } from '../i18n/text.ts';
import { ask, failureText, openPage } from './act.ts';
import { loginTrouble } from './login-trouble.ts';
import { useApp } from './store.ts';

export interface SignIn {
  /** When this page asked for a sign-in, wall clock ms; undefined = it did not. */
  readonly startedMs: number | undefined;
  readonly problem: string | undefined;
  /** No browser came up: link and code are shown at once. */
  readonly isUnopened: boolean;
  /** The page to sign in at, and when this window first saw it; wall clock. */
  readonly page: { readonly url: string; readonly sinceMs: number } | undefined;
}

const NOT_BEGUN: SignIn = { startedMs: undefined, problem: undefined, isUnopened: false, page: undefined };

export const useSignIn = create<SignIn>(() => NOT_BEGUN);

let stopWaiting = (): void => undefined;

/** Until it is over: opens the page as soon as the daemon has one that it had not before. */
function watch(): void {
  const before = useApp.getState().confirmed;
  let isOpened = false;
  stopWaiting();
  stopWaiting = useApp.subscribe(({ confirmed: { authUrl, state, loginError } }) => {
    if (authUrl !== '' && authUrl !== before.authUrl && !isOpened) {
      isOpened = true;
      void openSignInPage();
    }
    const isDone = state !== 'NeedsLogin' && authUrl === '' && (isOpened || before.state === 'NeedsLogin');
    const isRefused = loginError !== undefined && loginError !== before.loginError;
    if (isDone || isRefused) forgetSignIn();
  });
}

/** Servers forget a page that nobody came to: its age counts, also when another window asked for it. */
export function noticePage(url: string): void {
  if (useSignIn.getState().page?.url !== url) useSignIn.setState({ page: { url, sinceMs: Date.now() } });
}

export async function openSignInPage(): Promise<void> {
  useSignIn.setState({ isUnopened: !(await openPage('auth')) });
}

export async function startSignIn(how: ArgOf<'login.start'> = {}): Promise<void> {
  useSignIn.setState({ ...NOT_BEGUN, startedMs: Date.now() });
  watch();
  try {
    await ask('login.start', how);
  } catch (error) {
    stopWaiting();
    useSignIn.setState({ ...NOT_BEGUN, problem: problemOf(error) });
  }
}

/** A service that asks the server itself gives its refusal as its own. */
function problemOf(error: unknown): string {
  const trouble = loginTrouble(toCallError(error).message);
  return trouble === 'other' ? failureText(error) : t(`signin.trouble.${trouble}`);
}

/** With a new key, while the old one still carries the connection. */
export const signInAgain = (): Promise<void> => startSignIn({ force: true });

export async function cancelSignIn(): Promise<void> {
  stopWaiting();
  useSignIn.setState(NOT_BEGUN);
  try {
    await ask('login.cancel', undefined);
  } catch (error) {
    useSignIn.setState({ problem: failureText(error) });
  }
}

/** Once it is over, whichever way. */
export const forgetSignIn = (): void => {
  stopWaiting();
  useSignIn.setState(({ page }) => ({ ...NOT_BEGUN, page }));
};
