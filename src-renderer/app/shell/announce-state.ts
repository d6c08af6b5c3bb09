/** Reads the connection's state out when it changes: at once when traffic stops or the key is over. */
import { useEffect } from 'react';
import type { UiState } from '#shared/ui-state/derive.ts';
import { announce } from '../../ui/announce.tsx';
import { uiOf, useApp } from '../store/store.ts';
import { headingOf } from './heading.ts';

const URGENT: readonly UiState[] = ['exit-broken', 'expired', 'untrusted-daemon'];
/** What is passed through on the way from one state to another is not worth a word. */
const SETTLED_MS = 400;
/** Passing, or nothing that happened to the connection. */
const QUIET: readonly UiState[] = ['loading', 'reconnecting'];

export function useAnnouncedState(): void {
  useEffect(() => {
    let last = uiOf(useApp.getState());
    /** How it stands when the page is opened is on the page. */
    let isFirst = QUIET.includes(last);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = useApp.subscribe((state) => {
      const ui = uiOf(state);
      if (ui === last) return;
      last = ui;
      clearTimeout(timer);
      if (QUIET.includes(ui)) return;
      if (URGENT.includes(ui)) announce(headingOf(state), 'assertive');
      else if (!isFirst) timer = setTimeout(() => announce(headingOf(useApp.getState())), SETTLED_MS);
      isFirst = false;
    });
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, []);
}
