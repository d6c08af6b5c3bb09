/** A clock that stands still until a test moves it; timers run in order and promises settle between them. */
import type { Clock } from '../async/clock.ts';

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly fn: () => void;
}

/** Lets every promise reaction and immediate that is already due run. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export class FakeClock implements Clock {
  #wallMs: number;
  #monotonicMs: number;
  #order = 0;
  readonly #timers = new Set<Timer>();

  constructor(options: { readonly wallMs?: number; readonly monotonicMs?: number } = {}) {
    this.#wallMs = options.wallMs ?? 1_700_000_000_000;
    this.#monotonicMs = options.monotonicMs ?? 1_000_000;
  }

  now(): number {
    return this.#wallMs;
  }

  monotonic(): number {
    return this.#monotonicMs;
  }

  /** Timers not yet run: zero at the end of a test that leaks none. */
  get pending(): number {
    return this.#timers.size;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason);
        return;
      }
      const aborted = (): void => {
        cancel();
        reject(signal?.reason);
      };
      const cancel = this.after(ms, () => {
        signal?.removeEventListener('abort', aborted);
        resolve();
      });
      signal?.addEventListener('abort', aborted, { once: true });
    });
  }

  after(ms: number, fn: () => void): () => void {
    const timer: Timer = { at: this.#monotonicMs + Math.max(0, ms), order: this.#order++, fn };
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
    };
  }

  /** Moves both clocks by `ms`, running what becomes due at its own time. */
  async advance(ms: number): Promise<void> {
    const end = this.#monotonicMs + ms;
    await settle();
    for (let next = this.#due(end); next !== undefined; next = this.#due(end)) {
      this.#timers.delete(next);
      this.#move(Math.max(0, next.at - this.#monotonicMs));
      next.fn();
      await settle();
    }
    this.#move(end - this.#monotonicMs);
  }

  /** The wall clock is set, by a person or by NTP; monotonic time is not touched. */
  stepWall(ms: number): void {
    this.#wallMs += ms;
  }

  #move(ms: number): void {
    this.#wallMs += ms;
    this.#monotonicMs += ms;
  }

  #due(end: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.at > end) continue;
      if (first === undefined || timer.at < first.at || (timer.at === first.at && timer.order < first.order))
        first = timer;
    }
    return first;
  }
}
