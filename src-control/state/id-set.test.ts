/** The bit set behaves as a Set of numbers, whatever is done to it. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { IdSet } from './id-set.ts';

test('holds what was added and not deleted', () => {
  const step = fc.tuple(fc.boolean(), fc.oneof(fc.nat(3_000), fc.nat(2 ** 32)));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const [ours, want] = [new IdSet(), new Set<number>()];
      for (const [isAdd, id] of steps) {
        if (isAdd) ours.add(id);
        else ours.delete(id);
        if (isAdd) want.add(id);
        else want.delete(id);
      }
      expect([...ours.values()].sort((a, b) => a - b)).toEqual([...want].sort((a, b) => a - b));
      return steps.every(([, id]) => ours.has(id) === want.has(id));
    }),
  );
});

test('skips pages that are full, and only those', () => {
  const set = new IdSet();
  for (let id = 0; id < 2_048; id++) set.add(id);
  expect(set.skipFull(5)).toBe(2_048);
  set.delete(1_500);
  expect(set.skipFull(5)).toBe(1_024);
});
