/** Finding nodes of the network map by address or key, and what `whois` tells of them (localapi-and-daemon.md §2.8). */
import { z } from 'zod';
import { canonicalIp, parseIp, parsePrefix, parseSockAddr, prefixContains } from '#shared/ip/address.ts';
import type { WhoIsResponse } from '#shared/localapi/misc.ts';
import { NO_USER } from '#shared/localapi/user.ts';
import type { FilterRule } from '#shared/wire/map.ts';
import type { Node } from '#shared/wire/node.ts';
import type { NetworkMap } from '../control/types.ts';
import { nodeByIp } from './node-index.ts';
import { nodeIps } from './node-ips.ts';

export type Found = { readonly kind: 'self' | 'peer'; readonly node: Node };

/** By one of its own addresses. */
export function findByIp(map: NetworkMap, ip: string): Found | undefined {
  const wanted = canonicalIp(ip);
  if (wanted === undefined) return undefined;
  if (nodeIps(map.self).includes(wanted)) return { kind: 'self', node: map.self };
  const node = nodeByIp(map.peers, wanted);
  return node === undefined ? undefined : { kind: 'peer', node };
}

export function findByKey(map: NetworkMap, key: string): Found | undefined {
  if (map.nodeKey === key) return { kind: 'self', node: map.self };
  for (const node of map.peers.values()) if (node.Key === key) return { kind: 'peer', node };
  return undefined;
}

export type WhoIsQuery = { readonly ip: string } | { readonly key: string };

/** Reads the `addr` of a whois: an address, an address with port, or a node key. */
export function parseWhoIsAddr(addr: string): WhoIsQuery | undefined {
  if (/^nodekey:[0-9a-fA-F]{64}$/.test(addr)) return { key: addr.toLowerCase() };
  const ip = canonicalIp(addr) ?? parseSockAddr(addr)?.ip;
  return ip === undefined ? undefined : { ip };
}

/** Towards which of our addresses the node's capabilities are asked for; '' = towards our own of its family. */
export interface WhoIsTarget {
  readonly ip: string;
  /** Name of a service of ours, `svc:…`. */
  readonly service: string;
}

export const OUR_ADDRESS: WhoIsTarget = { ip: '', service: '' };

export function whoIs(
  map: NetworkMap,
  query: WhoIsQuery,
  target: WhoIsTarget = OUR_ADDRESS,
): WhoIsResponse | undefined {
  const found = 'ip' in query ? findByIp(map, query.ip) : findByKey(map, query.key);
  if (found === undefined) return undefined;
  const user = map.users.get(String(found.node.User));
  return {
    Node: found.node,
    UserProfile:
      user === undefined
        ? { ...NO_USER, ID: found.node.User }
        : { ...user, ProfilePicURL: user.ProfilePicURL ?? '' },
    CapMap: peerCapabilities(map, found.node, target),
  };
}

type CapMap = Record<string, unknown[] | null>;

/** Capabilities that the packet filter grants a node's first address towards the target. */
export function peerCapabilities(map: NetworkMap, node: Node, to: WhoIsTarget): CapMap | undefined {
  const source = nodeIps(node)[0];
  const isAlike = (ip: string): boolean => ip.includes(':') === source?.includes(':');
  const target =
    to.ip !== '' && to.service === '' ? canonicalIp(to.ip) : targetsOf(map, to.service).find(isAlike);
  if (source === undefined || target === undefined) return undefined;
  // A capability may be called as what every object has.
  const granted = new Map<string, unknown[] | null>();
  for (const rule of map.filter ?? []) collect(rule, source, target, granted);
  return granted.size > 0 ? Object.fromEntries(granted) : undefined;
}

/** Which addresses each service of this machine has; the network says so in an attribute of ours. */
const SERVICE_HOST = 'service-host';
const serviceAddresses = z.record(z.string().max(256), z.array(z.string().max(64)).max(64));

function targetsOf(map: NetworkMap, service: string): readonly string[] {
  if (service === '') return nodeIps(map.self);
  const parsed = serviceAddresses.safeParse(map.self.CapMap?.[SERVICE_HOST]?.[0]);
  return parsed.success && Object.hasOwn(parsed.data, service) ? (parsed.data[service] ?? []) : [];
}

function collect(
  rule: FilterRule,
  source: string,
  target: string,
  granted: Map<string, unknown[] | null>,
): void {
  if (rule.SrcIPs?.some((text) => covers(text, source)) !== true) return;
  for (const grant of rule.CapGrant ?? []) {
    if (grant.Dsts?.some((text) => covers(text, target)) !== true) continue;
    for (const cap of grant.Caps ?? []) granted.set(cap, granted.get(cap) ?? null);
    for (const [cap, values] of Object.entries(grant.CapMap ?? {}))
      granted.set(cap, [...(granted.get(cap) ?? []), ...(values ?? [])]);
  }
}

/** Whether a filter's source or destination text holds an address: `*`, address, prefix or `a-b` range. */
function covers(text: string, ip: string): boolean {
  if (text === '*') return true;
  const bytes = parseIp(ip);
  if (bytes === undefined) return false;
  const prefix = parsePrefix(text);
  if (prefix !== undefined) return prefixContains(prefix, bytes);
  const [low, high] = text.split('-', 2).map(parseIp);
  if (low === undefined || high === undefined || low.length !== bytes.length) return false;
  return Buffer.compare(low, bytes) <= 0 && Buffer.compare(bytes, high) <= 0;
}
