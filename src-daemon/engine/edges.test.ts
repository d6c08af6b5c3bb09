/** Few names are told in a second, each once. */
import { expect, test } from 'vitest';
import { Edges } from './edges.ts';

test('few names are told in a second, each once', () => {
  const edges = new Edges();
  const count = (now: number): number =>
    Array.from({ length: 1_000 }, (_, i) => edges.isNew(`name ${i}`, now)).filter(Boolean).length;
  expect([5, 1_004, 1_005].map((now) => edges.isNew('name 1', now))).toEqual([true, false, true]);
  expect(count(1_100)).toBe(63);
  expect(count(2_100)).toBe(64);
});
