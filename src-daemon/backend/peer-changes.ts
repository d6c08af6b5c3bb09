/** Which peers of a wanted configuration are not as in the last one: told apart by identity, as those that stay keep their objects. */
import type { NodeKey } from '#shared/key/key.ts';
import type { PlanePeer } from './plane.ts';

export interface PeerChanges {
  /** New, or another than before. */
  readonly set: readonly PlanePeer[];
  readonly removed: readonly NodeKey[];
}

export function peerChanges(before: readonly PlanePeer[], after: readonly PlanePeer[]): PeerChanges {
  let start = 0;
  const shorter = Math.min(before.length, after.length);
  while (start < shorter && before[start] === after[start]) start++;
  let end = 0;
  while (end < shorter - start && before[before.length - 1 - end] === after[after.length - 1 - end]) end++;
  const old = before.slice(start, before.length - end);
  const now = after.slice(start, after.length - end);
  const known = new Set(old);
  const keys = new Set(now.map(({ nodeKey }) => nodeKey));
  return {
    set: now.filter((peer) => !known.has(peer)),
    removed: old.filter(({ nodeKey }) => !keys.has(nodeKey)).map(({ nodeKey }) => nodeKey),
  };
}
