/** Indices are unique among those in use, never 0, and come back when their keypair is dead. */
import { expect, test } from 'vitest';
import { IndexPool } from './index-pool.ts';

test('no index is given out twice while it is in use, and none is 0', () => {
  const pool = new IndexPool();
  const taken = new Set(Array.from({ length: 5_000 }, () => pool.take(0)));
  expect(taken.size).toBe(5_000);
  expect(taken.has(0)).toBe(false);
});
