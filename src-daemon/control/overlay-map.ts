/** An immutable map that shares what did not change, so that a small delta to a large network stays a small piece of work. */

/** Changes to apply: undefined deletes. */
export type Edits<V> = ReadonlyMap<string, V | undefined>;

/** Edits are folded into a new base when there are more of them than this or than the square root of the base. */
const MIN_OVERLAY = 16;

/**
 * A base and the edits since. Applying k edits costs k plus at most the square root of the size, amortised, instead of
 * copying every entry: ten thousand machines joining one by one would otherwise cost fifty million copies.
 */
export class OverlayMap<V> implements ReadonlyMap<string, V> {
  readonly #base: ReadonlyMap<string, V>;
  readonly #edits: Edits<V>;
  readonly size: number;

  private constructor(base: ReadonlyMap<string, V>, edits: Edits<V>, size: number) {
    this.#base = base;
    this.#edits = edits;
    this.size = size;
  }

  static from<V>(entries: Iterable<readonly [string, V]>): OverlayMap<V> {
    const base = new Map(entries);
    return new OverlayMap(base, new Map(), base.size);
  }

  /** A new map; this one stays as it is. */
  with(edits: Edits<V>): OverlayMap<V> {
    if (edits.size === 0) return this;
    const merged = new Map(this.#edits);
    let size = this.size;
    for (const [key, value] of edits) {
      const had = this.has(key);
      if (value !== undefined) {
        merged.set(key, value);
        if (!had) size++;
      } else {
        if (this.#base.has(key)) merged.set(key, undefined);
        else merged.delete(key);
        if (had) size--;
      }
    }
    if (merged.size <= Math.max(MIN_OVERLAY, Math.sqrt(this.#base.size)))
      return new OverlayMap(this.#base, merged, size);
    return OverlayMap.from(entriesOf(this.#base, merged));
  }

  /** For those who keep something by the base, which many maps share. */
  get layers(): { readonly base: ReadonlyMap<string, V>; readonly edits: Edits<V> } {
    return { base: this.#base, edits: this.#edits };
  }

  get(key: string): V | undefined {
    return this.#edits.has(key) ? this.#edits.get(key) : this.#base.get(key);
  }

  has(key: string): boolean {
    return this.#edits.has(key) ? this.#edits.get(key) !== undefined : this.#base.has(key);
  }

  forEach(callback: (value: V, key: string, map: ReadonlyMap<string, V>) => void): void {
    for (const [key, value] of this.entries()) callback(value, key, this);
  }

  entries(): MapIterator<[string, V]> {
    return entriesOf(this.#base, this.#edits);
  }

  *keys(): MapIterator<string> {
    for (const [key] of this.entries()) yield key;
  }

  *values(): MapIterator<V> {
    for (const [, value] of this.entries()) yield value;
  }

  [Symbol.iterator](): MapIterator<[string, V]> {
    return this.entries();
  }
}

function* entriesOf<V>(base: ReadonlyMap<string, V>, edits: Edits<V>): MapIterator<[string, V]> {
  for (const [key, old] of base) {
    const value = edits.has(key) ? edits.get(key) : old;
    if (value !== undefined) yield [key, value];
  }
  for (const [key, value] of edits) if (value !== undefined && !base.has(key)) yield [key, value];
}
