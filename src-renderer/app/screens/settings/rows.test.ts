/** Which settings are there, depending on who asks and what the daemon can do. */
import { describe, expect, test } from 'vitest';
import { type Around, GROUPS, ROWS, rowsFor, searchRows } from './rows.ts';

const web: Around = { can: [], features: [], platform: 'linux', hasDaemon: true };
const ids = (around: Partial<Around>): string[] => rowsFor({ ...web, ...around }).map(({ id }) => id);

test('every row has a name of its own and every group a row', () => {
  expect(new Set(ROWS.map(({ id }) => id)).size).toBe(ROWS.length);
  expect(new Set(ROWS.map(({ group }) => group))).toEqual(new Set(GROUPS));
});

describe('settings are shown', () => {
  test.each([
    { name: 'SSH only where the daemon can', around: {}, id: 'ssh', want: false },
    { name: 'SSH where the daemon can', around: { features: ['ssh'] as const }, id: 'ssh', want: true },
    { name: 'no tray in a browser', around: {}, id: 'trayIcon', want: false },
    { name: 'the tray in a desktop program', around: { can: ['tray'] as const }, id: 'trayIcon', want: true },
    { name: 'the firewall on Linux', around: {}, id: 'netfilter', want: true },
    { name: 'no firewall on Windows', around: { platform: 'win32' }, id: 'netfilter', want: false },
    { name: 'the theme without a daemon', around: { hasDaemon: false }, id: 'theme', want: true },
    { name: 'about without a daemon', around: { hasDaemon: false }, id: 'about', want: true },
    {
      name: 'nothing of a daemon that is not there',
      around: { hasDaemon: false },
      id: 'acceptDns',
      want: false,
    },
  ])('$name', ({ around, id, want }) => expect(ids(around).includes(id)).toBe(want));
});

test('a search needs every word, in any case', () => {
  const found = (text: string): string[] =>
    searchRows(ROWS, text, ({ id }) => `Setting ${id}`).map(({ id }) => id);
  expect(found('THEME setting')).toEqual(['theme']);
  expect(found('')).toHaveLength(ROWS.length);
  expect(found('theme nowhere')).toEqual([]);
});
