/** Who sees whom, as bit sets per rule: rows are made when asked for, never all pairs (policy.md §9, §15.3). */
import { Bits } from '../sets/bits.ts';
import {
  type Addr,
  type Cidr,
  isEmpty,
  isSubset,
  overlapsRange,
  type RangeSet,
  rangesOf,
  setOfCidrs,
} from '../sets/ranges.ts';
import { ALL_V4, ALL_V6, INTERNET } from '../sets/special.ts';
import type { Machine } from './network.ts';

/** One rule as visibility sees it. `scope`: the machines whose own rules hold it; undefined for all. */
export interface Matcher {
  readonly src: RangeSet;
  readonly dst: RangeSet;
  readonly scope: readonly Machine[] | undefined;
}

/** Machines by their addresses, to turn a set into machines without trying each. */
class AddressIndex {
  readonly #v4: readonly (readonly [number, number])[];
  readonly #v6: readonly (readonly [bigint, number])[];
  readonly routers: readonly Machine[];
  readonly size: number;

  constructor(machines: readonly Machine[]) {
    const all = machines.flatMap(({ addrs, index }) => addrs.map((addr) => [addr, index] as const));
    const less = (a: readonly [Addr, number], b: readonly [Addr, number]): number => (a[0] < b[0] ? -1 : 1);
    this.#v4 = all.filter((one): one is readonly [number, number] => typeof one[0] === 'number').sort(less);
    this.#v6 = all.filter((one): one is readonly [bigint, number] => typeof one[0] === 'bigint').sort(less);
    this.routers = machines.filter(({ subnetRoutes, isGateway }) => subnetRoutes.length > 0 || isGateway);
    this.size = machines.length;
  }

  /** Machines with an address in the set. */
  owners(set: RangeSet): Bits {
    const bits = new Bits(this.size);
    for (const [first, last] of rangesOf(set)) {
      const list: readonly (readonly [Addr, number])[] = typeof first === 'number' ? this.#v4 : this.#v6;
      for (let i = lowerBound(list, first); i < list.length; i++) {
        const [addr, index] = list[i] as readonly [Addr, number];
        if (addr > last) break;
        bits.add(index);
      }
    }
    return bits;
  }
}

function lowerBound(list: readonly (readonly [Addr, number])[], addr: Addr): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((list[middle] as readonly [Addr, number])[0] < addr) low = middle + 1;
    else high = middle;
  }
  return low;
}

const ALL4 = setOfCidrs([ALL_V4]);
const ALL6 = setOfCidrs([ALL_V6]);

interface Row {
  readonly matcher: Matcher;
  /** Machines that may start, by address or subnet. */
  readonly src: Bits;
  /** Machines that may be reached by address or subnet. */
  readonly local: Bits;
  /** `local`, and exit nodes where the rule leads to the internet. */
  readonly dst: Bits;
  readonly scope: Bits | undefined;
}

export class Visibility {
  readonly #index: AddressIndex;
  readonly #shared: readonly Row[];
  /** Rows of one owner or holder, by the machines they touch. */
  readonly #scoped = new Map<number, Row[]>();
  /** Distinct pairs of bit sets of the shared rows: typical policies have tens. */
  readonly #pairs: readonly { readonly src: Bits; readonly dst: Bits }[];
  readonly #users = new Map<string, Bits>();

  constructor(machines: readonly Machine[], matchers: readonly Matcher[]) {
    this.#index = new AddressIndex(machines);
    const cache = new Map<RangeSet, Bits>();
    const rows = matchers
      .filter(({ src, dst }) => !isEmpty(src) && !isEmpty(dst))
      .map((matcher) => this.#row(matcher, cache));
    this.#shared = rows.filter(({ scope }) => scope === undefined);
    const pairs = new Map<string, Row>();
    for (const row of this.#shared) pairs.set(row.src.key + row.dst.key, row);
    this.#pairs = [...pairs.values()];
    for (const row of rows) if (row.scope !== undefined) this.#place(row, row.scope);
  }

  #row(matcher: Matcher, cache: Map<RangeSet, Bits>): Row {
    const src = this.#reach(matcher.src, cache);
    const local = this.#reach(matcher.dst, cache);
    const isInternet = [ALL4, ALL6, INTERNET].some((set) => isSubset(set, matcher.dst));
    let dst = local;
    if (isInternet) {
      dst = new Bits(this.#index.size);
      dst.addAll(local);
      for (const { isGateway, index } of this.#index.routers) if (isGateway) dst.add(index);
    }
    const scope = matcher.scope === undefined ? undefined : new Bits(this.#index.size);
    for (const { index } of matcher.scope ?? []) scope?.add(index);
    return { matcher, src, local, dst, scope };
  }

  /** By address, or by a subnet that a router serves. */
  #reach(set: RangeSet, cache: Map<RangeSet, Bits>): Bits {
    const known = cache.get(set);
    if (known !== undefined) return known;
    const bits = this.#index.owners(set);
    for (const { subnetRoutes, index } of this.#index.routers)
      if (subnetRoutes.some((route) => overlapsRange(set, route))) bits.add(index);
    cache.set(set, bits);
    return bits;
  }

  #place(row: Row, scope: Bits): void {
    const touched = new Bits(this.#index.size);
    for (const bits of [row.src, row.dst, scope]) touched.addAll(bits);
    for (const index of touched) {
      const list = this.#scoped.get(index);
      if (list === undefined) this.#scoped.set(index, [row]);
      else list.push(row);
    }
  }

  /** The peers of a machine: both directions count, never itself. */
  peersOf({ index }: Machine): Bits {
    const peers = new Bits(this.#index.size);
    for (const { src, dst } of this.#pairs) {
      if (src.has(index)) peers.addAll(dst);
      if (dst.has(index)) peers.addAll(src);
    }
    for (const row of this.#scoped.get(index) ?? []) {
      const ends = [row.src.has(index) ? row.dst : undefined, row.dst.has(index) ? row.src : undefined];
      for (const other of ends.flatMap((bits) => [...(bits ?? [])]))
        if (row.scope?.has(index) === true || row.scope?.has(other) === true) peers.add(other);
    }
    peers.delete(index);
    return peers;
  }

  /** Where a machine may begin to talk to, by address, subnet or as an exit; itself among them when rules say so. */
  reachedFrom({ index }: Machine): Bits {
    const reached = new Bits(this.#index.size);
    for (const { src, dst } of this.#pairs) if (src.has(index)) reached.addAll(dst);
    for (const row of this.#scoped.get(index) ?? [])
      if (row.src.has(index))
        for (const other of row.dst)
          if (row.scope?.has(index) === true || row.scope?.has(other) === true) reached.add(other);
    reached.delete(index);
    return reached;
  }

  /** Whether a rule that `viewer` holds needs the route, for its own traffic or for answers (policy.md §10.2). */
  canUse(viewer: Machine, route: Cidr): boolean {
    if (this.#usersOf(route).has(viewer.index)) return true;
    return (this.#scoped.get(viewer.index) ?? []).some(
      (row) =>
        row.scope?.has(viewer.index) === true && usersIn(row, route).some((bits) => bits.has(viewer.index)),
    );
  }

  #usersOf(route: Cidr): Bits {
    const known = this.#users.get(route.text);
    if (known !== undefined) return known;
    const users = new Bits(this.#index.size);
    for (const row of this.#shared) for (const bits of usersIn(row, route)) users.addAll(bits);
    this.#users.set(route.text, users);
    return users;
  }
}

/** Who may send into the route, and who may be reached from it. */
function usersIn({ matcher, src, local }: Row, route: Cidr): Bits[] {
  const into = overlapsRange(matcher.dst, route) ? [src] : [];
  return overlapsRange(matcher.src, route) ? [...into, local] : into;
}
