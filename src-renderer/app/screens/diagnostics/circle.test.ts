/** Devices around the middle. */
import { expect, test } from 'vitest';
import { placed } from './circle.ts';

test('the first is at the top, the rest follow clockwise, names face outwards', () => {
  const [top, right, bottom, left] = placed(4, 400);
  expect(top).toMatchObject({ x: 200, y: 84, anchor: 'middle' });
  expect(right).toMatchObject({ x: 316, anchor: 'start' });
  expect(bottom?.y).toBeCloseTo(316);
  expect(left).toMatchObject({ anchor: 'end' });
});

test('nobody is nowhere', () => expect(placed(0, 400)).toEqual([]));
