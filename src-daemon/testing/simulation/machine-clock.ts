/** The clock of one simulated machine: while it sleeps its timers wait, and all that are over run when it wakes. */
import type { Clock } from '#shared/async/clock.ts';
import type { SimClock } from '../network/sim-clock.ts';

export class MachineClock implements Clock {
  readonly #world: SimClock;
  readonly #held = new Set<() => void>();
  #isAsleep = false;

  constructor(world: SimClock) {
    this.#world = world;
  }

  now(): number {
    return this.#world.now();
  }

  /** Counts time asleep, as the interface asks. */
  monotonic(): number {
    return this.#world.monotonic();
  }

  after(ms: number, fn: () => void): () => void {
    const held = (): void => fn();
    const cancel = this.#world.after(ms, () => {
      if (this.#isAsleep) this.#held.add(held);
      else fn();
    });
    return () => {
      this.#held.delete(held);
      cancel();
    };
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return this.#world.sleep(ms, signal);
  }

  suspend(): void {
    this.#isAsleep = true;
  }

  resume(): void {
    this.#isAsleep = false;
    for (const fn of [...this.#held]) if (this.#held.delete(fn)) fn();
  }
}
