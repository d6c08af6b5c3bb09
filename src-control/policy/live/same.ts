/** Whether two pieces of wire data say the same: what has not changed is not sent again. */

/** Plain JSON values; parts that are shared are not looked into. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a))
    return Array.isArray(b) && a.length === b.length && a.every((item, i) => sameJson(item, b[i]));
  const [left, right] = [Object.entries(a), b as Readonly<Record<string, unknown>>];
  return (
    !Array.isArray(b) &&
    left.length === Object.keys(b).length &&
    left.every(([key, value]) => Object.hasOwn(right, key) && sameJson(value, right[key]))
  );
}

/** One value per machine, made when asked for, and the same object until it says something else. */
export class Kept<T> {
  readonly #values = new Map<number, { value: T; isStale: boolean }>();
  readonly #make: (id: number) => T;

  constructor(make: (id: number) => T) {
    this.#make = make;
  }

  get(id: number): T {
    const known = this.#values.get(id);
    if (known !== undefined && !known.isStale) return known.value;
    const made = this.#make(id);
    const value = known !== undefined && sameJson(known.value, made) ? known.value : made;
    this.#values.set(id, { value, isStale: false });
    return value;
  }

  /** The value may be another; true when somebody has been told the old one. */
  doubt(id: number): boolean {
    const known = this.#values.get(id);
    if (known === undefined) return false;
    known.isStale = true;
    return true;
  }

  /** Goes on from what was told before; gives those for whom it is another now. */
  adopt(earlier: Kept<T>): readonly number[] {
    const different: number[] = [];
    for (const [id, { value }] of earlier.#values) {
      this.#values.set(id, { value, isStale: true });
      if (this.get(id) !== value) different.push(id);
    }
    return different;
  }

  forget(id: number): void {
    this.#values.delete(id);
  }
}
