/** An episode is told when it begins, and few begin in a minute. */
import { expect, test } from 'vitest';
import { Episodes } from './episodes.ts';

test('an episode is told once, for as long as it goes on', () => {
  const episodes = new Episodes();
  const times = [0, 1_000, 60_999, 120_000, 180_000, 240_001];
  expect(times.map((now) => episodes.begins('one', now))).toEqual([true, false, false, false, true, true]);
});

test('few begin in a minute, and others when they are over', () => {
  const episodes = new Episodes();
  const count = (now: number): number =>
    Array.from({ length: 1_000 }, (_, i) => episodes.begins(`name ${i}`, now)).filter(Boolean).length;
  expect([count(0), count(1_000), count(61_000)]).toEqual([16, 0, 16]);
});
