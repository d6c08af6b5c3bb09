/** `rhumb debug via`: IPv4 routes of a site, written as IPv6 so that equal ones of several sites can be told apart (§12.1). */
import { RhumbError } from '#shared/errors.ts';
import { formatIp, formatPrefix, maskPrefix, type Prefix, parsePrefix } from '#shared/ip/address.ts';
import type { Action } from '../commands/spec.ts';

/** fd7a:115c:a1e0:b1a::/64, then four bytes of site, then the IPv4 address. */
const HEAD = [0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0, 0x0b, 0x1a] as const;
const SITE_AT = 8;
const V4_AT = 12;
const LEAST_BITS = 96;
const MAX_SITE = 0xffff;

const bad = (message: string): RhumbError => new RhumbError('bad-argument', message);

/** `rhumb debug via`. */
export const debugVia: Action = async ({ out }, { args }) => {
  const [first, second] = args;
  if (first === undefined) throw bad('expect either <site> <ipv4-route> or <ipv6-route>');
  out(`${second === undefined ? fromVia(first) : toVia(first, second)}\n`);
  return 0;
};

function prefixOf(text: string): Prefix {
  const prefix = text.includes('/') ? parsePrefix(text) : undefined;
  if (prefix === undefined) throw bad(`${JSON.stringify(text)} is not an IP prefix`);
  return prefix;
}

export function fromVia(text: string): string {
  const { ip, bits } = prefixOf(text);
  if (ip.length !== 16) throw bad('with one argument, expect an IPv6 CIDR');
  if (HEAD.some((byte, at) => ip[at] !== byte)) throw bad('not a via route');
  if (bits < LEAST_BITS) throw bad('short length, want /96 or more');
  const site = new DataView(ip.buffer, ip.byteOffset).getUint32(SITE_AT);
  return `site ${site} (0x${site.toString(16)}), ${formatIp(ip.slice(V4_AT))}/${bits - LEAST_BITS}`;
}

export function toVia(siteText: string, route: string): string {
  if (!/^(?:0x[0-9a-f]{1,8}|\d{1,10})$/i.test(siteText))
    throw bad(`invalid site-id ${JSON.stringify(siteText)}; must be decimal or hex with 0x prefix`);
  const site = Number(siteText);
  if (site > MAX_SITE) throw bad('site-id values over 65535 are currently reserved');
  const prefix = prefixOf(route);
  if (prefix.ip.length !== 4) throw bad('want IPv4 CIDR with a site ID');
  const masked = maskPrefix(prefix);
  const ip = new Uint8Array(16);
  ip.set(HEAD);
  new DataView(ip.buffer).setUint32(SITE_AT, site);
  ip.set(masked.ip, V4_AT);
  return formatPrefix({ ip, bits: prefix.bits + LEAST_BITS });
}
