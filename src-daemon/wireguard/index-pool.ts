/** Receiver indices: random, never 0, and unique among all that a packet may still name (data-plane.md §1.4). */
import { randomBytes } from '#shared/crypto/random.ts';

const SWEEP_AT = 64;

export class IndexPool {
  /** Each index and when the keypair under it is certainly dead. */
  readonly #deadAt = new Map<number, number>();
  #sweepAt = SWEEP_AT;

  /** In use until `free`, or until the time that `keepUntil` names. */
  take(nowMs: number): number {
    if (this.#deadAt.size >= this.#sweepAt) {
      for (const [index, deadAt] of this.#deadAt) if (deadAt <= nowMs) this.#deadAt.delete(index);
      this.#sweepAt = Math.max(SWEEP_AT, 2 * this.#deadAt.size);
    }
    while (true) {
      const [a = 0, b = 0, c = 0, d = 0] = randomBytes(4);
      const index = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
      if (index === 0 || this.#deadAt.has(index)) continue;
      this.#deadAt.set(index, Number.POSITIVE_INFINITY);
      return index;
    }
  }

  keepUntil(index: number, deadAtMs: number): void {
    this.#deadAt.set(index, deadAtMs);
  }

  free(index: number): void {
    this.#deadAt.delete(index);
  }
}
