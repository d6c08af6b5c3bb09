/** Where a peer's PeerAPI is, by what it announced (localapi-and-daemon.md §8.1). */
import { formatSockAddr, type SockAddr } from '#shared/ip/address.ts';
import type { Hostinfo } from '#shared/wire/hostinfo.ts';
import type { Node } from '#shared/wire/node.ts';
import { nodeIps } from './node-ips.ts';

const PROTOCOLS = { 4: 'peerapi4', 6: 'peerapi6' } as const;
/** Version of the resolver for exit nodes' clients. */
const DNS_PROXY = { Proto: 'peerapi-dns-proxy', Port: 1, Description: undefined };

const versionOf = (ip: string): 4 | 6 => (ip.includes(':') ? 6 : 4);

/** `http://<ip>:<port>` in the first IP version that both have, IPv4 before IPv6. */
export function peerApiBase(self: Node, peer: Node): string | undefined {
  const own = nodeIps(self).map(versionOf);
  for (const version of [4, 6] as const) {
    const port = portOf(peer, version);
    const ip = nodeIps(peer).find((one) => versionOf(one) === version);
    if (own.includes(version) && port !== undefined && ip !== undefined) return peerApiUrl({ ip, port });
  }
  return undefined;
}

/** Of every family that it announced, whether or not we have that one. */
export const peerApiUrls = (peer: Node): string[] =>
  nodeIps(peer).flatMap((ip) => {
    const port = portOf(peer, versionOf(ip));
    return port === undefined ? [] : [peerApiUrl({ ip, port })];
  });

function portOf(peer: Node, version: 4 | 6): number | undefined {
  const port = peer.Hostinfo?.Services?.find(({ Proto }) => Proto === PROTOCOLS[version])?.Port ?? 0;
  return port > 0 && port < 65_536 ? port : undefined;
}

export const peerApiUrl = (at: SockAddr): string => `http://${formatSockAddr(at)}`;

/** What this machine announces of its own. */
export const peerApiServices = (at: readonly SockAddr[]): NonNullable<Hostinfo['Services']> => [
  ...at.map(({ ip, port }) => ({ Proto: PROTOCOLS[versionOf(ip)], Port: port, Description: undefined })),
  DNS_PROXY,
];
