/** Who is signed in, and what that allows; known before anything else is shown. */
import { create } from 'zustand';
import type { CallName } from '#shared/console/calls.ts';
import type { Session } from '#shared/console/live.ts';
import { loadSession, problemText, signOut } from '../api/client.ts';
import { closeLine, openLine, useLink } from '../api/live.ts';
import { forgetAll, whenSignedOut } from '../api/query.ts';

type State =
  | { readonly kind: 'loading' }
  | { readonly kind: 'signed-in'; readonly session: Session }
  | { readonly kind: 'signed-out' }
  | { readonly kind: 'failed'; readonly problem: string };

export const useSessionState = create<{ readonly state: State }>(() => ({ state: { kind: 'loading' } }));

const set = (state: State): void => useSessionState.setState({ state });

export async function start(): Promise<void> {
  set({ kind: 'loading' });
  try {
    const session = await loadSession();
    if (session === undefined) return leave();
    set({ kind: 'signed-in', session });
    openLine();
  } catch (error) {
    set({ kind: 'failed', problem: problemText(error) });
  }
}

/** To the sign-in page, and back here afterwards. */
function leave(): void {
  closeLine();
  forgetAll();
  set({ kind: 'signed-out' });
  location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
}

export function watchSignOut(): void {
  whenSignedOut(leave);
  useLink.subscribe(({ link }) => {
    if (link.kind === 'signed-out') leave();
  });
}

export async function endSession(session: Session): Promise<void> {
  closeLine();
  await signOut(session.links.signOut);
  forgetAll();
  location.assign('/login');
}

/** Screens are only drawn for somebody who is signed in. */
export function useSession(): Session {
  const state = useSessionState(({ state }) => state);
  if (state.kind !== 'signed-in') throw new Error('a screen without a session');
  return state.session;
}

/** Whether the user may make a call; what nobody may do is not offered. */
export function useMay(): (call: CallName) => boolean {
  const { calls } = useSession();
  return (call) => calls.includes(call);
}
