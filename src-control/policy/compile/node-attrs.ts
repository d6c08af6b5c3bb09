/** What a machine's own capability map gets from the policy (policy.md §12.1, §5.10). */
import { overlaps } from '../sets/ranges.ts';
import type { Machine } from './network.ts';
import type { Resolver } from './resolver.ts';

/** Sorted by name, for the same bytes every time. */
export type NodeCapMap = Readonly<Record<string, readonly unknown[] | null>>;

const CONNECTORS = 'tailscale.com/app-connectors';
const DISABLE_IPV4 = 'disable-ipv4';

/** Capability maps by the index of the machine. */
export function nodeCapMaps(resolver: Resolver): readonly NodeCapMap[] {
  const { ast, machines } = resolver;
  const maps = machines.map(() => new Map<string, readonly unknown[] | null>());
  for (const map of maps) {
    if (ast.isClientPortRandom) map.set('randomize-client-port', null);
    if (ast.oneCgnatRoute !== '') map.set(`one-cgnat?v=${ast.oneCgnatRoute === 'mac-always'}`, null);
  }
  for (const { target, attr, connectors } of ast.nodeAttrs) {
    const sets = target.map(({ selector }) => resolver.setOf(selector));
    const chosen = machines.filter(({ addrSet }) => sets.some((set) => overlaps(addrSet, set)));
    for (const { index } of chosen) {
      const map = maps[index];
      for (const { text } of attr) if (map?.has(text) === false) map.set(text, null);
      if (connectors.length > 0) map?.set(CONNECTORS, [...(map.get(CONNECTORS) ?? []), ...connectors]);
    }
  }
  return maps.map((map) => Object.fromEntries([...map].sort(([a], [b]) => (a < b ? -1 : 1))));
}

export const hasIpv4 = (resolver: Resolver, machine: Machine, caps: NodeCapMap | undefined): boolean =>
  !resolver.ast.isIpv4Disabled &&
  !(caps !== undefined && Object.hasOwn(caps, DISABLE_IPV4)) &&
  machine.ipv4 !== undefined;
