/** Where the map streams get the DNS configuration of each machine from. */

import type { NodeCapMap } from '../policy/compile/node-attrs.ts';

/** When an answer may differ, the network is told `{kind: 'dns'}`. */
export interface DnsSource {
  /** DNSConfig as on the wire. The same object while nothing changes. */
  configOf(nodeId: number): object;
  /** What goes into the machine's own capabilities. */
  capsOf(nodeId: number): NodeCapMap;
  /** What goes into those that others see of it. */
  peerCapsOf(nodeId: number): NodeCapMap;
}

/** Reverse zones of the network's own addresses, which the client answers itself when MagicDNS is on. */
const REVERSE_ZONES: readonly string[] = [
  ...Array.from({ length: 64 }, (_, index) => `${64 + index}.100.in-addr.arpa`),
  '0.e.1.a.c.5.1.1.a.7.d.f.ip6.arpa',
];

const NO_CAPS: NodeCapMap = {};

/** The names of machines and nothing else. */
export function machineNames(baseDomain: string, magicDns: boolean): DnsSource {
  const zones = [baseDomain, ...REVERSE_ZONES];
  const config = magicDns
    ? { Routes: Object.fromEntries(zones.map((zone) => [zone, []])), Domains: [baseDomain], Proxied: true }
    : { Domains: [baseDomain], Proxied: false };
  return { configOf: () => config, capsOf: () => NO_CAPS, peerCapsOf: () => NO_CAPS };
}
