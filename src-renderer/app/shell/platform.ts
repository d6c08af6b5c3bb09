/** What differs between keyboards, and what their keys are called. */
import { type Key, t } from '../i18n/text.ts';
import { useApp } from '../store/store.ts';
import type { Chord, Keyboard } from './keymap.ts';
import { navigation } from './sections.ts';

/** In a browser the daemon may run elsewhere: the keyboard is the browser's. */
function isMac(): boolean {
  const { host } = useApp.getState();
  return host.kind === 'electron' ? host.platform === 'darwin' : /Mac|iP(hone|ad)/.test(navigator.userAgent);
}

export const keyboard = (): Keyboard => ({ isMac: isMac(), sections: navigation.length });

const NAMES: Readonly<Record<string, Key>> = {
  ' ': 'key.space',
  Enter: 'key.enter',
  Escape: 'key.escape',
  Home: 'key.home',
  End: 'key.end',
  PageUp: 'key.pageUp',
  PageDown: 'key.pageDown',
  ContextMenu: 'key.menu',
};
const ARROWS: Readonly<Record<string, string>> = {
  ArrowUp: '↑',
  ArrowDown: '↓',
  ArrowLeft: '←',
  ArrowRight: '→',
};

/** As it stands on the keys: `Ctrl Shift D`. */
export function chordText({ key, command, shift, alt }: Chord): string {
  const name = NAMES[key];
  return [
    command === true ? (isMac() ? '⌘' : t('key.ctrl')) : '',
    alt === true ? t('key.alt') : '',
    shift === true ? t('key.shift') : '',
    name === undefined ? (ARROWS[key] ?? key.toUpperCase()) : t(name),
  ]
    .filter((part) => part !== '')
    .join(' ');
}
