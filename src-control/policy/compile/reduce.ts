/** Cutting a rule down to what concerns one machine (policy.md §7.7). */
import {
  type Addr,
  addrText,
  type Cidr,
  compareCidrs,
  contains,
  isSingle,
  isSubset,
  overlapsRange,
} from '../sets/ranges.ts';
import { INTERNET } from '../sets/special.ts';
import { type Machine, overlapsSubnet } from './network.ts';
import type { CapRule, Target } from './rules.ts';

/** Where in the list the single addresses are, and which entries are wider: most machines need to look at few. */
interface Index {
  readonly singles: ReadonlyMap<Addr, readonly number[]>;
  readonly wide: readonly number[];
}

const indices = new WeakMap<readonly unknown[], Index>();

function indexOf<T>(list: readonly T[], singleOf: (item: T) => Addr | undefined): Index {
  const known = indices.get(list);
  if (known !== undefined) return known;
  const singles = new Map<Addr, number[]>();
  const wide: number[] = [];
  for (const [i, item] of list.entries()) {
    const addr = singleOf(item);
    if (addr === undefined) {
      wide.push(i);
      continue;
    }
    const at = singles.get(addr);
    if (at === undefined) singles.set(addr, [i]);
    else at.push(i);
  }
  const index = { singles, wide };
  indices.set(list, index);
  return index;
}

/** Entries that can concern the machine, in their order. One with routes may serve any address. */
function candidates<T>(
  list: readonly T[],
  machine: Machine,
  singleOf: (item: T) => Addr | undefined,
): readonly T[] {
  if (machine.subnetRoutes.length > 0 || machine.isGateway) return list;
  const { singles, wide } = indexOf(list, singleOf);
  const own = machine.addrs.flatMap((addr) => singles.get(addr) ?? []);
  return [...own, ...wide].sort((a, b) => a - b).map((i) => list[i] as T);
}

const concerns = ({ set }: Target, machine: Machine): boolean =>
  machine.addrs.some((addr) => contains(set, addr)) ||
  machine.subnetRoutes.some((route) => overlapsRange(set, route)) ||
  (machine.isGateway && isSubset(set, INTERNET));

/** The targets that concern the machine, as they are. */
export const reduceTargets = (block: readonly Target[], machine: Machine): readonly Target[] =>
  candidates(block, machine, ({ single }) => single).filter((target) => concerns(target, machine));

function hostCidr(addr: Addr): Cidr {
  const bits = typeof addr === 'number' ? 32 : 128;
  return { first: addr, last: addr, bits, text: `${addrText(addr)}/${bits}` };
}

function reduceDsts(dsts: readonly Cidr[], machine: Machine): readonly Cidr[] {
  const found = new Map<string, Cidr>();
  const near = candidates(dsts, machine, (cidr) => (isSingle(cidr) ? cidr.first : undefined));
  for (const cidr of near) {
    for (const addr of machine.addrs) {
      const isIn = typeof addr === typeof cidr.first && cidr.first <= addr && addr <= cidr.last;
      if (isIn) found.set(hostCidr(addr).text, hostCidr(addr));
    }
    if (overlapsSubnet(machine, cidr)) found.set(cidr.text, cidr);
  }
  return [...found.values()].sort(compareCidrs);
}

/** Capabilities are narrowed to the machine's own addresses; what it routes stays as wide as written. */
export const reduceCaps = (rule: CapRule, machine: Machine): CapRule['grants'] =>
  rule.grants
    .map(({ dsts, capMap }) => ({ dsts: reduceDsts(dsts, machine), capMap }))
    .filter(({ dsts }) => dsts.length > 0);
