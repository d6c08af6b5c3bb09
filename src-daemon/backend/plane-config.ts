/** From the network map to what the data plane shall be: peers, routes, own addresses. */
import { formatPrefix, isTailnetIp, parsePrefix, parseSockAddr, type SockAddr } from '#shared/ip/address.ts';
import type { NodeKey, PrivateKey } from '#shared/key/key.ts';
import type { Node } from '#shared/wire/node.ts';
import type { NetworkMap } from '../control/types.ts';
import { NO_FIREWALL } from '../router/types.ts';
import { isExpired } from './expiry.ts';
import { filterSpec } from './filter-spec.ts';
import type { PlaneConfig, PlanePeer } from './plane.ts';

export interface PlaneInput {
  readonly map: NetworkMap;
  readonly privateKey: PrivateKey;
  /** The user wants nobody to begin anything. */
  readonly shieldsUp: boolean;
  /** Wall clock, ms. */
  readonly nowMs: number;
}

/** A peer that the data plane can have: it has a key that is good. */
type UsablePeer = Node & { readonly Key: NodeKey };

export function planeConfig({ map, privateKey, shieldsUp, nowMs }: PlaneInput): PlaneConfig {
  const own = hostPrefixes(map.self.Addresses);
  const taken = new Set(own);
  const seen = new Set<NodeKey>();
  const peers: PlanePeer[] = [];
  // Without an address of ours the engine could not tell what of a peer's packets is meant for this machine.
  for (const node of own.length === 0 ? [] : inOrder(map.peers)) {
    // Two nodes with one key, or our own key, would make two machines of one tunnel: the first (lowest id) has it.
    if (!isUsable(node, nowMs, map.clockSkewMs) || node.Key === map.nodeKey || seen.has(node.Key)) continue;
    seen.add(node.Key);
    peers.push(planePeer(node, taken));
  }
  const routes = peers.flatMap((peer) => peer.allowedIps).sort();
  const filter = shieldsUp ? [] : filterSpec(map.filter, map.peers.values());
  return {
    privateKey,
    addresses: own,
    peers,
    routes,
    localRoutes: [],
    accepts: [],
    firewall: NO_FIREWALL,
    dns: undefined,
    derpMap: map.derpMap,
    filter,
  };
}

/** A peer without a disco key and without a home relay can't be reached by any means of ours (control-protocol.md §8). */
function isUsable(node: Node, nowMs: number, skewMs: number): node is UsablePeer {
  if (node.Key === undefined || isExpired(node, nowMs, skewMs)) return false;
  return node.DiscoKey !== undefined || homeRegion(node) !== undefined || node.IsWireGuardOnly === true;
}

/** Claims the peer's own addresses: the first peer that names an address has it, and nobody has ours. */
function planePeer(node: UsablePeer, taken: Set<string>): PlanePeer {
  const wanted = node.AllowedIPs === undefined ? node.Addresses : node.AllowedIPs;
  const addresses = new Set(hostPrefixes(node.Addresses));
  // Routes beyond the machine's own addresses are used only when the user accepts them, which comes later.
  const allowedIps = hostPrefixes(wanted).filter((prefix) => addresses.has(prefix) && !taken.has(prefix));
  for (const prefix of allowedIps) taken.add(prefix);
  return {
    nodeKey: node.Key,
    discoKey: node.DiscoKey,
    endpoints: (node.Endpoints ?? [])
      .map(parseSockAddr)
      .filter((addr): addr is SockAddr => addr !== undefined),
    allowedIps,
    wireguardOnly: node.IsWireGuardOnly === true,
    jailed: node.IsJailed === true,
    homeRegion: homeRegion(node),
    isOnline: node.Online === true,
  };
}

/** Canonical single-host prefixes of the network's own ranges; anything else is left out. */
export function hostPrefixes(texts: readonly string[] | undefined): string[] {
  const found: string[] = [];
  for (const text of texts ?? []) {
    const prefix = parsePrefix(text);
    if (prefix !== undefined && prefix.bits === prefix.ip.length * 8 && isTailnetIp(prefix.ip))
      found.push(formatPrefix(prefix));
  }
  return found;
}

/** The home relay, in the present or the legacy form `127.3.3.40:<region>`. */
export function homeRegion(node: Node): number | undefined {
  if (node.HomeDERP !== undefined && node.HomeDERP > 0) return node.HomeDERP;
  const legacy = /^127\.3\.3\.40:(\d{1,5})$/.exec(node.DERP ?? '')?.[1];
  return legacy === undefined || legacy === '0' ? undefined : Number(legacy);
}

/** By numeric id, so that who wins a disputed address doesn't depend on the order of arrival. */
function inOrder(peers: ReadonlyMap<string, Node>): Node[] {
  return [...peers.values()].sort((a, b) => (a.ID < b.ID ? -1 : a.ID > b.ID ? 1 : 0));
}
