/** The addresses of a node within the network. */
import { canonicalIp } from '#shared/ip/address.ts';
import type { Node } from '#shared/wire/node.ts';
import { hostPrefixes } from './peer-claims.ts';

/** A node is never changed, only replaced. */
const made = new WeakMap<Node, readonly string[]>();

/** Canonical, without their length. */
export function nodeIps(node: Node): readonly string[] {
  const known = made.get(node);
  if (known !== undefined) return known;
  const ips = hostPrefixes(node.Addresses).map((prefix) => {
    const ip = prefix.slice(0, prefix.indexOf('/'));
    return canonicalIp(ip) ?? ip;
  });
  made.set(node, ips);
  return ips;
}
