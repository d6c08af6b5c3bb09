/** Key expiry of this machine and of peers, by the server's clock (localapi-and-daemon.md §3.10, control-protocol.md §8). */
import type { Node } from '#shared/wire/node.ts';

/** 2023-01-10: a clock that says it is earlier is wrong, and must not lock anyone out. */
const CLOCK_EPOCH_MS = 1_673_373_066_000;

/** Looked at again this long after the moment itself. */
const RECHECK_AFTER_MS = 10_000;
const MIN_TIMER_MS = 30_000;

export function isExpired(node: Node, nowMs: number, skewMs: number): boolean {
  if (node.Expired === true) return true;
  return nowMs + skewMs >= expiryOf(node);
}

/** When its key is over by the server's clock, if nobody says so before; infinity = never. */
export const expiryOf = ({ KeyExpiry }: Node): number =>
  KeyExpiry === undefined ? Number.POSITIVE_INFINITY : Math.max(CLOCK_EPOCH_MS, KeyExpiry);

/** Milliseconds until the next expiry among `nodes` deserves a look; undefined when none is ahead. */
export function nextExpiryInMs(nodes: Iterable<Node>, nowMs: number, skewMs: number): number | undefined {
  const now = nowMs + skewMs;
  let soonest: number | undefined;
  for (const { KeyExpiry: at } of nodes)
    if (at !== undefined && at > now && (soonest === undefined || at < soonest)) soonest = at;
  if (soonest === undefined) return undefined;
  const wait = soonest - now + RECHECK_AFTER_MS;
  return skewMs === 0 ? wait : Math.max(MIN_TIMER_MS, wait);
}
