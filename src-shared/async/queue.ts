/** A bounded queue between one writer and one reader, which refuses when full instead of growing. */

export class BoundedQueue<T> {
  readonly #limit: number;
  readonly #items: T[] = [];
  #wake: (() => void) | undefined;
  #closed = false;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get length(): number {
    return this.#items.length;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** False when full or closed: the caller decides what that means. */
  push(item: T): boolean {
    if (this.#closed || this.#items.length >= this.#limit) return false;
    this.#items.push(item);
    this.#wake?.();
    return true;
  }

  /** Puts `by` in the place of an item that still waits, or nothing; false when it waits no more. */
  replace(item: T, by: T | undefined): boolean {
    const at = this.#items.indexOf(item);
    if (at < 0) return false;
    this.#items.splice(at, 1, ...(by === undefined ? [] : [by]));
    return true;
  }

  /** Lets the reader take what is queued, then ends it. */
  close(): void {
    this.#closed = true;
    this.#wake?.();
  }

  /** The next item, or undefined once closed and empty; rejects with the signal's reason when aborted. */
  async next(signal?: AbortSignal): Promise<T | undefined> {
    while (true) {
      signal?.throwIfAborted();
      if (this.#items.length > 0) return this.#items.shift();
      if (this.#closed) return undefined;
      await new Promise<void>((resolve) => {
        const done = (): void => {
          this.#wake = undefined;
          signal?.removeEventListener('abort', done);
          resolve();
        };
        this.#wake = done;
        signal?.addEventListener('abort', done);
      });
    }
  }
}
