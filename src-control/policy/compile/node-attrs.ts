/** What a machine's own capability map gets from the policy (policy.md §12.1, §5.10). */
import { APP_CONNECTORS } from '../language/app-connectors.ts';
import type { PolicyAst } from '../language/ast.ts';
import { type Identity, names } from './names.ts';
import type { Machine } from './network.ts';
import type { Resolver } from './resolver.ts';
import { isTarget } from './targets.ts';
import type { Directory } from './users.ts';

/** Sorted by name, for the same bytes every time. */
export type NodeCapMap = Readonly<Record<string, readonly unknown[] | null>>;

const DISABLE_IPV4 = 'disable-ipv4';

/** The capability map of a machine with all the addresses that it could have. */
export function capMapOf(resolver: Resolver, machine: Machine): NodeCapMap {
  const { ast } = resolver;
  const map = new Map<string, readonly unknown[] | null>();
  if (ast.isClientPortRandom) map.set('randomize-client-port', null);
  if (ast.oneCgnatRoute !== '') map.set(`one-cgnat?v=${ast.oneCgnatRoute === 'mac-always'}`, null);
  for (const { target, attr, apps } of ast.nodeAttrs) {
    if (!target.some(({ selector }) => isTarget(resolver, selector, machine))) continue;
    for (const { text } of attr) if (!map.has(text)) map.set(text, null);
    if (apps.length > 0)
      map.set(APP_CONNECTORS, [...(map.get(APP_CONNECTORS) ?? []), ...apps.map(({ wire }) => wire)]);
  }
  return Object.fromEntries([...map].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The prefixes of the first entry with an `ipPool` that names the machine to be (policy.md §12.4). */
export function poolsFor(
  { nodeAttrs }: PolicyAst,
  directory: Directory,
  identity: Identity,
): readonly string[] | undefined {
  return nodeAttrs
    .find(
      ({ target, ipPool }) =>
        ipPool.length > 0 && target.some(({ selector }) => names(directory, selector, identity)),
    )
    ?.ipPool.map(({ text }) => text);
}

/** What of a peer's capabilities everybody may know (policy.md §12.1). */
export function peerCapMapOf(own: NodeCapMap, { isExit }: Machine): NodeCapMap {
  const shown = [...(isExit ? ['suggest-exit-node'] : []), 'dns-subdomain-resolve'];
  return Object.fromEntries(
    shown
      .filter((name) => Object.hasOwn(own, name))
      .sort()
      .map((name) => [name, null]),
  );
}

export const hasIpv4 = (resolver: Resolver, machine: Machine, caps: NodeCapMap | undefined): boolean =>
  !resolver.ast.isIpv4Disabled &&
  !(caps !== undefined && Object.hasOwn(caps, DISABLE_IPV4)) &&
  machine.ipv4 !== undefined;
