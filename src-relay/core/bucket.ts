/** A token bucket that is told the time: it lends, and says how long the borrower has to wait. */

export class TokenBucket {
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #atMs: number;

  constructor(perSecond: number, burst: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#tokens = burst;
    this.#atMs = nowMs;
  }

  /** Takes `count` when they are there. */
  take(count: number, nowMs: number): boolean {
    this.#fill(nowMs);
    if (this.#tokens < count) return false;
    this.#tokens -= count;
    return true;
  }

  /** Takes `count` in any case and gives the milliseconds until they would have been there. */
  borrow(count: number, nowMs: number): number {
    this.#fill(nowMs);
    this.#tokens -= Math.min(count, this.#burst);
    return this.#tokens >= 0 ? 0 : (-this.#tokens / this.#perSecond) * 1_000;
  }

  #fill(nowMs: number): void {
    const grown = ((nowMs - this.#atMs) / 1_000) * this.#perSecond;
    if (grown <= 0) return;
    this.#tokens = Math.min(this.#burst, this.#tokens + grown);
    this.#atMs = nowMs;
  }
}
