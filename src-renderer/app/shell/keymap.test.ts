/** Which key means what, on which keyboard. */
import { describe, expect, test } from 'vitest';
import { type GridKey, moveFor } from '../../ui/grid-keys.ts';
import { chordsOf, LIST_KEYS, meant, type Press, SHELL_KEYS } from './keymap.ts';

const PC = { isMac: false, sections: 5 };
const MAC = { isMac: true, sections: 5 };
const press = (key: string, held: Partial<Press> = {}): Press => ({
  key,
  ctrlKey: false,
  metaKey: false,
  shiftKey: false,
  altKey: false,
  ...held,
});

test.each([
  { name: 'Ctrl K', press: press('k', { ctrlKey: true }), want: 'palette' },
  { name: 'Ctrl 5', press: press('5', { ctrlKey: true }), want: 'section' },
  { name: 'Ctrl 6, where there is no sixth', press: press('6', { ctrlKey: true }), want: undefined },
  { name: 'Ctrl Shift D', press: press('D', { ctrlKey: true, shiftKey: true }), want: 'toggle' },
  { name: 'Ctrl D, which is another thing', press: press('d', { ctrlKey: true }), want: undefined },
  {
    name: 'AltGr E, which writes a euro',
    press: press('€', { ctrlKey: true, altKey: true }),
    want: undefined,
  },
  {
    name: 'AltGr E as some systems tell it',
    press: press('e', { ctrlKey: true, altKey: true }),
    want: undefined,
  },
  { name: 'Ctrl ,', press: press(',', { ctrlKey: true }), want: 'settings' },
  { name: '/', press: press('/'), want: 'search' },
  { name: '/ under Shift, as in German', press: press('/', { shiftKey: true }), want: 'search' },
  { name: 'Alt ←', press: press('ArrowLeft', { altKey: true }), want: 'back' },
  { name: 'Shift F6', press: press('F6', { shiftKey: true }), want: 'panes' },
  { name: '?', press: press('?', { shiftKey: true }), want: 'sheet' },
  { name: 'Super K, which is the desktop’s', press: press('k', { metaKey: true }), want: undefined },
  { name: 'a letter alone', press: press('e'), want: undefined },
])('on a PC: $name', (row) => {
  expect(meant(row.press, PC)).toBe(row.want);
});

test.each([
  { name: '⌘ K', press: press('k', { metaKey: true }), want: 'palette' },
  { name: 'Ctrl K, which cuts a line', press: press('k', { ctrlKey: true }), want: undefined },
  { name: '⌘ [', press: press('[', { metaKey: true }), want: 'back' },
  { name: '⌥ ←, which goes back a word', press: press('ArrowLeft', { altKey: true }), want: undefined },
])('on a Mac: $name', (row) => {
  expect(meant(row.press, MAC)).toBe(row.want);
});

describe.each([PC, MAC])('on keyboard %o', (keyboard) => {
  test('no two mean the same key', () => {
    const all = [...SHELL_KEYS, ...LIST_KEYS].flatMap((id) => chordsOf(id, keyboard));
    const names = all.map((chord) => JSON.stringify(chord));
    expect(new Set(names).size).toBe(names.length);
  });

  test('lists do what the sheet says of them', () => {
    const place = { row: 2, rowCount: 9, rowsPerPage: 3 };
    for (const chord of LIST_KEYS.flatMap((id) => chordsOf(id, keyboard))) {
      const held: GridKey = {
        key: chord.key,
        ctrl: chord.command === true,
        shift: chord.shift === true,
        alt: false,
      };
      expect([chord.key, moveFor(place, held)?.do]).not.toContain(undefined);
      expect(moveFor(place, held)?.do).not.toBe('search');
    }
  });
});
