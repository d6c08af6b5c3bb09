/** Which of two proven addresses of a peer is better (nat-traversal.md §5.7). */
import { parseIp, parsePrefix, prefixContains, type SockAddr } from '#shared/ip/address.ts';
import type { SocketId } from './types.ts';

export interface Quality {
  readonly addr: SockAddr;
  readonly via?: SocketId;
  readonly latencyMs: number;
  readonly wireMtu?: number;
}

const LOOPBACK_POINTS = 50;
const LINK_LOCAL_POINTS = 30;
const PRIVATE_POINTS = 20;
const IPV6_POINTS = 10;

const ranges = (...texts: readonly string[]) =>
  texts.map(parsePrefix).filter((prefix) => prefix !== undefined);
const LOOPBACK = ranges('127.0.0.0/8', '::1/128');
const LINK_LOCAL = ranges('169.254.0.0/16', 'fe80::/10');
/** RFC 1918 and RFC 4193. */
const PRIVATE = ranges('10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7');

/**
 * Whether `a` should replace `b`. One point is one percent of latency; nearness and IPv6 weigh some points more, and a
 * single point decides nothing, so that two equal paths do not alternate.
 */
export function isBetter(a: Quality, b: Quality): boolean {
  if (a.addr.ip === b.addr.ip && a.addr.port === b.addr.port && (a.via ?? 0) === (b.via ?? 0))
    return (a.wireMtu ?? 0) > (b.wireMtu ?? 0);
  const aPoints = gain(a.latencyMs, b.latencyMs) + kindPoints(a.addr.ip);
  const bPoints = gain(b.latencyMs, a.latencyMs) + kindPoints(b.addr.ip);
  if (aPoints <= 1 && bPoints === 0) return false;
  return aPoints > bPoints;
}

/** By how many percent the first is faster; 0 when it is not, or when the slower took no measurable time. */
function gain(ownMs: number, otherMs: number): number {
  if (ownMs >= otherMs || otherMs <= 0) return 0;
  return 100 - Math.floor((100 * ownMs) / otherMs);
}

function kindPoints(text: string): number {
  const ip = parseIp(text);
  if (ip === undefined) return 0;
  const isIn = (list: typeof LOOPBACK): boolean => list.some((prefix) => prefixContains(prefix, ip));
  const family = ip.length === 16 ? IPV6_POINTS : 0;
  if (isIn(LOOPBACK)) return family + LOOPBACK_POINTS;
  if (isIn(LINK_LOCAL)) return family + LINK_LOCAL_POINTS;
  if (isIn(PRIVATE)) return family + PRIVATE_POINTS;
  return family;
}
