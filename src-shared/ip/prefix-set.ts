/** Prefixes as sets of addresses: which holds which, and what is left of one when others are taken out. */
import { type IpBytes, maskPrefix, type Prefix, prefixContains } from './address.ts';

/** Whether every address of `inner` is one of `outer`. */
export const covers = (outer: Prefix, inner: Prefix): boolean =>
  outer.bits <= inner.bits && prefixContains(outer, inner.ip);

/** Two prefixes share either all addresses of the smaller one or none. */
export const overlap = (a: Prefix, b: Prefix): boolean => covers(a, b) || covers(b, a);

/** The fewest prefixes with exactly the addresses of `from` that are in none of `holes`, in the order of addresses. */
export function subtract(from: Prefix, holes: readonly Prefix[]): Prefix[] {
  const inside = holes.filter((hole) => overlap(from, hole));
  if (inside.length === 0) return [maskPrefix(from)];
  if (inside.some((hole) => covers(hole, from))) return [];
  return halves(from).flatMap((half) => subtract(half, inside));
}

/** Each that no other one covers, once. */
export function outermost(prefixes: readonly Prefix[]): Prefix[] {
  const kept: Prefix[] = [];
  for (const prefix of [...prefixes].sort((a, b) => a.bits - b.bits))
    if (!kept.some((wider) => covers(wider, prefix))) kept.push(maskPrefix(prefix));
  return kept;
}

function halves({ ip, bits }: Prefix): readonly [Prefix, Prefix] {
  const low = maskPrefix({ ip, bits }).ip;
  const high: IpBytes = low.slice();
  high[bits >> 3] = (high[bits >> 3] as number) | (0x80 >> (bits & 7));
  return [
    { ip: low, bits: bits + 1 },
    { ip: high, bits: bits + 1 },
  ];
}
