/** Group commit: whatever is saved in the same moment goes to disk in one transaction, and each saver is told when it is there. */
import type { Clock } from '#shared/async/clock.ts';
import type { Write } from '../store/records.ts';
import type { Store } from '../store/store.ts';
import { type Meter, noMeter } from './meter.ts';

/** Longest wait of a save that nobody is in a hurry for, such as a machine's endpoints. */
const LAZY_MS = 200;

export interface CommitterDeps {
  readonly store: Pick<Store, 'commit'>;
  readonly clock: Clock;
  /** Runs a function once what is at hand has been read from the sockets; `setImmediate` in production. */
  readonly defer: (fn: () => void) => void;
  readonly meter?: Meter;
  /** Memory is as it was before what failed; the savers are told after this. */
  readonly rolledBack?: (error: unknown) => void;
}

interface Entry {
  readonly writes: readonly Write[];
  readonly undo: () => void;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class Committer {
  readonly #deps: CommitterDeps;
  readonly #meter: Meter;
  #waiting: Entry[] = [];
  #isDue = false;
  #isRunning = false;
  #cancelLazy: (() => void) | undefined;
  #idle: (() => void)[] = [];

  constructor(deps: CommitterDeps) {
    this.#deps = deps;
    this.#meter = deps.meter ?? noMeter;
  }

  /**
   * Resolves when the writes are safe. When the disk refuses them, `undo` takes back in memory what they did, along with
   * everything saved since, which was made knowing them; then this rejects.
   */
  save(writes: readonly Write[], pace: 'now' | 'lazy', undo: () => void): Promise<void> {
    const done = new Promise<void>((resolve, reject) => {
      this.#waiting.push({ writes, undo, resolve, reject });
    });
    if (pace === 'now') this.#due();
    else if (!this.#isDue) this.#cancelLazy ??= this.#deps.clock.after(LAZY_MS, () => this.#due());
    return done;
  }

  get isIdle(): boolean {
    return this.#waiting.length === 0 && !this.#isRunning;
  }

  /** Resolves when nothing is left to write. */
  async flush(): Promise<void> {
    if (this.#waiting.length > 0) this.#due();
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
      const batch = this.#waiting;
      this.#waiting = [];
      await this.#commit(batch);
    }
    this.#isRunning = false;
    for (const wake of this.#idle.splice(0)) wake();
  }

  async #commit(batch: readonly Entry[]): Promise<void> {
    try {
      await this.#write(batch.flatMap((entry) => entry.writes));
      for (const entry of batch) entry.resolve();
    } catch (error) {
      if (batch.length === 1) this.#rollBack(batch, error);
      else await this.#commitOneByOne(batch);
    }
  }

  /** What one saver got wrong must not cost those before it their save. */
  async #commitOneByOne(batch: readonly Entry[]): Promise<void> {
    for (const [index, entry] of batch.entries()) {
      try {
        await this.#write(entry.writes);
        entry.resolve();
      } catch (error) {
        return this.#rollBack(batch.slice(index), error);
      }
    }
  }

  async #write(writes: readonly Write[]): Promise<void> {
    const { store, clock } = this.#deps;
    const begun = clock.monotonic();
    try {
      await store.commit(writes);
    } catch (error) {
      this.#meter.count('store_failures', {});
      throw error;
    }
    this.#meter.time('store_commit_seconds', (clock.monotonic() - begun) / 1_000, {});
  }

  #rollBack(batch: readonly Entry[], error: unknown): void {
    const failed = [...batch, ...this.#waiting.splice(0)];
    this.#cancelLazy?.();
    this.#cancelLazy = undefined;
    this.#isDue = false;
    for (const entry of failed.toReversed()) entry.undo();
    this.#deps.rolledBack?.(error);
    for (const entry of failed) entry.reject(error);
  }
}
