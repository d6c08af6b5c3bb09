/** Reads the connection's state out when it changes: at once when traffic stops or the key is over. */
import { useEffect } from 'react';
import type { UiState } from '#shared/ui-state/derive.ts';
import { announce } from '../../ui/announce.tsx';
import { uiOf, useApp } from '../store/store.ts';
import { headingOf } from './heading.ts';

const URGENT: readonly UiState[] = ['exit-broken', 'expired', 'untrusted-daemon'];
/** Passing, or nothing that happened to the connection. */
const QUIET: readonly UiState[] = ['loading', 'reconnecting'];

export function useAnnouncedState(): void {
  useEffect(() => {
    let last = uiOf(useApp.getState());
    return useApp.subscribe((state) => {
      const ui = uiOf(state);
      if (ui === last) return;
      const isFirst = last === 'loading';
      last = ui;
      if (QUIET.includes(ui) || (isFirst && !URGENT.includes(ui))) return;
      announce(headingOf(state), URGENT.includes(ui) ? 'assertive' : 'polite');
    });
  }, []);
}
