/** Binds dead UDP sockets again, later each time, until they hold. */
import { backoffMs } from '#shared/async/backoff.ts';
import type { Clock, Random } from '#shared/async/clock.ts';

export interface SocketRepairDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** Begins to bind; failing, the engine says again that the socket is dead. */
  readonly bind: () => void;
  /** For the user; undefined when it works again. */
  readonly trouble: (error: string | undefined) => void;
}

/** The first attempt comes after about a second. */
const FIRST_ATTEMPT = 10;
/** Sockets that live this long count as repaired. */
const HOLDS_MS = 5_000;

export class SocketRepair {
  readonly #deps: SocketRepairDeps;
  #attempt = 0;
  #cancelTimer: (() => void) | undefined;
  #isClosed = false;

  constructor(deps: SocketRepairDeps) {
    this.#deps = deps;
  }

  /** Both sockets may say so at once; one repair serves both. */
  dead(detail: string): void {
    if (this.#isClosed) return;
    const { clock, random, bind, trouble } = this.#deps;
    trouble(detail);
    this.#cancelTimer?.();
    const wait = backoffMs(FIRST_ATTEMPT + this.#attempt, random);
    this.#attempt++;
    this.#cancelTimer = clock.after(wait, () => {
      bind();
      this.#cancelTimer = clock.after(HOLDS_MS, () => {
        this.#cancelTimer = undefined;
        this.#attempt = 0;
        trouble(undefined);
      });
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }
}
