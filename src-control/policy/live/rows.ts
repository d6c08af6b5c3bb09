/** Peers of each machine as it was told them: rows of the adjacency matrix, made when asked for (policy.md §15.3). */
import { Bits } from '../sets/bits.ts';
import type { Slots } from './slots.ts';

export class Rows {
  readonly #slots: Slots;
  readonly #make: (index: number) => Bits;
  readonly #rows = new Map<number, Bits>();
  readonly #lists = new Map<number, readonly number[]>();

  constructor(slots: Slots, make: (index: number) => Bits) {
    this.#slots = slots;
    this.#make = make;
  }

  /** Indices of machines that have been told of their peers. */
  get told(): Iterable<number> {
    return this.#rows.keys();
  }

  row(index: number): Bits {
    const known = this.#rows.get(index);
    if (known !== undefined) return known;
    const made = this.#make(index);
    this.#rows.set(index, made);
    return made;
  }

  list(index: number): readonly number[] {
    const known = this.#lists.get(index);
    if (known !== undefined) return known;
    const made = [...this.row(index)].map((peer) => this.#slots.idOf(peer));
    this.#lists.set(index, made);
    return made;
  }

  /** What others and itself were told of one machine: its row, or what stands in the rows of those who have one. */
  toldOf(index: number, size: number): Bits {
    const known = this.#rows.get(index);
    if (known !== undefined) return known;
    const bits = new Bits(size);
    for (const [viewer, row] of this.#rows) if (row.has(index)) bits.add(viewer);
    return bits;
  }

  /** The machine's row is this now. Gives those whose view of it differs from what they were told. */
  replace(index: number, before: Bits, after: Bits): readonly number[] {
    const moved: number[] = [];
    for (const other of before.difference(after)) {
      const row = this.#rows.get(other);
      if (row === undefined) continue;
      row.put(index, after.has(other));
      this.#lists.delete(other);
      moved.push(other);
    }
    if (this.#rows.has(index)) {
      const isSame = before.difference(after).isEmpty;
      this.#rows.set(index, after);
      if (!isSame) this.#lists.delete(index);
    }
    return moved;
  }

  /** Keeps the list of the same machine in earlier rows where the row is equal; false where it is not. */
  adopt(index: number, earlier: Rows): boolean {
    const before = earlier.#rows.get(index);
    if (before === undefined || !before.difference(this.row(index)).isEmpty) return false;
    const list = earlier.#lists.get(index);
    if (list !== undefined) this.#lists.set(index, list);
    return true;
  }

  grow(size: number): void {
    for (const row of this.#rows.values()) row.grow(size);
  }

  forget(index: number): void {
    this.#rows.delete(index);
    this.#lists.delete(index);
  }
}
