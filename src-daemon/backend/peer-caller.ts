/** What a peer that speaks to this machine's PeerAPI is and may do (localapi-and-daemon.md §8.2). */
import { canonicalIp, parseIp } from '#shared/ip/address.ts';
import type { NodeKey } from '#shared/key/key.ts';
import type { Prefs } from '#shared/localapi/prefs.ts';
import type { Node } from '#shared/wire/node.ts';
import type { NetworkMap } from '../control/types.ts';
import { RuleIndex } from '../engine/rule-index.ts';
import type { FilterRuleSpec } from '../engine/types.ts';
import type { Caller } from '../peerapi/caller.ts';
import { hasCapability } from './capabilities.ts';
import { findByIp, OUR_ADDRESS, peerCapabilities } from './lookup.ts';
import { networkFilter } from './network-filter.ts';

const CAP_DEBUG = 'https://tailscale.com/cap/debug';
const CAP_DEBUG_PEER = 'https://tailscale.com/cap/debug-peer';
const PROTOCOL_TCP = 6;
const DNS_PORT = 53;

/** With its key in the tunnel, so that what the map says can be checked against it. */
export interface KnownCaller extends Caller {
  readonly key: NodeKey | undefined;
}

/** Undefined for an address that is nobody's. */
export function peerCaller(
  map: NetworkMap,
  prefs: Pick<Prefs, 'AdvertiseRoutes'>,
  ip: string,
): KnownCaller | undefined {
  const found = findByIp(map, ip);
  if (found === undefined) return undefined;
  const { kind, node } = found;
  // Programs of this machine are of any of its users, who have the local API for what they may do.
  const isOwner = kind === 'peer' && node.User === map.self.User && !isTagged(node) && !isTagged(map.self);
  const caps = peerCapabilities(map, node, OUR_ADDRESS);
  const hasDebugCap = caps !== undefined && Object.hasOwn(caps, CAP_DEBUG_PEER);
  const isSigned = node.UnsignedPeerAPIOnly !== true;
  return {
    id: node.StableID,
    key: node.Key,
    name: node.Name.split('.', 1)[0] || (node.Hostinfo?.Hostname ?? ''),
    owner: map.users.get(String(node.User))?.DisplayName ?? '',
    isOwner,
    mayDebug: hasCapability(map.self, CAP_DEBUG) && isSigned && (isOwner || hasDebugCap),
    mayResolve: isOwner || (offersExit(prefs) && reachesInternet(map, ip)),
  };
}

const isTagged = ({ Tags }: Node): boolean => (Tags ?? []).length > 0;

const offersExit = ({ AdvertiseRoutes }: Pick<Prefs, 'AdvertiseRoutes'>): boolean =>
  ['0.0.0.0/0', '::/0'].every((route) => AdvertiseRoutes?.includes(route));

/** Whether our own packet filter would let it begin a connection to a name server out there, under these stand-ins. */
function reachesInternet(map: NetworkMap, ip: string): boolean {
  const source = parseIp(canonicalIp(ip) ?? '');
  if (source === undefined) return false;
  const version = source.length === 4 ? 4 : 6;
  const packet = new Uint8Array(40);
  packet.set(source, version === 4 ? 12 : 8);
  // 0.0.0.0 and the first address of 2000::/3.
  if (version === 6) packet[24] = 0x20;
  return indexOf(networkFilter(map).rules, version).match(packet, PROTOCOL_TCP, DNS_PORT) >= 0;
}

const indexes = new WeakMap<readonly FilterRuleSpec[], Map<4 | 6, RuleIndex>>();

function indexOf(rules: readonly FilterRuleSpec[], version: 4 | 6): RuleIndex {
  const known = indexes.get(rules) ?? new Map<4 | 6, RuleIndex>();
  indexes.set(rules, known);
  const index = known.get(version) ?? new RuleIndex(rules, version);
  known.set(version, index);
  return index;
}
