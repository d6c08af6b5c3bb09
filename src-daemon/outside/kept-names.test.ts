/** The last good addresses of names. */
import { expect, test } from 'vitest';
import { KeptNames } from './kept-names.ts';

function memory(initial?: string) {
  let value: Uint8Array | undefined = initial === undefined ? undefined : new TextEncoder().encode(initial);
  let writes = 0;
  return {
    get: () => value,
    set: async (_key: string, bytes: Uint8Array) => {
      value = bytes;
      writes++;
    },
    writes: () => writes,
  };
}

test('outlive a restart', () => {
  const store = memory();
  new KeptNames(store).put('control', 4, ['192.0.2.1']);
  const again = new KeptNames(store);
  expect(again.get('control', 4)).toEqual(['192.0.2.1']);
  expect(again.get('control', 6)).toEqual([]);
});

test('are written only when none of them is right any more', () => {
  const store = memory();
  const names = new KeptNames(store);
  names.put('control', 4, ['192.0.2.1', '192.0.2.2']);
  names.put('control', 4, ['192.0.2.2', '192.0.2.3']);
  names.put('control', 4, []);
  expect(store.writes()).toBe(1);
  names.put('control', 4, ['192.0.2.9']);
  expect(store.writes()).toBe(2);
  expect(names.get('control', 4)).toEqual(['192.0.2.9']);
});

test('are bounded: the oldest goes', () => {
  const names = new KeptNames(memory());
  for (let n = 0; n < 200; n++) names.put(`n${n}`, 4, ['192.0.2.1']);
  expect(names.get('n0', 4)).toEqual([]);
  expect(names.get('n199', 4)).toEqual(['192.0.2.1']);
});

test.each(['', '{', '[["4 a", ["example.com"]]]', '[["4 a"]]', '{"a": 1}'])(
  'damaged (%s) they are none',
  (text) => {
    expect(new KeptNames(memory(text)).get('a', 4)).toEqual([]);
  },
);
