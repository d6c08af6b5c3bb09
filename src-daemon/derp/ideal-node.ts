/** At a node that is not its region's first: tries the first again now and then, when nothing flows (nat-traversal.md §11.5). */
import type { Clock, Random } from '#shared/async/clock.ts';
import type { Dialed } from './types.ts';

const RETRY_MS = 30 * 60_000;
/** No packet for this long: a change of connection is not noticed. */
const QUIET_MS = 10_000;
const NOT_QUIET_RETRY_MS = 60_000;
const BUDGET_MS = 10_000;

export interface IdealNodeOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** To the first node alone. */
  readonly dial: (signal: AbortSignal) => Promise<Dialed>;
  /** Takes the place of the connection there is. */
  readonly onDialed: (dialed: Dialed) => void;
  readonly onFailed: (error: unknown) => void;
}

export class IdealNode {
  readonly #options: IdealNodeOptions;
  #dueMs: number;

  constructor(options: IdealNodeOptions) {
    this.#options = options;
    this.#dueMs = this.#later();
  }

  /** When `check` must be called next. */
  get dueMs(): number {
    return this.#dueMs;
  }

  /** An attempt that is under way ends with the signal. */
  check(nowMs: number, trafficAtMs: number, signal: AbortSignal): void {
    if (nowMs < this.#dueMs) return;
    if (nowMs - trafficAtMs < QUIET_MS) {
      this.#dueMs = nowMs + NOT_QUIET_RETRY_MS;
      return;
    }
    this.#dueMs = this.#later();
    const { clock, dial, onDialed, onFailed } = this.#options;
    const budget = new AbortController();
    const cancelBudget = clock.after(BUDGET_MS, () => budget.abort());
    dial(AbortSignal.any([signal, budget.signal]))
      .then((dialed) => {
        if (signal.aborted) dialed.stream.close();
        else onDialed(dialed);
      }, onFailed)
      .finally(cancelBudget);
  }

  /** Spread over as much again, so that the clients of a relay do not come back all at once. */
  #later(): number {
    const { clock, random } = this.#options;
    return clock.monotonic() + RETRY_MS * (1 + random());
  }
}
