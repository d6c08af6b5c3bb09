/** A nameserver in the forms that clients understand; everything else is refused in words (coordination-server.md §8). */
import { isIP } from 'node:net';
import { RhumbError } from '#shared/errors.ts';
import {
  canonicalIp,
  formatSockAddr,
  parseIp,
  parseSockAddr,
  SERVICE_IP,
  SERVICE_IP6,
} from '#shared/ip/address.ts';

export interface Nameserver {
  /** `1.1.1.1`, `[2606:4700::1111]:53` or `https://…`. */
  readonly address: string;
  /** Also while the machine sends its traffic through an exit node. */
  readonly useWithExitNode: boolean;
}

/** What may be written: the address alone, or with what goes with it. */
export type GivenNameserver =
  | string
  | { readonly address: string; readonly useWithExitNode?: boolean | undefined };

/** As machines get it (control-protocol.md §4.9.1). */
export interface WireResolver {
  readonly Addr: string;
  readonly UseWithExitNode?: true;
}

export const wireResolver = ({ address, useWithExitNode }: Nameserver): WireResolver =>
  useWithExitNode ? { Addr: address, UseWithExitNode: true } : { Addr: address };

/** Hosts of the DoH servers that official clients have addresses for; they never look a resolver's own name up. */
const KNOWN_DOH =
  /^(dns\.nextdns\.io|(dns|freedns)\.controld\.com|((security|family)\.)?cloudflare-dns\.com|dns\.google|dns1?[01]?\.quad9\.net|((adblock|base|extended|family|all)\.)?dns\.mullvad\.net|wikimedia-dns\.org)$/;

const FORMS = 'write an IP address, IP:port, or https://… for DNS over HTTPS';

export function parseNameserver(given: GivenNameserver, at: string): Nameserver {
  const { address, useWithExitNode = false } = typeof given === 'string' ? { address: given } : given;
  return { address: parseAddress(address, at), useWithExitNode };
}

function parseAddress(text: string, at: string): string {
  const refuse = (why: string): never => {
    throw new RhumbError('bad-argument', `${at}: "${text}": ${why}`);
  };
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme === 'https') return parseDoh(text, refuse);
  if (scheme !== undefined) return refuse(`clients don't understand ${scheme}://: ${FORMS}`);
  const alone = canonicalIp(text);
  const socket = alone === undefined ? parseSockAddr(text) : undefined;
  const ip = alone ?? socket?.ip;
  if (ip === undefined)
    return refuse(
      text.includes('%')
        ? 'an address with a zone means nothing to other machines'
        : `is not a nameserver: ${FORMS}`,
    );
  if (socket?.port === 0) return refuse('port 0 is none');
  if (ip === SERVICE_IP || ip === SERVICE_IP6)
    return refuse('is the resolver inside each machine, which would ask itself');
  if (isNowhere(ip)) return refuse('is no address of a server');
  return socket === undefined ? ip : formatSockAddr(socket);
}

function parseDoh(text: string, refuse: (why: string) => never): string {
  const url = URL.parse(text);
  if (url === null || url.hostname === '') return refuse(`is not a URL: ${FORMS}`);
  if (url.username !== '' || url.password !== '')
    return refuse('a name and password in the URL would go to every machine');
  if (url.hash !== '') return refuse('leave out what is behind the #');
  // Clients compare the text with their list: "https://dns.google/dns-query" must not get a slash at its end.
  return url.pathname === '/' && url.search === '' ? url.origin : url.href;
}

/** Unspecified and multicast. */
function isNowhere(ip: string): boolean {
  const bytes = parseIp(ip);
  if (bytes === undefined || bytes.every((byte) => byte === 0)) return true;
  const first = bytes[0] ?? 0;
  return bytes.length === 4 ? first >= 224 || first === 0 : first === 0xff;
}

/** What official clients make of it that its writer may not expect; undefined when nothing. */
export function doubtAbout({ address }: Nameserver): string | undefined {
  if (!address.startsWith('https://')) return undefined;
  const host = new URL(address).hostname;
  if (KNOWN_DOH.test(host)) return undefined;
  return isIP(host.replace(/^\[|\]$/g, '')) === 0
    ? `official clients ask only DNS over HTTPS servers they know, and ${host} is none of them`
    : `official clients ask only DNS over HTTPS servers they know by name, not ${host}`;
}
