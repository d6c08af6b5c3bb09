/** Names: the vectors of control-protocol.md §12.6 and what an administrator may choose. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  labelFor,
  parseBaseDomain,
  parseLabel,
  parseUserName,
  sanitizeLabel,
  trimCommonSuffix,
  uniqueLabel,
} from './names.ts';

test.each([
  ['', ''],
  [' ', ''],
  ['OBERON', 'oberon'],
  ["Avery's iPhone 4(SE)", 'averys-iphone-4se'],
  ['mon.ipn.dev', 'mon-ipn-dev'],
  ['admin@example.com', 'admin-example-com'],
  ['.bound.ary.', 'bound-ary'],
  ['a-', 'a'],
  ['-a', 'a'],
  ['-a-', 'a'],
  ['test.'.repeat(20), 'test-test-test-test-test-test-test-test-test-test-test-test-tes'],
])('sanitises %j to %j', (input, want) => expect(sanitizeLabel(input)).toBe(want));

test.each([
  ['computer.local', 'computer'],
  ['computer.localdomain', 'computer'],
  ['computer.lan', 'computer'],
  ['computer.mynetwork', 'computer.mynetwork'],
])('trims %s to %s', (input, want) => expect(trimCommonSuffix(input)).toBe(want));

test('a host name without any usable character becomes node', () => {
  expect(labelFor('')).toBe('node');
  expect(labelFor('日本語')).toBe('node');
});

test('every host name gives a valid label', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => parseLabel(labelFor(text)) === labelFor(text)),
  );
});

test('a taken label gets the next number and keeps to 63 bytes', () => {
  const taken = new Set(['web', 'web-1', 'x'.repeat(63)]);
  expect(uniqueLabel('web', (label) => taken.has(label))).toBe('web-2');
  expect(uniqueLabel('x'.repeat(63), (label) => taken.has(label))).toBe(`${'x'.repeat(61)}-1`);
});

test('ten thousand machines of one name cost few looks each, and get the numbers in order', () => {
  const taken = new Set<string>();
  let looks = 0;
  for (let n = 0; n < 10_000; n++)
    taken.add(
      uniqueLabel('web', (label) => {
        looks += 1;
        return taken.has(label);
      }),
    );
  expect(taken.size).toBe(10_000);
  expect(taken.has('web-9999')).toBe(true);
  expect(looks).toBeLessThan(10_000 * 30);
});

test('with gaps among the numbers the label is a free one all the same', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 40 })), (numbers) => {
      const taken = new Set(['web', ...numbers.map((n) => `web-${n}`)]);
      return !taken.has(uniqueLabel('web', (label) => taken.has(label)));
    }),
  );
});

test.each(['', '-a', 'a-', 'A', 'a.b', 'a_b', 'x'.repeat(64)])('refuses %j as a machine name', (text) =>
  expect(() => parseLabel(text)).toThrow(/machine name/),
);

test.each(['', '-x', 'a b', 'a@b@c', '<script>', 'x'.repeat(64)])('refuses %j as a user name', (text) =>
  expect(() => parseUserName(text)).toThrow(/user name/),
);

test('a base domain is lower-cased and loses its dot', () => {
  expect(parseBaseDomain('Net.Example.')).toBe('net.example');
  expect(() => parseBaseDomain('a..b')).toThrow(/domain/);
});
