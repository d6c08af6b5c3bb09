/** Which pings of a peer were taken already: a copy from elsewhere must not make us speak to whoever is there. */
import type { DiscoKey } from '#shared/key/key.ts';

/** Pings of a peer that are remembered: half an hour of heartbeats. */
const REMEMBERED = 512;

export class PingMemory {
  readonly #seen = new Map<DiscoKey, Map<string, string>>();

  /** False for a transaction that came from another source before. From the same one it is a duplicate, which is harmless. */
  take(sender: DiscoKey, txId: string, source: string): boolean {
    let seen = this.#seen.get(sender);
    if (seen === undefined) {
      seen = new Map();
      this.#seen.set(sender, seen);
    }
    const before = seen.get(txId);
    if (before !== undefined) return before === source;
    seen.set(txId, source);
    if (seen.size > REMEMBERED) {
      const oldest = seen.keys().next();
      if (!oldest.done) seen.delete(oldest.value);
    }
    return true;
  }

  /** Forgets whoever is not among these. */
  keep(keys: ReadonlySet<DiscoKey>): void {
    for (const key of this.#seen.keys()) if (!keys.has(key)) this.#seen.delete(key);
  }
}
