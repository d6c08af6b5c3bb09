/** Peers that may still send with a session that we have lost, so that we start a new one before they notice. */
import type { NodeKey } from '#shared/key/key.ts';

/** No peer sends with a session older than this (WireGuard paper §6.1: reject after 180 s). */
const LIFE_MS = 180_000;
/** A restart knows only who is online; beyond this many, a peer's own disco ping says that it means us. */
const MAX_AT_ONCE = 256;

export interface KnownPeer {
  readonly nodeKey: NodeKey;
  readonly isOnline: boolean;
}

/**
 * A lost session costs its peer 15 s of silence (WireGuard paper §6.5) unless somebody starts a new one. Sessions are
 * lost by stopping the tunnels, and by a restart that peers can't see because the disco key is the same.
 */
export class StaleSessions {
  #untilMs = Number.NEGATIVE_INFINITY;
  /** Undefined after a restart: nobody knows any more. */
  #keys: Set<NodeKey> | undefined = new Set();
  #done = new Set<NodeKey>();

  restarted(nowMs: number): void {
    this.#keys = undefined;
    this.#done = new Set();
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
    const found = peers
      .filter(({ nodeKey, isOnline }) => (this.#keys === undefined ? isOnline : this.#keys.has(nodeKey)))
      .map(({ nodeKey }) => nodeKey)
      .filter((key) => !this.#done.has(key))
      .slice(0, Math.max(0, MAX_AT_ONCE - this.#done.size));
    for (const key of found) this.#done.add(key);
    return found;
  }

  /** Whether a peer that just showed it means us may have such a session; true at most once. */
  take(key: NodeKey, nowMs: number): boolean {
    if (nowMs > this.#untilMs || this.#done.has(key) || this.#keys?.has(key) === false) return false;
    this.#done.add(key);
    return true;
  }
}
