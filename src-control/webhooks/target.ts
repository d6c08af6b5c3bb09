/** Where deliveries may go: not to this machine, its network, or what a cloud keeps at a fixed address (SSRF). */
import { lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { RhumbError } from '#shared/errors.ts';
import { type Prefix, parseIp, parsePrefix, prefixContains, unmap } from '#shared/ip/address.ts';

const INSIDE = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '224.0.0.0/3',
  '::/127',
  // NAT64 and 6to4 lead to IPv4 addresses of any kind.
  '64:ff9b::/96',
  '64:ff9b:1::/48',
  '2002::/16',
  'fc00::/7',
  'fe80::/10',
  'ff00::/8',
].map((text) => parsePrefix(text) as Prefix);

export function isOutside(address: string): boolean {
  const parsed = parseIp(address.split('%', 1)[0] ?? '');
  if (parsed === undefined) return false;
  const ip = unmap(parsed);
  return !INSIDE.some((prefix) => prefix.ip.length === ip.length && prefixContains(prefix, ip));
}

/** Throws when the URL is none that anything may be sent to. */
export function checkTarget(text: string, allowsInside: boolean): URL {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:') || url.username !== '')
    throw new RhumbError(
      'bad-argument',
      `"${text}" is not an address to send to: write https://example.com/hook`,
    );
  if (allowsInside) return url;
  if (url.protocol !== 'https:')
    throw new RhumbError(
      'bad-argument',
      'a webhook needs an https address, or whoever is on the way reads it',
    );
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (parseIp(host) !== undefined && !isOutside(host)) throw insideError(host);
  return url;
}

/** Judges what a name resolves to at the moment of connecting: it may have been another address when it was checked. */
export const outsideOnly: LookupFunction = (hostname, options, done) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return done(error, '', 4);
    const outside = addresses.filter(({ address }) => isOutside(address));
    const [first] = outside;
    if (first === undefined) return done(insideError(hostname), '', 4);
    if (options.all === true) return done(null, outside);
    done(null, first.address, first.family);
  });
};

const insideError = (host: string): RhumbError =>
  new RhumbError(
    'not-allowed',
    `${host} is inside this network, where webhooks don't go: allow it with webhooks.allowInside`,
  );
