/** Token buckets by name: so many at once, refilled over time; bounded in number. */
import type { Clock } from '#shared/async/clock.ts';

const MAX_BUCKETS = 10_000;

export class RateLimit {
  readonly #clock: Clock;
  readonly #burst: number;
  readonly #refillMs: number;
  /** Least recently used first. */
  readonly #buckets = new Map<string, { tokens: number; at: number }>();

  /** `burst` at once, one more every `refillMs`. */
  constructor(clock: Clock, burst: number, refillMs: number) {
    this.#clock = clock;
    this.#burst = burst;
    this.#refillMs = refillMs;
  }

  /** Takes one; false when there is none. */
  take(name: string): boolean {
    const tokens = this.#tokens(name);
    this.#put(name, tokens >= 1 ? tokens - 1 : tokens);
    return tokens >= 1;
  }

  /** Whether `take` would succeed. */
  allows(name: string): boolean {
    return this.#tokens(name) >= 1;
  }

  #tokens(name: string): number {
    const bucket = this.#buckets.get(name);
    if (bucket === undefined) return this.#burst;
    return Math.min(this.#burst, bucket.tokens + (this.#clock.monotonic() - bucket.at) / this.#refillMs);
  }

  #put(name: string, tokens: number): void {
    this.#buckets.delete(name);
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size >= MAX_BUCKETS && oldest !== undefined) this.#buckets.delete(oldest);
    this.#buckets.set(name, { tokens, at: this.#clock.monotonic() });
  }
}
