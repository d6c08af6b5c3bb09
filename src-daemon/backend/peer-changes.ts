/** Which peers of a wanted configuration are not as in the last one: told apart by identity, as those that stay keep their objects. */
import type { NodeKey } from '#shared/key/key.ts';
import type { PlanePeer } from './plane.ts';

export interface PeerChanges {
  /** New, or another than before. */
  readonly set: readonly PlanePeer[];
  readonly removed: readonly NodeKey[];
  /** Who goes on under another key, by the key of before; they are among `set`, too. */
  readonly renewed: ReadonlyMap<NodeKey, PlanePeer>;
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
  const set = now.filter((peer) => !known.has(peer));
  const left = old.filter(({ nodeKey }) => !keys.has(nodeKey));
  const renewed = renewals(left, set);
  const removed = left.map(({ nodeKey }) => nodeKey).filter((key) => !renewed.has(key));
  return { set, removed, renewed };
}

/** A machine that signs in anew has another key and nothing else; one that was started anew has other disco keys, too. */
function renewals(left: readonly PlanePeer[], set: readonly PlanePeer[]): ReadonlyMap<NodeKey, PlanePeer> {
  const renewed = new Map<NodeKey, PlanePeer>();
  for (const before of left) {
    const after = set.find(({ nodeId }) => nodeId === before.nodeId);
    if (before.nodeId !== '' && after !== undefined && isSameRun(before, after))
      renewed.set(before.nodeKey, after);
  }
  return renewed;
}

const isSameRun = (a: PlanePeer, b: PlanePeer): boolean =>
  a.discoKey !== undefined && a.discoKey === b.discoKey && a.jailed === b.jailed && !b.wireguardOnly;
