/** From the network map, the user's wishes and the networks around to what the data plane shall be: peers, routes, addresses. */
import { formatPrefix, maskPrefix, parsePrefix, parseSockAddr, type SockAddr } from '#shared/ip/address.ts';
import type { NodeKey, PrivateKey } from '#shared/key/key.ts';
import { NetfilterMode, type Prefs } from '#shared/localapi/prefs.ts';
import type { Node } from '#shared/wire/node.ts';
import type { NetworkMap } from '../control/types.ts';
import { dnsWish } from '../dns/wish.ts';
import type { EngineFlags } from '../engine/types.ts';
import type { FirewallConfig } from '../router/types.ts';
import { allocate } from './allowed-ips.ts';
import { type Attached, attachedNetworks, worldWithout } from './attached.ts';
import { capabilityChoice, hasCapability } from './capabilities.ts';
import { chosenExit, wantsExit } from './exit-choice.ts';
import { isExpired } from './expiry.ts';
import { networkFilter } from './network-filter.ts';
import { hostPrefixes } from './peer-claims.ts';
import type { PlaneConfig, PlanePeer } from './plane.ts';
import { tunnelRoutes } from './plane-routes.ts';

/** What of the preferences the data plane depends on. */
export const PLANE_PREFS = [
  'RouteAll',
  'ExitNodeID',
  'ExitNodeIP',
  'AutoExitNode',
  'ExitNodeAllowLANAccess',
  'CorpDNS',
  'ShieldsUp',
  'AdvertiseRoutes',
  'NoSNAT',
  'NoStatefulFiltering',
  'NetfilterMode',
  'NetfilterKind',
] as const satisfies readonly (keyof Prefs)[];
export type PlanePrefs = Pick<Prefs, (typeof PLANE_PREFS)[number]>;

export interface PlaneInput {
  readonly map: NetworkMap;
  readonly privateKey: PrivateKey;
  readonly prefs: PlanePrefs;
  /** Addresses of this machine's interfaces, `ip/bits` with the length of their network; without those of the tunnel. */
  readonly lan: readonly string[];
  /** Wall clock, ms. */
  readonly nowMs: number;
}

/** A peer that the data plane can have: it has a key that is good. */
export type UsablePeer = Node & { readonly Key: NodeKey };

export const planeConfig = (input: PlaneInput): PlaneConfig => wholePlane(input).config;

/** Also the nodes of its peers, in the same order. */
export function wholePlane(input: PlaneInput): {
  readonly config: PlaneConfig;
  readonly nodes: readonly UsablePeer[];
} {
  const { map, privateKey, prefs, lan, nowMs } = input;
  const own = hostPrefixes(map.self.Addresses);
  const nodes = own.length === 0 ? [] : usablePeers(map, nowMs);
  const exitNode = exitOf(prefs, nodes);
  const allowed = allocate(nodes, own, { acceptsRoutes: prefs.RouteAll, exitNode });
  const peers = nodes.map((node, i) => planePeer(node, allowed[i] ?? []));
  const attached = attachedNetworks(lan);
  const accepts = acceptedPrefixes(prefs, lan);
  const config = {
    privateKey,
    addresses: own,
    peers,
    ...tunnelRoutes({ own, allowed, prefs, attached, self: map.self }),
    accepts,
    beside: wantsExit(prefs) ? [...attached.internal, ...attached.own] : [],
    firewall: firewall(map.self, prefs, attached, accepts.length > 0),
    dns: dnsOf(input, nodes),
    derpMap: map.derpMap,
    engineFlags: engineFlags(map.self),
    shieldsUp: prefs.ShieldsUp,
    filter: prefs.ShieldsUp ? [] : networkFilter(map).rules,
  };
  return { config, nodes };
}

const exitOf = (prefs: PlanePrefs, nodes: readonly UsablePeer[]): UsablePeer | undefined => {
  const id = chosenExit(prefs);
  return id === undefined ? undefined : nodes.find(({ StableID }) => StableID === id);
};

export const dnsOf = ({ map, prefs, nowMs }: PlaneInput, nodes: readonly UsablePeer[]): PlaneConfig['dns'] =>
  dnsWish({
    map,
    prefs,
    exitNode: exitOf(prefs, nodes),
    wantsExit: wantsExit(prefs),
    isExpired: isExpired(map.self, nowMs, map.clockSkewMs),
  });

/** By numeric id, so that who wins a disputed address doesn't depend on the order of arrival. */
function usablePeers(map: NetworkMap, nowMs: number): UsablePeer[] {
  const seen = new Set<NodeKey>([map.nodeKey]);
  const found: UsablePeer[] = [];
  for (const node of [...map.peers.values()].sort((a, b) => (a.ID < b.ID ? -1 : a.ID > b.ID ? 1 : 0))) {
    // Two nodes with one key, or our own key, would make two machines of one tunnel: the first (lowest id) has it.
    if (!isUsable(node, nowMs, map.clockSkewMs) || seen.has(node.Key)) continue;
    seen.add(node.Key);
    found.push(node);
  }
  return found;
}

/** A peer without a disco key and without a home relay can't be reached by any means of ours (control-protocol.md §8). */
export function isUsable(node: Node, nowMs: number, skewMs: number): node is UsablePeer {
  if (node.Key === undefined || isExpired(node, nowMs, skewMs)) return false;
  return node.DiscoKey !== undefined || homeRegion(node) !== undefined || node.IsWireGuardOnly === true;
}

/** What was made of a node last: the same object as long as nothing of it changes, so that whoever compares is quick. */
const made = new WeakMap<Node, PlanePeer>();

export function planePeer(node: UsablePeer, allowedIps: readonly string[]): PlanePeer {
  const last = made.get(node);
  if (last !== undefined && isSameList(last.allowedIps, allowedIps)) return last;
  const peer = {
    nodeId: node.StableID,
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
  made.set(node, peer);
  return peer;
}

const isSameList = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((item, i) => item === b[i]);

/** Our advertised routes; of the world only what is not this machine's surroundings. */
function acceptedPrefixes({ AdvertiseRoutes }: PlanePrefs, lan: readonly string[]): string[] {
  const found = new Set<string>();
  for (const text of AdvertiseRoutes ?? []) {
    const prefix = parsePrefix(text);
    if (prefix === undefined) continue;
    const parts = prefix.bits === 0 ? worldWithout(prefix, lan) : [formatPrefix(maskPrefix(prefix))];
    for (const part of parts) found.add(part);
  }
  return [...found];
}

const MODES = {
  [NetfilterMode.Off]: 'off',
  [NetfilterMode.NoDivert]: 'nodivert',
  [NetfilterMode.On]: 'on',
} as const;
const KINDS = ['iptables', 'nftables'] as const;

function firewall(
  self: Node,
  prefs: PlanePrefs,
  attached: Attached,
  forwards: boolean,
): Omit<FirewallConfig, 'udpPort'> {
  const chosen = KINDS.find((kind) => kind === prefs.NetfilterKind);
  return {
    mode: MODES[prefs.NetfilterMode],
    kind: chosen ?? capabilityChoice(self, 'linux-netfilter', KINDS) ?? '',
    snat: !prefs.NoSNAT,
    stateful: prefs.NoStatefulFiltering === false,
    dropsCgnat: !hasCapability(self, 'disable-linux-cgnat-drop-rule'),
    forwards,
    killSwitch: wantsExit(prefs) ? { lan: prefs.ExitNodeAllowLANAccess ? attached.own : [] } : undefined,
  };
}

/** By these a server helps machines whose kernels spoil packets, without a new release (data-plane.md §2.6). */
const engineFlags = (self: Node): EngineFlags => ({
  noUdpGso: hasCapability(self, 'disable-udp-gso'),
  noUdpGro: hasCapability(self, 'disable-udp-gro'),
  noTunTcpGro: hasCapability(self, 'disable-tun-tcp-gro'),
  noTunUdpGro: hasCapability(self, 'disable-tun-udp-gro'),
  gsoSentinel: hasCapability(self, 'never-gso-equal-tail'),
  // Ours: who runs a network knows whether all its machines take marks of congestion in.
  ecn: hasCapability(self, 'rhumb-ecn'),
});

/** The home relay, in the present or the legacy form `127.3.3.40:<region>`. */
export function homeRegion(node: Node): number | undefined {
  if (node.HomeDERP !== undefined && node.HomeDERP > 0) return node.HomeDERP;
  const legacy = /^127\.3\.3\.40:(\d{1,5})$/.exec(node.DERP ?? '')?.[1];
  return legacy === undefined || legacy === '0' ? undefined : Number(legacy);
}
