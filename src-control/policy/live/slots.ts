/** Dense indices for node ids, in their order: new machines have higher ids than any before them. */

export class Slots {
  readonly #ids: number[];
  readonly #byId: Map<number, number>;

  /** Ascending ids. */
  constructor(ids: readonly number[]) {
    this.#ids = [...ids];
    this.#byId = new Map(ids.map((id, index) => [id, index]));
  }

  get size(): number {
    return this.#ids.length;
  }

  get ids(): readonly number[] {
    return this.#ids;
  }

  of(id: number): number | undefined {
    return this.#byId.get(id);
  }

  idOf(index: number): number {
    return this.#ids[index] ?? 0;
  }

  /** Undefined where the order would not hold; then all must be numbered anew. */
  add(id: number): number | undefined {
    const known = this.#byId.get(id);
    if (known !== undefined) return known;
    if ((this.#ids.at(-1) ?? -1) > id) return undefined;
    const index = this.#ids.length;
    this.#ids.push(id);
    this.#byId.set(id, index);
    return index;
  }
}
