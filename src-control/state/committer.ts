/** Group commit: whatever is saved in the same moment goes to disk in one transaction, and each saver is told when it is there. */
import type { Clock } from '#shared/async/clock.ts';
import type { Write } from '../store/records.ts';
import type { Store } from '../store/store.ts';

/** Longest wait of a save that nobody is in a hurry for, such as a machine's endpoints. */
const LAZY_MS = 200;

export interface CommitterDeps {
  readonly store: Store;
  readonly clock: Clock;
  /** Runs a function once what is at hand has been read from the sockets; `setImmediate` in production. */
  readonly defer: (fn: () => void) => void;
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class Committer {
  readonly #deps: CommitterDeps;
  #writes: Write[] = [];
  #waiters: Waiter[] = [];
  #isDue = false;
  #isRunning = false;
  #cancelLazy: (() => void) | undefined;
  #idle: (() => void)[] = [];

  constructor(deps: CommitterDeps) {
    this.#deps = deps;
  }

  /** Resolves when the writes are safe; rejects when the transaction that held them failed. */
  save(writes: readonly Write[], pace: 'now' | 'lazy'): Promise<void> {
    const done = new Promise<void>((resolve, reject) => {
      this.#writes.push(...writes);
      this.#waiters.push({ resolve, reject });
    });
    if (pace === 'now') this.#due();
    else if (!this.#isDue) this.#cancelLazy ??= this.#deps.clock.after(LAZY_MS, () => this.#due());
    return done;
  }

  get isIdle(): boolean {
    return this.#waiters.length === 0 && !this.#isRunning;
  }

  /** Resolves when nothing is left to write. */
  async flush(): Promise<void> {
    if (this.#waiters.length > 0) this.#due();
    while (this.#isDue || this.#isRunning) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #due(): void {
    this.#cancelLazy?.();
    this.#cancelLazy = undefined;
    if (this.#isDue) return;
    this.#isDue = true;
    if (!this.#isRunning) this.#deps.defer(() => void this.#run());
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#isDue) {
      this.#isDue = false;
      const writes = this.#writes;
      const waiters = this.#waiters;
      this.#writes = [];
      this.#waiters = [];
      try {
        await this.#deps.store.commit(writes);
        for (const waiter of waiters) waiter.resolve();
      } catch (error) {
        for (const waiter of waiters) waiter.reject(error);
      }
    }
    this.#isRunning = false;
    for (const wake of this.#idle.splice(0)) wake();
  }
}
