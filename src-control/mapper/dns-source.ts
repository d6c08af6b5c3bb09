/** Where the map streams get the DNS configuration of each machine from. */

export interface DnsSource {
  /** DNSConfig as on the wire. When an answer may differ, the network is told `{kind: 'dns'}`. */
  configOf(nodeId: number): object;
}

/** Reverse zones of the network's own addresses, which the client answers itself when MagicDNS is on. */
const REVERSE_ZONES: readonly string[] = [
  ...Array.from({ length: 64 }, (_, index) => `${64 + index}.100.in-addr.arpa`),
  '0.e.1.a.c.5.1.1.a.7.d.f.ip6.arpa',
];

/** The names of machines and nothing else. */
export function machineNames(baseDomain: string, magicDns: boolean): DnsSource {
  const zones = [baseDomain, ...REVERSE_ZONES];
  const config = magicDns
    ? { Routes: Object.fromEntries(zones.map((zone) => [zone, []])), Domains: [baseDomain], Proxied: true }
    : { Domains: [baseDomain], Proxied: false };
  return { configOf: () => config };
}
