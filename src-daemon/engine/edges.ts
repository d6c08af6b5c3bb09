/** What is told once a second for each name, and of few names in a second: when a network goes down, everything fails at once. */

const EDGE_MS = 1_000;
const MAX_NAMES = 64;

export class Edges {
  readonly #toldAt = new Map<string, number>();

  /** Whether it is to be told now. */
  isNew(name: string, now: number): boolean {
    const isRecent = (at: number): boolean => now - at < EDGE_MS;
    const last = this.#toldAt.get(name);
    if (last !== undefined && isRecent(last)) return false;
    if (this.#toldAt.size >= MAX_NAMES)
      for (const [other, at] of this.#toldAt) if (!isRecent(at)) this.#toldAt.delete(other);
    if (this.#toldAt.size >= MAX_NAMES) return false;
    this.#toldAt.set(name, now);
    return true;
  }
}
