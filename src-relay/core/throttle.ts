/** Slows one sender down to its rate: what it sends is not read until its bucket has the tokens (nat-traversal.md §1.10). */
import type { Clock } from '#shared/async/clock.ts';
import type { TokenBucket } from './bucket.ts';

export class Throttle {
  readonly #clock: Clock;
  readonly #goOn: () => void;
  #bucket: TokenBucket | undefined;
  #cancel: (() => void) | undefined;

  /** `goOn` is called when waiting is over. */
  constructor(clock: Clock, goOn: () => void) {
    this.#clock = clock;
    this.#goOn = goOn;
  }

  get isWaiting(): boolean {
    return this.#cancel !== undefined;
  }

  /** Another rate: who waits because of the old one goes on. */
  set(bucket: TokenBucket | undefined): void {
    this.#bucket = bucket;
    if (!this.isWaiting) return;
    this.close();
    this.#goOn();
  }

  /** False when reading has to wait; the tokens are taken in any case. */
  take(bytes: number): boolean {
    const waitMs = this.#bucket?.borrow(bytes, this.#clock.monotonic()) ?? 0;
    if (waitMs === 0) return true;
    // A frame that is skipped may be followed by another before reading stops: one wait for both.
    this.#cancel?.();
    this.#cancel = this.#clock.after(waitMs, () => {
      this.#cancel = undefined;
      this.#goOn();
    });
    return false;
  }

  close(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
