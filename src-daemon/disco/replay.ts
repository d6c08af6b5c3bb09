/** Which pings of a peer were taken already: a copy from elsewhere must not make us speak to whoever is there. */
import type { DiscoKey } from '#shared/key/key.ts';

/** Pings of a peer that are remembered: half an hour of heartbeats. */
const REMEMBERED = 512;
const FIRST_ROOM = 16;

/** Pairs of numbers, transaction and source, in a ring: 4 kB for the busiest peer. */
interface Seen {
  pairs: Uint32Array;
  count: number;
  /** Where the next one goes. */
  at: number;
}

export class PingMemory {
  readonly #seen = new Map<DiscoKey, Seen>();

  /** False for a transaction that came from another source before. From the same one it is a duplicate, which is harmless. */
  take(sender: DiscoKey, txId: string, source: string): boolean {
    let seen = this.#seen.get(sender);
    if (seen === undefined) {
      seen = { pairs: new Uint32Array(2 * FIRST_ROOM), count: 0, at: 0 };
      this.#seen.set(sender, seen);
    }
    const [tx, from] = [hashOf(txId), hashOf(source)];
    for (let i = 0; i < seen.count; i++) if (seen.pairs[2 * i] === tx) return seen.pairs[2 * i + 1] === from;
    if (seen.at === REMEMBERED) seen.at = 0;
    if (2 * seen.at === seen.pairs.length) {
      const pairs = new Uint32Array(2 * seen.pairs.length);
      pairs.set(seen.pairs);
      seen.pairs = pairs;
    }
    seen.pairs.set([tx, from], 2 * seen.at);
    seen.at++;
    seen.count = Math.max(seen.count, seen.at);
    return true;
  }

  /** Forgets whoever is not among these. */
  forget(keys: Iterable<DiscoKey>): void {
    for (const key of keys) this.#seen.delete(key);
  }

  keep(keys: ReadonlySet<DiscoKey>): void {
    for (const key of this.#seen.keys()) if (!keys.has(key)) this.#seen.delete(key);
  }
}

/** FNV-1a, 32 bits: of ten million pings one is taken for another. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
