/** The packets that wait for a client which does not read at the moment: oldest first, and the oldest goes when there is no room. */
import type { Buffer } from 'node:buffer';

export class Ring {
  readonly #limit: number;
  readonly #frames: Buffer[] = [];
  readonly #sinceMs: number[] = [];
  #head = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get length(): number {
    return this.#frames.length - this.#head;
  }

  /** The frame that had to make room: fresh packets are worth more than stale ones (nat-traversal.md §1.10). */
  push(frame: Buffer, nowMs: number): Buffer | undefined {
    const dropped = this.length >= this.#limit ? this.shift() : undefined;
    this.#frames.push(frame);
    this.#sinceMs.push(nowMs);
    return dropped;
  }

  /** When the oldest was queued; meaningless when there is none. */
  get headSinceMs(): number {
    return this.#sinceMs[this.#head] ?? 0;
  }

  shift(): Buffer | undefined {
    const frame = this.#frames[this.#head];
    if (frame === undefined) return undefined;
    this.#head++;
    // Amortised: each frame is moved at most once.
    if (this.#head >= this.#limit) {
      this.#frames.splice(0, this.#head);
      this.#sinceMs.splice(0, this.#head);
      this.#head = 0;
    }
    return frame;
  }
}
