/** Longest-prefix match agrees with looking at every prefix. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Prefix, prefixContains } from './address.ts';
import { PrefixTable } from './table.ts';

const prefixes = fc.tuple(fc.constantFrom(4, 16), fc.nat(128)).chain(([size, bits]) =>
  // Few distinct bits in few places make prefixes nest and collide.
  fc
    .array(fc.constantFrom(0, 1, 0x80, 0xff), { minLength: size, maxLength: size })
    .map((bytes): Prefix => ({ ip: Uint8Array.from(bytes), bits: Math.min(bits, size * 8) })),
);

test('the longest prefix that contains the address wins', () => {
  fc.assert(
    fc.property(
      fc.array(prefixes, { maxLength: 40 }),
      fc.array(prefixes, { maxLength: 20 }),
      (list, probes) => {
        const table = new PrefixTable();
        for (const [i, prefix] of list.entries()) table.set(prefix, i);
        for (const { ip } of [...list, ...probes]) {
          let wanted = -1;
          let bits = -1;
          for (const [i, prefix] of list.entries()) {
            // Of equal prefixes the later one replaced the earlier.
            if (prefixContains(prefix, ip) && prefix.bits >= bits) {
              wanted = i;
              bits = prefix.bits;
            }
          }
          expect(table.lookup(ip)).toBe(wanted);
          expect(table.bitsAt(ip, 0, ip.length)).toBe(bits);
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('an address inside a packet is looked up in place', () => {
  const table = new PrefixTable();
  table.set({ ip: Uint8Array.of(100, 64, 0, 7), bits: 32 }, 3);
  expect(table.lookupAt(Uint8Array.of(9, 9, 100, 64, 0, 7, 9), 2, 4)).toBe(3);
  expect(table.lookupAt(Uint8Array.of(9, 9, 100, 64, 0, 8, 9), 2, 4)).toBe(-1);
});

test('what is taken out again leaves the table as if it had never been there', () => {
  fc.assert(
    fc.property(
      fc.array(prefixes, { maxLength: 40 }),
      fc.array(fc.nat(39), { maxLength: 30 }),
      fc.array(prefixes, { maxLength: 10 }),
      (list, taken, probes) => {
        const table = new PrefixTable();
        for (const [i, prefix] of list.entries()) table.set(prefix, i);
        const gone = taken.flatMap((i) => list[i] ?? []);
        for (const prefix of gone) table.delete(prefix);
        const isGone = (prefix: Prefix): boolean =>
          gone.some((one) => one.bits === prefix.bits && prefixContains(one, prefix.ip));
        const rest = new PrefixTable();
        for (const [i, prefix] of list.entries()) if (!isGone(prefix)) rest.set(prefix, i);
        for (const { ip } of [...list, ...probes]) {
          expect(table.lookup(ip)).toBe(rest.lookup(ip));
          expect(table.path(ip)).toEqual(rest.path(ip));
          expect(table.path(ip).at(-1) ?? -1).toBe(table.lookup(ip));
        }
      },
    ),
    { numRuns: 300 },
  );
});
