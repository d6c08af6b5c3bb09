/** Sums over pings, and the tops of charts. */
import { describe, expect, test } from 'vitest';
import { type Answer, niceTop, pathChanges, statsOf } from './ping-stats.ts';

const answers = (...all: readonly (number | undefined)[]): Answer[] =>
  all.map((latencyMs) => ({ latencyMs, via: 'a' }));

describe('a run of pings', () => {
  test.each([
    { name: 'none', run: answers(), want: [0, 0, undefined, undefined, undefined] },
    { name: 'one', run: answers(4), want: [1, 0, 4, 4, 4] },
    { name: 'an odd number', run: answers(9, 1, 4), want: [3, 0, 1, 4, 9] },
    { name: 'an even number', run: answers(9, 1, 4, 6), want: [4, 0, 1, 5, 9] },
    { name: 'losses', run: answers(undefined, 3, undefined), want: [3, 2, 3, 3, 3] },
    {
      name: 'only losses',
      run: answers(undefined, undefined),
      want: [2, 2, undefined, undefined, undefined],
    },
  ])('of $name', ({ run, want }) => {
    const { sent, lost, minMs, medianMs, maxMs } = statsOf(run);
    expect([sent, lost, minMs, medianMs, maxMs]).toEqual(want);
  });
});

test('a change of way is where the next answer came by another, whatever was lost between', () => {
  const run: Answer[] = [
    { latencyMs: 40, via: 'fra' },
    { latencyMs: undefined, via: '' },
    { latencyMs: 41, via: 'fra' },
    { latencyMs: 4, via: '192.0.2.1:41641' },
  ];
  expect(pathChanges(run)).toEqual([{ at: 3, via: '192.0.2.1:41641' }]);
});

test.each([
  [0, 1],
  [0.3, 0.5],
  [1, 1],
  [7, 10],
  [11, 20],
  [480, 500],
  [Number.NaN, 1],
])('a chart up to %f ends at %f', (value, want) => expect(niceTop(value)).toBeCloseTo(want));
