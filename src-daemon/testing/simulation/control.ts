/** The coordination server of a simulation: tells each machine of the others, a little later, unless it is away. */
import type { SimClock } from '../network/sim-clock.ts';
import type { Facts, Machine } from './machine.ts';

export class ModelControl {
  isAway = false;
  readonly #clock: SimClock;
  readonly #delayMs: number;
  readonly #machines: readonly Machine[];
  readonly #facts = new Map<number, Facts>();
  readonly #extra: Facts[] = [];
  #isScheduled = false;

  constructor(clock: SimClock, machines: readonly Machine[], delayMs: number) {
    this.#clock = clock;
    this.#machines = machines;
    this.#delayMs = delayMs;
  }

  /** A machine's facts are others than before. */
  changed(): void {
    this.#schedule();
  }

  /** A member that is no machine of the simulation. */
  enroll(facts: Facts): void {
    this.#extra.push(facts);
  }

  back(): void {
    this.isAway = false;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled || this.isAway) return;
    this.#isScheduled = true;
    this.#clock.after(this.#delayMs, () => {
      this.#isScheduled = false;
      if (!this.isAway) this.#distribute();
    });
  }

  /** Only machines with a way to the Internet are heard, and hear. */
  #distribute(): void {
    const online = this.#machines.filter((machine) => machine.streamPath().delayMs !== undefined);
    for (const machine of online) this.#facts.set(machine.index, machine.facts);
    const all = [...this.#facts.values(), ...this.#extra];
    for (const machine of online) machine.configure(all.filter(({ index }) => index !== machine.index));
    if (online.length < this.#machines.length) this.#clock.after(1_000, () => this.#schedule());
  }
}
