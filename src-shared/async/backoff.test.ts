/** The backoff of control-protocol.md §3.9. */
import { expect, test } from 'vitest';
import { backoffMs } from './backoff.ts';

test.each([
  [0, 0],
  [1, 10],
  [10, 1_000],
  [54, 29_160],
  [60, 30_000],
  [1_000_000, 30_000],
])('attempt %d waits about %d ms', (attempt, wanted) => {
  expect(backoffMs(attempt, () => 0.5)).toBe(wanted);
  expect(backoffMs(attempt, () => 0)).toBe(wanted * 0.5);
});
