/** How much a page sends: more than any page of ours does is a flood, which costs us time even when it is refused. */
import type { Clock } from '#shared/async/clock.ts';

/** Of one second. The dispatcher refuses calls long before; a page that goes on is none of ours. */
const MAX_FRAMES = 200;
const MAX_BYTES = 2 * 1_024 * 1_024;
const SECOND_MS = 1_000;

export class Inflow {
  readonly #clock: Pick<Clock, 'monotonic'>;
  #second = -1;
  #frames = 0;
  #bytes = 0;

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  isFlood(bytes: number): boolean {
    const second = Math.floor(this.#clock.monotonic() / SECOND_MS);
    if (second !== this.#second) {
      this.#second = second;
      this.#frames = 0;
      this.#bytes = 0;
    }
    this.#frames++;
    this.#bytes += bytes;
    return this.#frames > MAX_FRAMES || this.#bytes > MAX_BYTES;
  }
}
