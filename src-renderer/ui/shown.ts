/** Whether anybody can see the page: a hidden one has nothing to count and sets no timers (desktop.md §14). */
import { useSyncExternalStore } from 'react';

export const isShown = (): boolean => document.visibilityState !== 'hidden';

/** Called when the page is hidden and when it is shown again; gives back how to stop. */
export function onShownChange(listener: () => void): () => void {
  document.addEventListener('visibilitychange', listener);
  return () => document.removeEventListener('visibilitychange', listener);
}

export const useIsShown = (): boolean => useSyncExternalStore(onShownChange, isShown);
