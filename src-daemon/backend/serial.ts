/** Runs functions one after the other, so that each sees the world as the one before left it. */

export class Serial {
  #tail: Promise<unknown> = Promise.resolve();

  /** Resolves or rejects with what `fn` gave; a rejection doesn't stop those behind it. */
  run<T>(fn: () => Promise<T> | T): Promise<T> {
    const result = this.#tail.then(fn);
    this.#tail = result.catch(() => undefined);
    return result;
  }

  /** Resolves when everything queued so far has run. */
  async idle(): Promise<void> {
    await this.#tail;
  }
}
