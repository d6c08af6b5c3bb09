/** Which addresses make sense as a gateway and as an external address (nat-traversal.md §3.1, §9.7). */
import { CGNAT, type IpBytes, type Prefix, parseIp, parsePrefix, prefixContains } from '../ip/address.ts';
import type { Reach } from './types.ts';

const prefixes = (...list: readonly string[]): readonly Prefix[] =>
  list.flatMap((text) => parsePrefix(text) ?? []);

/** RFC 1918, RFC 6598. */
const PRIVATE = [...prefixes('10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'), CGNAT];
/** This network, loopback, link-local, protocol assignments, multicast and what is reserved above it. */
const NOWHERE = prefixes('0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '192.0.0.0/24', '224.0.0.0/3');

const isIn = (list: readonly Prefix[], ip: IpBytes): boolean =>
  list.some((prefix) => prefixContains(prefix, ip));

/** A home router: IPv4 and private. Clouds have gateways too, whose "port mapping services" are somebody else's. */
export function isMappingGateway(text: string): boolean {
  const ip = parseIp(text);
  return ip?.length === 4 && isIn(PRIVATE, ip);
}

/** What an external IPv4 address is worth; undefined when it cannot be one. */
export function reachOf(ip: IpBytes): Reach | undefined {
  if (ip.length !== 4 || isIn(NOWHERE, ip)) return undefined;
  return isIn(PRIVATE, ip) ? 'double-nat' : 'public';
}
