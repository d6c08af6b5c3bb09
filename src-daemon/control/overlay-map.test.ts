/** The overlay map behaves as a plain map that is copied on every change. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { OverlayMap } from './overlay-map.ts';

const edits = fc.array(
  fc.tuple(fc.integer({ min: 0, max: 60 }).map(String), fc.option(fc.integer(), { nil: undefined })),
  { maxLength: 30 },
);

test('any sequence of edits gives what a copied map gives, and older maps stay as they were', () => {
  fc.assert(
    fc.property(fc.array(edits, { maxLength: 20 }), (steps) => {
      let map = OverlayMap.from<number>([]);
      const model = new Map<string, number>();
      const history: [OverlayMap<number>, string][] = [];
      const text = (entries: Iterable<[string, number]>): string => JSON.stringify([...entries].sort());
      for (const step of steps) {
        map = map.with(new Map(step));
        for (const [key, value] of new Map(step)) {
          if (value === undefined) model.delete(key);
          else model.set(key, value);
        }
        expect(text(map)).toBe(text(model));
        expect(map.size).toBe(model.size);
        for (const key of ['0', '7', '60'])
          expect([map.get(key), map.has(key)]).toEqual([model.get(key), model.has(key)]);
        history.push([map, text(model)]);
      }
      for (const [old, want] of history) expect(text(old)).toBe(want);
    }),
  );
});

test('keys, values and forEach agree with the entries', () => {
  const map = OverlayMap.from([
    ['a', 1],
    ['b', 2],
  ]).with(
    new Map([
      ['b', undefined],
      ['c', 3],
    ]),
  );
  expect([...map.keys()]).toEqual(['a', 'c']);
  expect([...map.values()]).toEqual([1, 3]);
  const seen: unknown[] = [];
  map.forEach((value, key) => {
    seen.push([key, value]);
  });
  expect(seen).toEqual([...map]);
  expect(map.with(new Map())).toBe(map);
});

test('ten thousand single edits to ten thousand entries take well under a second', () => {
  let map = OverlayMap.from(Array.from({ length: 10_000 }, (_, i): [string, number] => [String(i), i]));
  for (let i = 0; i < 10_000; i++) map = map.with(new Map([[String(i), -i]]));
  expect(map.get('9999')).toBe(-9_999);
  expect(map.size).toBe(10_000);
}, 1_000);
