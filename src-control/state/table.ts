/** Records of one kind in memory, found by id or by what else is unique about them. */

export interface ReadonlyTable<T, Index extends string> {
  readonly size: number;
  get(id: number): T | undefined;
  /** In order of first appearance. */
  values(): IterableIterator<T>;
  find(index: Index, key: string): T | undefined;
}

/** A record without the key, by `undefined`, is not in that index. */
type KeyOf<T> = (record: T) => string | undefined;

export class Table<T extends { readonly id: number }, Index extends string = never>
  implements ReadonlyTable<T, Index>
{
  readonly #rows = new Map<number, T>();
  readonly #indexes: readonly {
    readonly name: string;
    readonly keyOf: KeyOf<T>;
    readonly ids: Map<string, number>;
  }[];

  constructor(indexes: Readonly<Record<Index, KeyOf<T>>>) {
    this.#indexes = Object.entries<KeyOf<T>>(indexes).map(([name, keyOf]) => ({
      name,
      keyOf,
      ids: new Map(),
    }));
  }

  get size(): number {
    return this.#rows.size;
  }

  get(id: number): T | undefined {
    return this.#rows.get(id);
  }

  values(): IterableIterator<T> {
    return this.#rows.values();
  }

  find(index: Index, key: string): T | undefined {
    const id = this.#indexes.find(({ name }) => name === index)?.ids.get(key);
    return id === undefined ? undefined : this.#rows.get(id);
  }

  put(record: T): void {
    this.#unindex(record.id);
    this.#rows.set(record.id, record);
    for (const { keyOf, ids } of this.#indexes) {
      const key = keyOf(record);
      if (key !== undefined) ids.set(key, record.id);
    }
  }

  /** Takes back a change or a removal: also the place among the others. */
  restore(record: T): void {
    const isBack = !this.#rows.has(record.id);
    this.put(record);
    if (isBack) sortById(this.#rows);
  }

  remove(id: number): void {
    this.#unindex(id);
    this.#rows.delete(id);
  }

  clear(): void {
    this.#rows.clear();
    for (const { ids } of this.#indexes) ids.clear();
  }

  #unindex(id: number): void {
    const known = this.#rows.get(id);
    if (known === undefined) return;
    for (const { keyOf, ids } of this.#indexes) {
      const key = keyOf(known);
      if (key !== undefined && ids.get(key) === id) ids.delete(key);
    }
  }
}

/** In place; ids are given out in order, so this is the order of appearance too. */
export function sortById<T>(rows: Map<number, T>): void {
  const sorted = [...rows].sort(([a], [b]) => a - b);
  rows.clear();
  for (const [id, row] of sorted) rows.set(id, row);
}
