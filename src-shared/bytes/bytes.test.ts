/** Hex and byte helpers. */
import { expect, test } from 'vitest';
import { compare, concat, equal, isZero, utf8 } from './bytes.ts';
import { fromHex, toHex } from './hex.ts';

test('hex goes both ways and refuses what is not hex', () => {
  expect(toHex(Uint8Array.of(0, 15, 255))).toBe('000fff');
  expect(fromHex('000FfF')).toEqual(Uint8Array.of(0, 15, 255));
  for (const bad of ['0', 'zz', '0 ', ' 0']) expect(fromHex(bad)).toBeUndefined();
});

test('bytes join, compare and order', () => {
  const ab = concat(utf8('a'), utf8('b'));
  expect(ab).toEqual(utf8('ab'));
  expect([equal(ab, utf8('ab')), equal(ab, utf8('ac')), equal(ab, utf8('a'))]).toEqual([true, false, false]);
  expect([isZero(new Uint8Array(3)), isZero(Uint8Array.of(0, 1))]).toEqual([true, false]);
  expect(Math.sign(compare(Uint8Array.of(1, 2), Uint8Array.of(1, 3)))).toBe(-1);
  expect(Math.sign(compare(Uint8Array.of(1, 2), Uint8Array.of(1)))).toBe(1);
});
