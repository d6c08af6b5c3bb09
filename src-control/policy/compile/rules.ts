/** Rules of the packet filter before they are cut down for one machine (policy.md §7.4, §7.5). */
import type { CapMap } from '../language/ast.ts';
import { ALL_PORTS, type PortRange, type ProtoPorts } from '../language/ports.ts';
import type { Selector } from '../language/selector.ts';
import {
  type Addr,
  addrText,
  bareText,
  type Cidr,
  EVERYTHING,
  isSingle,
  type RangeSet,
  setOfCidrs,
  setOfRanges,
  stringsOf,
  union,
} from '../sets/ranges.ts';
import { INTERNET } from '../sets/special.ts';
import type { Place } from '../text/tree.ts';

/** Who may send: the strings of the wire and the set that they mean. */
export interface Sources {
  readonly strings: readonly string[];
  readonly set: RangeSet;
}

/** One entry of a destination list, without its ports. */
export interface Target {
  readonly IP: string;
  readonly set: RangeSet;
  /** Where it is exactly one address. */
  readonly single: Addr | undefined;
}

export interface PortRule {
  readonly kind: 'ports';
  readonly at: Place | undefined;
  readonly sources: Sources;
  readonly proto: number | undefined;
  readonly ports: readonly PortRange[];
  /** Lists of targets; rules with the same selector share one, which is why they are not made flat. */
  readonly blocks: readonly (readonly Target[])[];
  /** The order of entries within a block: all targets of a port range together, or all ranges of a target. */
  readonly isPortFirst: boolean;
}

export interface CapRule {
  readonly kind: 'caps';
  readonly at: Place | undefined;
  readonly sources: Sources;
  readonly grants: readonly { readonly dsts: readonly Cidr[]; readonly capMap: CapMap }[];
}

export type Rule = PortRule | CapRule;

export const NO_SOURCES: Sources = { strings: [], set: { v4: [], v6: [] } };
export const sourcesOf = (set: RangeSet, strings: readonly string[] = stringsOf(set)): Sources => ({
  strings,
  set,
});
export const ANYONE: Sources = sourcesOf(EVERYTHING, ['*']);

/** What everyone gets where there are no rules at all (policy.md §5.0). */
export const ALLOW_ALL: PortRule = {
  kind: 'ports',
  at: undefined,
  sources: ANYONE,
  proto: undefined,
  ports: [ALL_PORTS],
  blocks: [[{ IP: '*', set: EVERYTHING, single: undefined }]],
  isPortFirst: false,
};

const wide = (IP: string, set: RangeSet): Target => ({ IP, set, single: undefined });
const ofCidr = (cidr: Cidr): Target => ({
  IP: bareText(cidr),
  set: setOfCidrs([cidr]),
  single: isSingle(cidr) ? cidr.first : undefined,
});

/** The internet set in seven ranges instead of 48 prefixes (policy.md §3.6). */
const INTERNET_TARGETS = stringsOf(INTERNET).map((text, i) => {
  const { v4, v6 } = INTERNET;
  const at = 2 * i;
  const range: readonly [Addr, Addr] =
    at < v4.length
      ? [v4[at] as number, v4[at + 1] as number]
      : [v6[at - v4.length] as bigint, v6[at - v4.length + 1] as bigint];
  return wide(text, setOfRanges([range]));
});

const ANY_TARGETS: readonly Target[] = [wide('*', EVERYTHING)];
export const targetsOfInternet: readonly Target[] = INTERNET_TARGETS;
export const targetsOfCidrs = (cidrs: readonly Cidr[]): readonly Target[] => cidrs.map(ofCidr);
export const targetsOfAddrs = (addrs: readonly Addr[]): readonly Target[] =>
  addrs.map((addr) => ({ IP: addrText(addr), set: setOfRanges([[addr, addr]]), single: addr }));

/** Of the selectors whose targets are not simply their addresses. */
export function fixedTargets(selector: Selector): readonly Target[] | undefined {
  if (selector.kind === 'any') return ANY_TARGETS;
  return selector.text === 'autogroup:internet' ? INTERNET_TARGETS : undefined;
}

/** One rule for one `ip` entry: targets in order, and for each its port ranges in order. */
export function portRules(
  at: Place | undefined,
  sources: Sources,
  ip: readonly ProtoPorts[],
  blocks: readonly (readonly Target[])[],
): PortRule[] {
  if (sources.strings.length === 0 || blocks.every((block) => block.length === 0)) return [];
  return ip.map(({ proto, ports }) => ({
    kind: 'ports',
    at,
    sources,
    proto,
    ports,
    blocks,
    isPortFirst: false,
  }));
}

/** What the machines at the other end of some capabilities must know (policy.md §7.4): by the name of the capability. */
const COMPANIONS: readonly (readonly [string, string])[] = [
  ['tailscale.com/cap/drive', 'tailscale.com/cap/drive-sharer'],
  ['tailscale.com/cap/relay', 'tailscale.com/cap/relay-target'],
];

export const hasCompanion = (app: CapMap): boolean =>
  COMPANIONS.some(([original]) => Object.hasOwn(app, original));

/** The capability rule and the reversed ones of its companions. */
export function capRules(
  at: Place | undefined,
  sources: Sources,
  sourceCidrs: readonly Cidr[],
  app: CapMap,
  dsts: readonly (readonly Cidr[])[],
  reverse: () => Sources,
): CapRule[] {
  if (dsts.length === 0) return [];
  const rule: CapRule = {
    kind: 'caps',
    at,
    sources,
    grants: dsts.map((cidrs) => ({ dsts: cidrs, capMap: app })),
  };
  const companions = COMPANIONS.filter(([original]) => Object.hasOwn(app, original)).map(
    ([, companion]): CapRule => ({
      kind: 'caps',
      at,
      sources: reverse(),
      grants: [{ dsts: sourceCidrs, capMap: { [companion]: null } }],
    }),
  );
  return [rule, ...companions];
}

/** Everything that a rule leads to. */
export const destinationSet = (rule: Rule): RangeSet =>
  rule.kind === 'ports'
    ? union(rule.blocks.flatMap((block) => block.map(({ set }) => set)))
    : setOfCidrs(rule.grants.flatMap(({ dsts }) => dsts));
