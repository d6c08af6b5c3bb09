/** Routes that machines announce and administrators approve: one form for each, and none that would take over the network itself. */

import { RhumbError } from '#shared/errors.ts';
import {
  CGNAT,
  formatPrefix,
  type IpBytes,
  maskPrefix,
  type Prefix,
  parseIp,
  parsePrefix,
  prefixContains,
  TAILNET_ULA,
} from '#shared/ip/address.ts';
import type { NodeRecord } from '../store/records.ts';

/** Of one machine; more is nobody's network but an attack on everybody's memory (coordination-server.md §7). */
const MAX_ROUTES = 1_024;

export type RouteReading =
  | { readonly kind: 'route'; readonly text: string }
  | { readonly kind: 'refused'; readonly why: string };

const prefix = (text: string): Prefix => {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new TypeError(text);
  return parsed;
};

/** Routes to one of several sites that use the same IPv4 range; they lie inside the network's own prefix (control-protocol.md §7.2). */
const VIA_SITE = prefix('fd7a:115c:a1e0:b1a::/64');
const VIA_SITE_BITS = 96;

/** Addresses that mean this very host or many at once: a router can't stand for them. */
const UNROUTABLE = ['127.0.0.0/8', '224.0.0.0/4', '::1/128', 'ff00::/8'].map(prefix);

export const isExitRoute = (text: string): boolean => text === '0.0.0.0/0' || text === '::/0';
export const EXIT_ROUTES: readonly string[] = ['0.0.0.0/0', '::/0'];

/** The canonical text of a route, host bits cleared, or why it can't be one. */
export function readRoute(text: string): RouteReading {
  const parsed = parsePrefix(text);
  if (parsed === undefined) return { kind: 'refused', why: 'is not a prefix such as 10.1.0.0/16' };
  const route = maskPrefix(parsed);
  if (route.bits === 0) return { kind: 'route', text: formatPrefix(route) };
  if (isViaSite(route)) return { kind: 'route', text: formatPrefix(route) };
  const own = route.ip.length === 4 ? CGNAT : TAILNET_ULA;
  if (overlaps(route, own))
    return { kind: 'refused', why: `overlaps ${formatPrefix(own)}, where the network's own machines are` };
  if (UNROUTABLE.some((one) => overlaps(route, one)))
    return { kind: 'refused', why: 'has loopback or multicast addresses in it' };
  return { kind: 'route', text: formatPrefix(route) };
}

const isViaSite = (route: Prefix): boolean =>
  route.bits >= VIA_SITE_BITS && prefixContains(VIA_SITE, route.ip);

export const overlaps = (a: Prefix, b: Prefix): boolean => prefixContains(a, b.ip) || prefixContains(b, a.ip);

/** What of an announcement counts, each once in the order announced, and what does not. */
export interface Announcement {
  readonly routes: readonly string[];
  readonly refused: readonly { readonly text: string; readonly why: string }[];
}

/** One bad route must not cost a machine its connection: it is left out, and the machine is told. */
export function readAnnouncement(texts: readonly string[]): Announcement {
  const routes = new Set<string>();
  const refused: { text: string; why: string }[] = [];
  for (const text of texts) {
    const reading = readRoute(text);
    if (reading.kind === 'refused') refused.push({ text: text.slice(0, 64), why: reading.why });
    else if (routes.size < MAX_ROUTES || routes.has(reading.text)) routes.add(reading.text);
    else
      refused.push({ text: reading.text, why: `is beyond the ${MAX_ROUTES} routes that a machine can have` });
  }
  return { routes: [...routes], refused };
}

/** Routes as somebody wants them approved: every one good, exit routes for both families, sorted. Throws `bad-argument`. */
export function parseApproval(texts: readonly string[]): readonly string[] {
  const routes = new Set<string>();
  for (const text of texts) {
    const reading = readRoute(text);
    if (reading.kind === 'refused')
      throw new RhumbError('bad-argument', `route "${text.slice(0, 64)}" ${reading.why}`);
    // A machine that is an exit for one family only would send the other family around the network.
    for (const one of isExitRoute(reading.text) ? EXIT_ROUTES : [reading.text]) routes.add(one);
  }
  if (routes.size > MAX_ROUTES)
    throw new RhumbError('bad-argument', `a machine can have ${MAX_ROUTES} routes, not ${routes.size}`);
  return sortRoutes(routes);
}

/** IPv4 first, then by address, then the larger prefix first. */
export const sortRoutes = (routes: Iterable<string>): readonly string[] =>
  [...new Set(routes)]
    .map((text) => ({ text, key: parsePrefix(text) }))
    .sort((a, b) => compare(a.key, b.key))
    .map(({ text }) => text);

function compare(a: Prefix | undefined, b: Prefix | undefined): number {
  if (a === undefined || b === undefined) return 0;
  return a.ip.length - b.ip.length || compareBytes(a.ip, b.ip) || a.bits - b.bits;
}

function compareBytes(a: IpBytes, b: IpBytes): number {
  for (const [at, byte] of a.entries()) {
    const difference = byte - (b[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

export const announcedRoutes = (record: NodeRecord): readonly string[] => record.hostinfo.RoutableIPs ?? [];

/** Announced and approved. */
export function activeRoutes(record: NodeRecord): readonly string[] {
  const announced = announcedRoutes(record);
  if (announced.length === 0 || record.approvedRoutes.length === 0) return [];
  const approved = new Set(record.approvedRoutes);
  return announced.filter((route) => approved.has(route));
}

/** The IPv6 prefix under which one of several sites offers an IPv4 range (control-protocol.md §7.2). */
export function viaSite(site: number, range: string): string {
  const parsed = parsePrefix(range);
  if (parsed === undefined || parsed.ip.length !== 4)
    throw new RhumbError('bad-argument', `"${range}" is not an IPv4 prefix such as 10.1.0.0/16`);
  if (!Number.isInteger(site) || site < 0 || site > 65_535)
    throw new RhumbError('bad-argument', `a site is a number from 0 to 65535, not ${site}`);
  const ip = (parseIp('fd7a:115c:a1e0:b1a::') ?? new Uint8Array(16)).slice();
  ip[10] = site >> 8;
  ip[11] = site & 255;
  ip.set(maskPrefix(parsed).ip, 12);
  return formatPrefix({ ip, bits: VIA_SITE_BITS + parsed.bits });
}
