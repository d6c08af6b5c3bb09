/** Words with values in them, times in words. */
import { afterEach, describe, expect, test } from 'vitest';
import { plural, setCatalogue, t } from './text.ts';
import { formatRelative } from './time.tsx';

afterEach(() => setCatalogue({}));

test('values take their places, and what has none stays', () => {
  expect(t('{name} is {state}', { name: 'nas', state: 'online' })).toBe('nas is online');
  expect(t('{name} is {state}', { name: '{state}' })).toBe('{state} is {state}');
});

test('one and many differ', () => {
  expect(plural(1, '{count} machine', '{count} machines')).toBe('1 machine');
  expect(plural(12_345, '{count} machine', '{count} machines')).toBe('12,345 machines');
});

test('another language takes the place of the English text', () => {
  setCatalogue({ 'Hello {name}': 'Hallo {name}' });
  expect(t('Hello {name}', { name: 'Ann' })).toBe('Hallo Ann');
  expect(t('Bye')).toBe('Bye');
});

describe('a moment in words', () => {
  const now = Date.parse('2026-06-01T12:00:00Z');
  test.each([
    [-5_000, 'just now'],
    [5_000, 'in a moment'],
    [-5 * 60_000, '5 minutes ago'],
    [-3 * 3_600_000, '3 hours ago'],
    [-26 * 3_600_000, 'yesterday'],
    [30 * 86_400_000, 'in 30 days'],
    [-100 * 86_400_000, '3 months ago'],
    [-800 * 86_400_000, '2 years ago'],
  ])('%i ms away: %s', (away, want) => expect(formatRelative(now + away, now)).toBe(want));
});
