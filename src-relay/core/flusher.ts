/** Gathers the connections that have something to send and sends for all of them once the event loop has read what there is. */

export interface Flushable {
  flush(): void;
}

export class Flusher {
  readonly #afterIo: (fn: () => void) => void;
  #dirty: Flushable[] = [];
  readonly #run = (): void => this.flush();

  /** `afterIo` calls once, when the event loop has handed out all that the system had to read. */
  constructor(afterIo: (fn: () => void) => void) {
    this.#afterIo = afterIo;
  }

  /** The caller marks each connection once per round. */
  mark(one: Flushable): void {
    if (this.#dirty.push(one) === 1) this.#afterIo(this.#run);
  }

  flush(): void {
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const one of dirty) one.flush();
  }
}
