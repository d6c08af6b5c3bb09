/** Sets of prefixes agree with asking address by address. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatPrefix, type Prefix, parsePrefix, prefixContains } from './address.ts';
import { covers, outermost, overlap, subtract } from './prefix-set.ts';

const prefix = (text: string): Prefix => {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
};
const texts = (list: readonly Prefix[]): string[] => list.map(formatPrefix);

/** Inside 10.0.0.0/24, so that every address can be tried. */
const small = fc
  .tuple(fc.nat(255), fc.integer({ min: 20, max: 32 }))
  .map(([host, bits]): Prefix => ({ ip: Uint8Array.of(10, 0, 0, host), bits }));

test('what is left is exactly what no hole holds, and no two parts could be one', () => {
  fc.assert(
    fc.property(small, fc.array(small, { maxLength: 8 }), (from, holes) => {
      const left = subtract(from, holes);
      const hosts = Array.from({ length: 256 }, (_, host) => Uint8Array.of(10, 0, 0, host));
      const isWanted = (ip: Uint8Array): boolean =>
        prefixContains(from, ip) && !holes.some((hole) => prefixContains(hole, ip));
      const holders = hosts.map((ip) => left.filter((part) => prefixContains(part, ip)).length);
      expect(holders).toEqual(hosts.map((ip) => (isWanted(ip) ? 1 : 0)));
      for (const [i, part] of left.entries()) {
        const next = left[i + 1];
        const parent = { ip: part.ip, bits: part.bits - 1 };
        const isPair = next !== undefined && next.bits === part.bits && covers(parent, next);
        expect(isPair).toBe(false);
      }
    }),
    { numRuns: 40 },
  );
});

test('the outermost hold the same addresses as all', () => {
  fc.assert(
    fc.property(fc.array(small, { maxLength: 12 }), (list) => {
      const kept = outermost(list);
      for (const one of list) expect(kept.filter((wider) => covers(wider, one))).toHaveLength(1);
      for (const one of kept) expect(kept.filter((other) => overlap(one, other))).toHaveLength(1);
    }),
  );
});

test('a family holds nothing of the other', () => {
  expect(overlap(prefix('0.0.0.0/0'), prefix('::/0'))).toBe(false);
  expect(texts(subtract(prefix('::/0'), [prefix('0.0.0.0/0')]))).toEqual(['::/0']);
});

test('the world without one network', () => {
  expect(texts(subtract(prefix('0.0.0.0/0'), [prefix('64.0.0.0/2')]))).toEqual(['0.0.0.0/2', '128.0.0.0/1']);
  expect(subtract(prefix('10.0.0.0/8'), [prefix('10.0.0.0/8')])).toEqual([]);
});
