/** What differs between keyboards. */
import { useApp } from '../store/store.ts';

/** In a browser the daemon may run elsewhere: the keyboard is the browser's. */
function isMac(): boolean {
  const { host } = useApp.getState();
  return host.kind === 'electron' ? host.platform === 'darwin' : /Mac|iP(hone|ad)/.test(navigator.userAgent);
}

export const commandKey = (): string => (isMac() ? '⌘' : 'Ctrl');
export const backKey = (): string => (isMac() ? '⌘ [' : 'Alt ←');
