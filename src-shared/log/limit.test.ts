/** The limit of one event: fifty in ten seconds, and their number afterwards. */
import { expect, test } from 'vitest';
import { LineLimit } from './limit.ts';

test('lets fifty pass, and tells with the next one how many it left out', () => {
  const limit = new LineLimit();
  const passed = Array.from({ length: 80 }, (_, i) => limit.admit('a', i)).filter((n) => n !== undefined);
  expect(passed).toHaveLength(50);
  expect(limit.admit('b', 80)).toBe(0);
  expect(limit.admit('a', 10_000)).toBe(30);
  expect(limit.admit('a', 10_001)).toBe(0);
});

test('never holds more than it needs', () => {
  const limit = new LineLimit();
  for (let i = 0; i < 5_000; i++) expect(limit.admit(`event-${i}`, 0)).toBe(0);
});
