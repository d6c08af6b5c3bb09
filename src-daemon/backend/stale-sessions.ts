/** Peers that may still send with a session that we have lost, so that we start a new one before they notice. */
import type { NodeKey } from '#shared/key/key.ts';

/** No peer sends with a session older than this (WireGuard paper §6.1: reject after 180 s). */
const LIFE_MS = 180_000;
/** A restart knows only who is online, or was when the map was stored; a server that restarted as well knows nobody yet. */
const MAX_AT_ONCE = 256;
/** Of those that seem offline: each that really is costs 18 initiations in 90 s. */
const MAX_UNSURE = 32;

export interface KnownPeer {
  readonly nodeKey: NodeKey;
  readonly isOnline: boolean;
}

/**
 * A lost session costs its peer 15 s of silence (WireGuard paper §6.5) unless somebody ends it or starts a new one. Who does
 * depends on who can know:
 * - Here, we: sessions lost by `down` or by a restart with the disco key kept, which peers can't see. Measured: 0.2 s until
 *   the peer's next packet arrives, where its own heartbeat would take up to 3 s.
 * - The peer of a machine that restarted with a new disco key (all official ones do): `PeerIds` ends our session of it.
 * - A peer that is not greeted, as we don't know that it is online or there are too many: its heartbeat, every 3 s at most,
 *   makes the path machine tell the tunnel that they have met. That is also what saves 5 s with official peers that drop a
 *   handshake for want of a path.
 * The disco key is kept (`store/disco-key.ts`) so that two machines that both restart without the server meet at all.
 */
export class StaleSessions {
  #untilMs = Number.NEGATIVE_INFINITY;
  /** Undefined after a restart: nobody knows any more. */
  #keys: Set<NodeKey> | undefined = new Set();
  #done = new Set<NodeKey>();
  #unsureLeft = 0;

  restarted(nowMs: number): void {
    this.#keys = undefined;
    this.#done = new Set();
    this.#unsureLeft = MAX_UNSURE;
    this.#untilMs = nowMs + LIFE_MS;
  }

  stopped(established: Iterable<NodeKey>, nowMs: number): void {
    const before = nowMs <= this.#untilMs ? this.#keys : new Set<NodeKey>();
    this.#keys = before === undefined ? undefined : before.union(new Set(established));
    this.#done = new Set();
    this.#untilMs = nowMs + LIFE_MS;
  }

  /** Those to greet now, each once. */
  toGreet(peers: readonly KnownPeer[], nowMs: number): NodeKey[] {
    if (nowMs > this.#untilMs) return [];
    const known = this.#keys;
    if (known?.size === 0) return [];
    const open = peers.filter(({ nodeKey }) => !this.#done.has(nodeKey));
    const wanted =
      known === undefined
        ? [...open.filter(({ isOnline }) => isOnline), ...this.#unsure(open)]
        : open.filter(({ nodeKey }) => known.has(nodeKey));
    const found = wanted.map(({ nodeKey }) => nodeKey).slice(0, Math.max(0, MAX_AT_ONCE - this.#done.size));
    for (const key of found) this.#done.add(key);
    return found;
  }

  #unsure(open: readonly KnownPeer[]): readonly KnownPeer[] {
    const found = open.filter(({ isOnline }) => !isOnline).slice(0, this.#unsureLeft);
    this.#unsureLeft -= found.length;
    return found;
  }
}
