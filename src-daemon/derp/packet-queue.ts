/** What waits for a region's connection: two short lanes, so that bulk traffic cannot hold up path discovery. */

/** Deep enough for a burst while dialling; more would only be stale packets (nat-traversal.md §1.12). */
export const LANE_DEPTH = 32;
/** WireGuard repeats a handshake after 5 s and disco a ping after less: what is older has been replaced. */
const STALE_MS = 10_000;

interface Entry {
  readonly frame: Uint8Array;
  readonly atMs: number;
}

export class PacketQueue {
  #disco: Entry[] = [];
  #bulk: Entry[] = [];

  get length(): number {
    return this.#disco.length + this.#bulk.length;
  }

  /** True when the oldest of the lane had to go. */
  push(frame: Uint8Array, isDisco: boolean, nowMs: number): boolean {
    const lane = isDisco ? this.#disco : this.#bulk;
    const isFull = lane.length >= LANE_DEPTH;
    if (isFull) lane.shift();
    lane.push({ frame, atMs: nowMs });
    return isFull;
  }

  /** Disco first. */
  shift(): Uint8Array | undefined {
    return (this.#disco.shift() ?? this.#bulk.shift())?.frame;
  }

  /** Throws away what waited too long; how many. */
  expire(nowMs: number): number {
    const before = this.length;
    const isFresh = (entry: Entry): boolean => nowMs - entry.atMs <= STALE_MS;
    this.#disco = this.#disco.filter(isFresh);
    this.#bulk = this.#bulk.filter(isFresh);
    return before - this.length;
  }

  /** How many were there. */
  clear(): number {
    const count = this.length;
    this.#disco = [];
    this.#bulk = [];
    return count;
  }
}
