/** Brings every received node to one form, whatever age its server has (control-protocol.md §4.7). */
import type { Node } from '#shared/wire/node.ts';

/** Legacy form of a home relay: a loopback address whose port is the region. */
const LEGACY_RELAY = /^127\.3\.3\.40:(\d{1,5})$/;

export function upgradeNode(node: Node): Node {
  const home = node.HomeDERP ?? 0;
  const region = home === 0 ? Number(LEGACY_RELAY.exec(node.DERP ?? '')?.[1] ?? 0) : home;
  const addresses = node.Addresses ?? [];
  // Unsigned peers are for one service only: they must not get routes.
  const allowed = node.UnsignedPeerAPIOnly === true ? addresses : (node.AllowedIPs ?? addresses);
  return {
    ...node,
    DERP: undefined,
    Addresses: addresses,
    AllowedIPs: allowed,
    HomeDERP: region === 0 ? undefined : region,
    CapMap: foldCapabilities(node),
  };
}

/** The deprecated list counts as keys of the map without arguments. */
function foldCapabilities(node: Node): Node['CapMap'] {
  // By entries, for a name may be one that every object has.
  const known = new Map(Object.entries(node.CapMap ?? {}));
  const names = (node.Capabilities ?? []).filter((name) => !known.has(name));
  if (names.length === 0) return node.CapMap;
  return Object.fromEntries([...known, ...names.map((name) => [name, null] as const)]);
}
