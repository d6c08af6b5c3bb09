/** What the journal is given. */
import { expect, test } from 'vitest';
import { leadsToJournal, withPriority } from './journal.ts';

test.each([
  { level: 20, priority: 7 },
  { level: 30, priority: 6 },
  { level: 40, priority: 4 },
  { level: 50, priority: 3 },
  { level: 60, priority: 3 },
])('level $level has priority $priority', ({ level, priority }) => {
  expect(withPriority(`{"level":${level},"event":"x"}\n`)).toBe(
    `<${priority}>{"level":${level},"event":"x"}\n`,
  );
});

test.each([
  { stream: '8:15', is: true },
  { stream: '8:16', is: false },
  { stream: undefined, is: false },
  { stream: 'nonsense', is: false },
])('$stream leads to the journal: $is', ({ stream, is }) => {
  expect(leadsToJournal(stream, () => ({ dev: 8, ino: 15 }))).toBe(is);
});

test('a closed standard error leads nowhere', () => {
  const closed = (): never => {
    throw new Error('EBADF');
  };
  expect(leadsToJournal('8:15', closed)).toBe(false);
});
