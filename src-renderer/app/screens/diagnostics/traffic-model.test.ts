/** Series that grow by the second, and what is said of them. */
import { describe, expect, test } from 'vitest';
import type { TrafficSeries } from '#shared/bridge/contract.ts';
import { appended, columnsOf, emptySeries, figuresOf, tableOf } from './traffic-model.ts';

const series = (endMs: number, into: number[], relayedIn = into.map(() => 0)): TrafficSeries => ({
  endMs,
  direct: { in: into, out: into.map((n) => n * 2) },
  relayed: { in: relayedIn, out: relayedIn.map(() => 0) },
});

describe('new seconds', () => {
  test.each([
    { name: 'follow', more: series(4_000, [4]), seconds: 10, want: [1, 2, 3, 4] },
    { name: 'push out the oldest', more: series(4_000, [4]), seconds: 3, want: [2, 3, 4] },
    { name: 'leave a gap at nothing', more: series(6_000, [6]), seconds: 10, want: [1, 2, 3, 0, 0, 6] },
    { name: 'are not taken twice', more: series(3_000, [9]), seconds: 10, want: [1, 2, 3] },
    { name: 'begin anew after a long silence', more: series(60_000, [7]), seconds: 10, want: [7] },
    { name: 'may be none', more: series(9_000, []), seconds: 10, want: [1, 2, 3] },
  ])('$name', ({ more, seconds, want }) =>
    expect(appended(series(3_000, [1, 2, 3]), more, seconds).direct.in).toEqual(want),
  );

  test('are the first ones', () =>
    expect(appended(emptySeries(), series(2_000, [1, 2]), 1).direct.in).toEqual([2]));
});

test('a plot has in above and out below, relayed within all', () => {
  const [times, into, relayedIn, out, relayedOut] = columnsOf(series(10_000, [1, 2], [5, 0]));
  expect(times).toEqual([9, 10]);
  expect(into).toEqual([6, 2]);
  expect(relayedIn).toEqual([5, 0]);
  expect(out).toEqual([-2, -4]);
  expect(relayedOut).toEqual([0, 0]);
});

test('figures are of both ways', () => {
  expect(figuresOf(series(2_000, [1, 3], [0, 4]))).toEqual({
    nowIn: 7,
    nowOut: 6,
    peakIn: 7,
    peakOut: 6,
    meanIn: 4,
    meanOut: 4,
    relayedPart: 0.25,
  });
  expect(figuresOf(emptySeries()).relayedPart).toBeUndefined();
});

test('a table of an hour has few rows', () => {
  const rows = tableOf(
    series(
      3_600_000,
      Array.from({ length: 3_600 }, () => 10),
    ),
    60,
  );
  expect(rows).toHaveLength(60);
  expect(rows[0]).toEqual([1_000, 10, 20]);
});
