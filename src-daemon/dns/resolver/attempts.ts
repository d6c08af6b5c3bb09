/** Whom to ask for one question, and after which wait: pure (localapi-and-daemon.md §7.5). */
import { canonicalIp, parseSockAddr, SERVICE_IP, SERVICE_IP6, type SockAddr } from '#shared/ip/address.ts';
import type { Upstream } from '../types.ts';
import { addressesOfKnown, knownServerAt } from './providers.ts';

export type Server =
  | { readonly kind: 'plain'; readonly addr: SockAddr }
  /** `ips` none = to be looked up. */
  | { readonly kind: 'https'; readonly url: string; readonly ips: readonly string[] }
  /** The PeerAPI of an exit node or of an app connector, inside the network. */
  | { readonly kind: 'http'; readonly url: string; readonly addr: SockAddr };

export interface Attempt {
  readonly server: Server;
  readonly delayMs: number;
}

/** How much earlier than in plain text a public server is asked over HTTPS. */
const HTTPS_HEAD_START_MS = 500;
/** The other addresses of one provider lead to the same place mostly. */
const SECOND_ADDRESS_MS = 200;
const DNS_PORT = 53;
/** Asking ourselves would go in circles. */
const OURSELVES = [SERVICE_IP, SERVICE_IP6];
/** All are asked at once: more than this many would be an attack on somebody. */
const MAX_ATTEMPTS = 32;

/** Undefined for what can't be asked: `tls:`, names without address, ourselves. */
export function serverOf({ addr, bootstrap }: Upstream): Server | undefined {
  if (addr.startsWith('https://')) return httpsServer(addr, bootstrap);
  if (addr.startsWith('http://')) return httpServer(addr);
  const ip = canonicalIp(addr) ?? linkLocal(addr);
  const plain = ip === undefined ? parseSockAddr(addr) : { ip, port: DNS_PORT };
  if (plain === undefined || plain.port === 0 || OURSELVES.includes(plain.ip)) return undefined;
  return { kind: 'plain', addr: plain };
}

/** Means nothing without its interface: `fe80::1%eth0`, as files of the system name routers. */
function linkLocal(text: string): string | undefined {
  const [, address = '', zone = ''] = /^(fe80:[\da-f:]+)%([\w.-]{1,15})$/i.exec(text) ?? [];
  const ip = canonicalIp(address);
  return ip === undefined ? undefined : `${ip}%${zone}`;
}

/** In the order of the list, HTTPS servers first; what can't be asked is left out. */
export function attemptsFor(upstreams: readonly Upstream[]): readonly Attempt[] {
  const servers = upstreams.map(serverOf).filter((server) => server !== undefined);
  const upgraded: Attempt[] = [];
  const plain: Attempt[] = [];
  const seen = new Set<string>();
  const perFamily = new Map<string, number>();
  for (const server of servers) {
    const known = server.kind === 'plain' ? knownServerAt(server.addr.ip) : undefined;
    if (known === undefined || server.kind !== 'plain') {
      plain.push({ server, delayMs: 0 });
      continue;
    }
    if (!seen.has(known.url)) {
      seen.add(known.url);
      upgraded.push({
        server: { kind: 'https', url: known.url, ips: addressesOfKnown(known.url) },
        delayMs: 0,
      });
    }
    if (known.isHttpsOnly) continue;
    const key = `${known.url} ${server.addr.ip.includes(':')}`;
    const before = perFamily.get(key) ?? 0;
    perFamily.set(key, before + 1);
    plain.push({ server, delayMs: HTTPS_HEAD_START_MS + (before > 0 ? SECOND_ADDRESS_MS : 0) });
  }
  return [...upgraded, ...plain].slice(0, MAX_ATTEMPTS);
}

function httpsServer(addr: string, bootstrap: readonly string[]): Server | undefined {
  if (!URL.canParse(addr)) return undefined;
  const url = new URL(addr);
  const literal = canonicalIp(url.hostname.replace(/^\[|\]$/g, ''));
  const ips = literal === undefined ? [...new Set([...addressesOfKnown(addr), ...bootstrap])] : [literal];
  return url.username === '' && url.password === '' ? { kind: 'https', url: addr, ips } : undefined;
}

/** In the clear, so only to an address: that the network encrypts the way there is known of addresses alone. */
function httpServer(addr: string): Server | undefined {
  if (!URL.canParse(addr)) return undefined;
  const { hostname, port, href } = new URL(addr);
  const ip = canonicalIp(hostname.replace(/^\[|\]$/g, ''));
  return ip === undefined
    ? undefined
    : { kind: 'http', url: href, addr: { ip, port: port === '' ? 80 : Number(port) } };
}
