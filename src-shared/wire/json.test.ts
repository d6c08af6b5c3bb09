/** Integers of the wire keep every digit. */
import { expect, test } from 'vitest';
import { jsonText, parseJson, stringifyJson } from './json.ts';

test('an id beyond 2^53 survives reading and writing', () => {
  const text =
    '{"ID":9007199254740993,"Peers":[{"ID":-9223372036854775808}],"User":5,"F":0.5,"Text":"9007199254740993"}';
  const value = parseJson(text) as { ID: unknown; User: unknown; Text: unknown };
  expect(value.ID).toBe(9007199254740993n);
  expect(value.User).toBe(5);
  expect(value.Text).toBe('9007199254740993');
  expect(stringifyJson(value)).toBe(text);
});

test('indents as asked and leaves out undefined', () => {
  expect(stringifyJson({ a: undefined, b: 12345678901234567890n }, '  ')).toBe(
    '{\n  "b": 12345678901234567890\n}',
  );
});

test('bad text is a SyntaxError', () => {
  expect(() => parseJson('{')).toThrow(SyntaxError);
});

test('digits without end stay a number: only 64-bit integers are worth a bigint', () => {
  const value = parseJson(`[${'9'.repeat(300)}, 18446744073709551615]`) as unknown[];
  expect(value).toEqual([1e300, 18446744073709551615n]);
});

test.each([
  [9_007_199_254_740_993n],
  [1.5],
  [Number.NaN],
  ['"\u2028<'],
  [null],
  [true],
  [[1, 'a', null]],
  [{ a: { b: 9_007_199_254_740_993n } }],
])('a small value has the same text either way', (value) => {
  expect(jsonText(value)).toBe(stringifyJson(value));
});
