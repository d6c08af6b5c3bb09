/** Every key of the app in one table: what the shell and the lists listen to, and what the sheet shows (desktop.md §4.3); pure. */

export interface Chord {
  /** As events name it, letters small. */
  readonly key: string;
  /** Ctrl, or ⌘ on a Mac. */
  readonly command?: true;
  readonly shift?: true;
  readonly alt?: true;
}

/** Done by the shell, wherever the focus is. */
export const SHELL_KEYS = [
  'palette',
  'section',
  'toggle',
  'exit',
  'settings',
  'search',
  'back',
  'panes',
  'close',
  'sheet',
] as const;
export type ShellKey = (typeof SHELL_KEYS)[number];

/** Done by the list that has the focus. */
export const LIST_KEYS = ['move', 'open', 'copy', 'actions'] as const;
export type KeyId = ShellKey | (typeof LIST_KEYS)[number];

export interface Keyboard {
  readonly isMac: boolean;
  /** How many places the navigation has. */
  readonly sections: number;
}

const command = (key: string): Chord => ({ key, command: true });
const plain = (...keys: readonly string[]): readonly Chord[] => keys.map((key) => ({ key }));

export function chordsOf(id: KeyId, { isMac, sections }: Keyboard): readonly Chord[] {
  switch (id) {
    case 'palette':
      return [command('k')];
    case 'section':
      return Array.from({ length: sections }, (_, n) => command(String(n + 1)));
    case 'toggle':
      return [{ key: 'd', command: true, shift: true }];
    case 'exit':
      return [command('e')];
    case 'settings':
      return [command(',')];
    case 'search':
      return [command('f'), ...plain('/')];
    case 'back':
      return isMac ? [command('[')] : [{ key: 'ArrowLeft', alt: true }];
    case 'panes':
      return [{ key: 'F6' }, { key: 'F6', shift: true }];
    case 'close':
      return plain('Escape');
    case 'sheet':
      return plain('?');
    case 'move':
      return plain('ArrowUp', 'ArrowDown', 'Home', 'End', 'PageUp', 'PageDown');
    case 'open':
      return plain('Enter', ' ');
    case 'copy':
      return [command('c')];
    case 'actions':
      return [{ key: 'F10', shift: true }, ...plain('ContextMenu')];
    default:
      return id satisfies never;
  }
}

export interface Press {
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly shiftKey: boolean;
  readonly altKey: boolean;
}

/** What of the shell's is meant. On a Mac Ctrl moves the caret in every field, and is not ours. */
export function meant(press: Press, keyboard: Keyboard): ShellKey | undefined {
  return SHELL_KEYS.find((id) => chordsOf(id, keyboard).some((chord) => isPressed(chord, press, keyboard)));
}

function isPressed(chord: Chord, press: Press, { isMac }: Keyboard): boolean {
  const [wanted, other] = isMac ? [press.metaKey, press.ctrlKey] : [press.ctrlKey, press.metaKey];
  if (wanted !== (chord.command === true) || other) return false;
  // AltGr is Ctrl and Alt at once: it writes letters.
  if (press.altKey !== (chord.alt === true)) return false;
  const key = press.key.length === 1 ? press.key.toLowerCase() : press.key;
  if (key !== chord.key) return false;
  // Where a sign lies under Shift is the keyboard's own affair.
  return /^[^a-z0-9]$/.test(chord.key) || press.shiftKey === (chord.shift === true);
}
