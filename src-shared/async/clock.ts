/** Time as the cores see it: handed in, never read. */

export interface Clock {
  /** Wall clock, ms since 1970. */
  now(): number;
  /** Milliseconds that never go back and count time asleep. */
  monotonic(): number;
  /** Resolves after `ms`; rejects with the signal's reason when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `fn` once after `ms`; the returned function cancels it. */
  after(ms: number, fn: () => void): () => void;
}

/** A number in [0, 1), for jitter; tests hand in their own. */
export type Random = () => number;
