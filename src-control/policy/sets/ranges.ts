/** Sets of addresses as sorted, disjoint ranges of both families: what every selector resolves to (policy.md §3.7). */
import { formatIp, type IpBytes, type Prefix } from '#shared/ip/address.ts';

/** An IPv4 address as a number, an IPv6 address as a bigint: comparable within a family, told apart by type. */
export type Addr = number | bigint;

/** First and last address of each range, one after the other, ascending; neighbours are joined. */
export interface RangeSet {
  readonly v4: readonly number[];
  readonly v6: readonly bigint[];
}

/** One prefix of a decomposition. */
export interface Cidr {
  readonly first: Addr;
  readonly last: Addr;
  readonly bits: number;
  /** With its length: `10.0.0.0/8`, `100.64.0.1/32`. */
  readonly text: string;
}

export const EMPTY: RangeSet = { v4: [], v6: [] };
const MAX4 = 2 ** 32 - 1;
const MAX6 = (1n << 128n) - 1n;
/** Every address there is. */
export const EVERYTHING: RangeSet = { v4: [0, MAX4], v6: [0n, MAX6] };

export const isEmpty = (set: RangeSet): boolean => set.v4.length === 0 && set.v6.length === 0;

export function addrOf(ip: IpBytes): Addr {
  if (ip.length === 4) return new DataView(ip.buffer, ip.byteOffset, 4).getUint32(0);
  const view = new DataView(ip.buffer, ip.byteOffset, 16);
  return (view.getBigUint64(0) << 64n) | view.getBigUint64(8);
}

export function addrText(addr: Addr): string {
  const view = new DataView(new ArrayBuffer(typeof addr === 'number' ? 4 : 16));
  if (typeof addr === 'number') {
    view.setUint32(0, addr);
  } else {
    view.setBigUint64(0, addr >> 64n);
    view.setBigUint64(8, addr);
  }
  return formatIp(new Uint8Array(view.buffer));
}

/** Joins ranges that overlap or touch. `pairs` is sorted by first address. */
function joined<T extends Addr>(pairs: readonly (readonly [T, T])[], next: (addr: T) => T): T[] {
  const out: T[] = [];
  for (const [first, last] of pairs) {
    const end = out.at(-1);
    if (end !== undefined && first <= next(end)) {
      if (last > end) out[out.length - 1] = last;
    } else {
      out.push(first, last);
    }
  }
  return out;
}

const compare = <T extends Addr>(a: readonly [T, T], b: readonly [T, T]): number =>
  a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0;

const pairsOf = <T extends Addr>(flat: readonly T[]): [T, T][] => {
  const out: [T, T][] = [];
  for (let i = 0; i < flat.length; i += 2) out.push([flat[i] as T, flat[i + 1] as T]);
  return out;
};

const next4 = (addr: number): number => addr + 1;
const next6 = (addr: bigint): bigint => addr + 1n;

export function setOfRanges(ranges: Iterable<readonly [Addr, Addr]>): RangeSet {
  const v4: [number, number][] = [];
  const v6: [bigint, bigint][] = [];
  for (const [first, last] of ranges) {
    if (typeof first === 'number') v4.push([first, last as number]);
    else v6.push([first, last as bigint]);
  }
  return { v4: joined(v4.sort(compare), next4), v6: joined(v6.sort(compare), next6) };
}

export const setOfAddrs = (addrs: Iterable<Addr>): RangeSet =>
  setOfRanges([...addrs].map((addr) => [addr, addr] as const));

export function union(sets: readonly RangeSet[]): RangeSet {
  const [only] = sets;
  if (only === undefined) return EMPTY;
  if (sets.length === 1) return only;
  return {
    v4: joined(sets.flatMap((set) => pairsOf(set.v4)).sort(compare), next4),
    v6: joined(sets.flatMap((set) => pairsOf(set.v6)).sort(compare), next6),
  };
}

function without<T extends Addr>(
  from: readonly T[],
  cut: readonly T[],
  step: (addr: T, by: 1 | -1) => T,
): T[] {
  const out: T[] = [];
  let at = 0;
  for (let [first, last] of pairsOf(from)) {
    while (at < cut.length && (cut[at + 1] as T) < first) at += 2;
    for (let i = at; i < cut.length && (cut[i] as T) <= last; i += 2) {
      const [cutFirst, cutLast] = [cut[i] as T, cut[i + 1] as T];
      if (cutFirst > first) out.push(first, step(cutFirst, -1));
      if (cutLast >= last) {
        first = last;
        last = step(last, -1);
        break;
      }
      first = step(cutLast, 1);
    }
    if (first <= last) out.push(first, last);
  }
  return out;
}

export const subtract = (from: RangeSet, cut: RangeSet): RangeSet => ({
  v4: without(from.v4, cut.v4, (addr, by) => addr + by),
  v6: without(from.v6, cut.v6, (addr, by) => addr + BigInt(by)),
});

/** Index of the last range that begins at or before `addr`, -1 for none. */
function rangeBefore<T extends Addr>(flat: readonly T[], addr: T): number {
  let low = 0;
  let high = flat.length / 2 - 1;
  let found = -1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if ((flat[2 * middle] as T) <= addr) {
      found = middle;
      low = middle + 1;
    } else {
      high = middle - 1;
    }
  }
  return found;
}

const inFlat = <T extends Addr>(flat: readonly T[], first: T, last: T): 'all' | 'some' | 'none' => {
  const at = rangeBefore(flat, last);
  if (at < 0 || (flat[2 * at + 1] as T) < first) return 'none';
  return (flat[2 * at] as T) <= first && (flat[2 * at + 1] as T) >= last ? 'all' : 'some';
};

/** How much of first–last the set holds. */
const share = (set: RangeSet, first: Addr, last: Addr): 'all' | 'some' | 'none' =>
  typeof first === 'number' ? inFlat(set.v4, first, last as number) : inFlat(set.v6, first, last as bigint);

export const contains = (set: RangeSet, addr: Addr): boolean => share(set, addr, addr) === 'all';

export const overlapsRange = (set: RangeSet, range: { readonly first: Addr; readonly last: Addr }): boolean =>
  share(set, range.first, range.last) !== 'none';

export const rangesOf = (set: RangeSet): (readonly [Addr, Addr])[] => [
  ...pairsOf(set.v4),
  ...pairsOf(set.v6),
];

export function overlaps(a: RangeSet, b: RangeSet): boolean {
  const [few, many] = a.v4.length + a.v6.length < b.v4.length + b.v6.length ? [a, b] : [b, a];
  return rangesOf(few).some(([first, last]) => share(many, first, last) !== 'none');
}

function withIn<T extends Addr>(flat: readonly T[], addr: T, next: (addr: T) => T): readonly T[] {
  const at = 2 * rangeBefore(flat, addr);
  const isAfter = at >= 0;
  if (isAfter && (flat[at + 1] as T) >= addr) return flat;
  const joinsLeft = isAfter && next(flat[at + 1] as T) === addr;
  const joinsRight = at + 2 < flat.length && next(addr) === flat[at + 2];
  if (joinsLeft && joinsRight) return flat.toSpliced(at + 1, 2);
  if (joinsLeft) return flat.toSpliced(at + 1, 1, addr);
  return joinsRight ? flat.toSpliced(at + 2, 1, addr) : flat.toSpliced(at + 2, 0, addr, addr);
}

function withoutIn<T extends Addr>(
  flat: readonly T[],
  addr: T,
  step: (addr: T, by: 1 | -1) => T,
): readonly T[] {
  const at = 2 * rangeBefore(flat, addr);
  if (at < 0 || (flat[at + 1] as T) < addr) return flat;
  const [first, last] = [flat[at] as T, flat[at + 1] as T];
  const left = first < addr ? [first, step(addr, -1)] : [];
  const right = addr < last ? [step(addr, 1), last] : [];
  return flat.toSpliced(at, 2, ...left, ...right);
}

/** The set and one address, in a time that hardly grows with the set. */
export const withAddr = (set: RangeSet, addr: Addr): RangeSet =>
  typeof addr === 'number'
    ? { v4: withIn(set.v4, addr, next4), v6: set.v6 }
    : { v4: set.v4, v6: withIn(set.v6, addr, next6) };

export const withoutAddr = (set: RangeSet, addr: Addr): RangeSet =>
  typeof addr === 'number'
    ? { v4: withoutIn(set.v4, addr, (one, by) => one + by), v6: set.v6 }
    : { v4: set.v4, v6: withoutIn(set.v6, addr, (one, by) => one + BigInt(by)) };

/** The empty set is a part of every set. */
export const isSubset = (part: RangeSet, whole: RangeSet): boolean =>
  rangesOf(part).every(([first, last]) => share(whole, first, last) === 'all');

/** The fewest prefixes that are exactly `first`–`last`. */
export function cidrsOfRange(first: Addr, last: Addr): Cidr[] {
  const width = typeof first === 'number' ? 32 : 128;
  if (first === last) return [{ first, last, bits: width, text: `${addrText(first)}/${width}` }];
  const back = (value: bigint): Addr => (typeof first === 'number' ? Number(value) : value);
  const out: Cidr[] = [];
  let at = BigInt(first);
  const end = BigInt(last);
  while (at <= end) {
    let host = 0;
    while (host < width && (at & (1n << BigInt(host))) === 0n && at + (1n << BigInt(host + 1)) - 1n <= end)
      host++;
    const to = at + (1n << BigInt(host)) - 1n;
    const bits = width - host;
    out.push({ first: back(at), last: back(to), bits, text: `${addrText(back(at))}/${bits}` });
    at = to + 1n;
  }
  return out;
}

/** IPv4 before IPv6, ascending. */
export const cidrsOf = (set: RangeSet): Cidr[] =>
  rangesOf(set).flatMap(([first, last]) => cidrsOfRange(first, last));

/** Bare addresses, CIDRs where a range is exactly one, else `first-last`. */
export function rangeText(first: Addr, last: Addr): string {
  if (first === last) return addrText(first);
  const cidrs = cidrsOfRange(first, last);
  return cidrs.length === 1 && cidrs[0] !== undefined
    ? cidrs[0].text
    : `${addrText(first)}-${addrText(last)}`;
}

export const stringsOf = (set: RangeSet): string[] =>
  rangesOf(set).map(([first, last]) => rangeText(first, last));

export const isSingle = (cidr: Cidr): boolean => cidr.first === cidr.last;
/** As destinations have it: without the length of a single address. */
export const bareText = (cidr: Cidr): string => (isSingle(cidr) ? addrText(cidr.first) : cidr.text);

/** A prefix with its host bits cleared. */
export function cidrOf(prefix: Prefix): Cidr {
  const width = prefix.ip.length * 8;
  const hosts = BigInt(width - prefix.bits);
  const first = (BigInt(addrOf(prefix.ip)) >> hosts) << hosts;
  const last = first + (1n << hosts) - 1n;
  const back = (value: bigint): Addr => (width === 32 ? Number(value) : value);
  return {
    first: back(first),
    last: back(last),
    bits: prefix.bits,
    text: `${addrText(back(first))}/${prefix.bits}`,
  };
}

export const setOfCidrs = (cidrs: readonly Cidr[]): RangeSet =>
  setOfRanges(cidrs.map(({ first, last }) => [first, last] as const));

export const cidrsOverlap = (a: Cidr, b: Cidr): boolean =>
  typeof a.first === typeof b.first && a.first <= b.last && b.first <= a.last;

export const cidrContains = (outer: Cidr, inner: Cidr): boolean =>
  typeof outer.first === typeof inner.first && outer.first <= inner.first && inner.last <= outer.last;

/** IPv4 first, then by address, the wider prefix first. */
export function compareCidrs(a: Cidr, b: Cidr): number {
  if (typeof a.first !== typeof b.first) return typeof a.first === 'number' ? -1 : 1;
  return a.first < b.first ? -1 : a.first > b.first ? 1 : a.bits - b.bits;
}
