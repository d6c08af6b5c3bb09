/** What goes on for a while is told when it begins: a name is new again after a minute without it. */

const QUIET_MS = 60_000;
/** Told in that time at most: when a network goes down, nobody can be reached. */
const MAX_NAMES = 16;

export class Episodes {
  readonly #seenAt = new Map<string, number>();

  /** Whether it is to be told now. */
  begins(name: string, now: number): boolean {
    for (const [other, at] of this.#seenAt) if (now - at >= QUIET_MS) this.#seenAt.delete(other);
    const isKnown = this.#seenAt.has(name);
    if (!isKnown && this.#seenAt.size >= MAX_NAMES) return false;
    this.#seenAt.set(name, now);
    return !isKnown;
  }
}
