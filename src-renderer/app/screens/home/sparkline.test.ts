/** The minute of traffic on Home. */
import { expect, test } from 'vitest';
import { added, minuteOf, pathOf } from './sparkline.ts';

test('what is direct and what is relayed are counted together', () => {
  const series = { endMs: 0, direct: { in: [1, 2], out: [3, 4] }, relayed: { in: [10, 20], out: [30, 40] } };
  expect(minuteOf(series)).toEqual({ in: [11, 22], out: [33, 44] });
});

test('only the last seconds are kept', () => {
  expect(added({ in: [1, 2, 3], out: [1, 2, 3] }, { in: [4], out: [4] }, 3)).toEqual({
    in: [2, 3, 4],
    out: [2, 3, 4],
  });
});

test('the line goes from edge to edge, and the area ends at the bottom', () => {
  expect(pathOf([0, 100], 100, false)).toBe('M0.0 46.0L240.0 2.0');
  expect(pathOf([0, 100], 100, true)).toMatch(/L240 48L0 48Z$/);
  expect(pathOf([5], 100, false)).toBe('');
});
