/** Waiting between attempts at the control server: backoff that a network change cuts short. */
import { backoffMs } from '#shared/async/backoff.ts';
import type { Clock, Random } from '#shared/async/clock.ts';

export class Retry {
  readonly #clock: Clock;
  readonly #random: Random;
  #attempt = 0;
  #cut: (() => void) | undefined;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** After success the next failure waits shortly again. */
  reset(): void {
    this.#attempt = 0;
  }

  /** Ends the wait under way, if any, and starts over. */
  now(): void {
    this.#attempt = 0;
    this.#cut?.();
  }

  /** Waits for the next attempt's turn; rejects with the signal's reason when aborted. */
  wait(signal: AbortSignal): Promise<void> {
    this.#attempt++;
    return this.waitMs(backoffMs(this.#attempt, this.#random), signal);
  }

  /** Waits for a time that the server asked for. */
  async waitMs(ms: number, signal: AbortSignal): Promise<void> {
    const cut = new AbortController();
    this.#cut = () => cut.abort();
    try {
      await this.#clock.sleep(ms, AbortSignal.any([signal, cut.signal]));
    } catch (error) {
      signal.throwIfAborted();
      if (!cut.signal.aborted) throw error;
    } finally {
      this.#cut = undefined;
    }
  }
}
