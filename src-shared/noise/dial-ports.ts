/** Which ports a control server's URL means for the channel, plain and TLS (control-protocol.md §3.1). */
import { RhumbError } from '../errors.ts';
import { parseIp } from '../ip/address.ts';

export interface DialPorts {
  /** Without brackets, as a resolver wants it. */
  readonly host: string;
  /** Plain HTTP is tried first: the handshake authenticates the server whatever carries it. */
  readonly plain: number;
  /** Undefined for servers on this machine or a private network given with http. */
  readonly tls: number | undefined;
}

/** Checks a server's URL once, where it enters: http or https, no user, no query. */
export function parseServerUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.hostname === '')
    throw new RhumbError('bad-argument', `login server ${JSON.stringify(text)} is not an http or https URL`);
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    throw new RhumbError('bad-argument', `login server ${url.origin}: give only https://host and a port`);
  return url;
}

export function dialPorts(server: URL): DialPorts {
  const host = server.hostname.replace(/^\[(.*)\]$/, '$1');
  const port = server.port === '' ? undefined : Number(server.port);
  if (server.protocol === 'https:') return { host, plain: 80, tls: port ?? 443 };
  return { host, plain: port ?? 80, tls: isNear(host) ? undefined : 443 };
}

/** The loopback and private addresses that a TLS port is not expected on. */
function isNear(host: string): boolean {
  if (host === 'localhost') return true;
  const ip = parseIp(host);
  if (ip === undefined) return false;
  const [a = 0, b = 0] = ip;
  if (ip.length === 4)
    return a === 127 || a === 10 || (a === 172 && b >> 4 === 1) || (a === 192 && b === 168);
  const loopback = ip.subarray(0, 15).every((byte) => byte === 0) && ip[15] === 1;
  return loopback || (a & 0xfe) === 0xfc;
}
