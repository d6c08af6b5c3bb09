/** The rate that a relay asks its clients to keep to (nat-traversal.md §1.6). */

export class TokenBucket {
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #atMs: number;

  /** A burst of 0 is one second's worth. */
  constructor(bytesPerSecond: number, burst: number, nowMs: number) {
    this.#perMs = bytesPerSecond / 1_000;
    this.#burst = burst > 0 ? burst : bytesPerSecond;
    this.#tokens = this.#burst;
    this.#atMs = nowMs;
  }

  /** True when there is enough for `bytes`, which are then gone. */
  take(bytes: number, nowMs: number): boolean {
    this.#tokens = Math.min(this.#burst, this.#tokens + Math.max(0, nowMs - this.#atMs) * this.#perMs);
    this.#atMs = nowMs;
    if (this.#tokens < bytes) return false;
    this.#tokens -= bytes;
    return true;
  }
}
