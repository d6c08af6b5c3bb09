/** The last so many of things that are written one after the other. */

export class Recent<T> {
  readonly #kept: T[] = [];
  readonly #most: number;
  /** Where the next one goes once all places are taken. */
  #at = 0;

  constructor(most: number) {
    this.#most = most;
  }

  add(item: T): void {
    if (this.#kept.length < this.#most) {
      this.#kept.push(item);
      return;
    }
    this.#kept[this.#at] = item;
    this.#at = (this.#at + 1) % this.#most;
  }

  /** Oldest first. */
  all(): T[] {
    return [...this.#kept.slice(this.#at), ...this.#kept.slice(0, this.#at)];
  }
}
