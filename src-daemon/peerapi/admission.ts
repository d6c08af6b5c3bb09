/** Whether a request can be one of a peer's daemon: a browser that was lured here gives itself away (localapi-and-daemon.md §8.2). */
import type { IncomingHttpHeaders } from 'node:http';
import { canonicalIp, parseSockAddr } from '#shared/ip/address.ts';

const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'Content-Security-Policy':
    "default-src 'none'; frame-ancestors 'none'; script-src 'none'; script-src-elem 'none'; script-src-attr 'none'; style-src 'unsafe-inline'",
  'X-Frame-Options': 'DENY',
  'X-Content-Type-Options': 'nosniff',
};

/** `own`: addresses of this machine. */
export function isAdmitted(headers: IncomingHttpHeaders, own: readonly string[]): boolean {
  if ((headers.referer ?? '') !== '' || (headers.origin ?? '') !== '') return false;
  const host = headers.host ?? '';
  if (host === 'peer') return true;
  const ip = parseSockAddr(host)?.ip;
  return ip !== undefined && own.some((address) => canonicalIp(address) === canonicalIp(ip));
}

/** Only browsers need them; daemons that resolve names here would pay for them with every question. */
export function securityHeaders(headers: IncomingHttpHeaders): Readonly<Record<string, string>> {
  const agent = headers['user-agent'] ?? '';
  const encodings = String(headers['accept-encoding'] ?? '').split(',');
  const isBrowser =
    encodings.some((name) => name.trim().split(';')[0] === 'deflate') ||
    agent.startsWith('Mozilla/') ||
    agent.split(' ').length > 3 ||
    (headers['accept-language'] ?? '') !== '';
  return isBrowser ? SECURITY_HEADERS : {};
}
