/** Sets of machines as bits over their dense indices (policy.md §15.3). */

export class Bits {
  #words: Uint32Array;

  constructor(size: number) {
    this.#words = new Uint32Array((size + 31) >> 5);
  }

  add(index: number): void {
    this.#words[index >> 5] = (this.#words[index >> 5] as number) | (1 << (index & 31));
  }

  delete(index: number): void {
    this.#words[index >> 5] = (this.#words[index >> 5] as number) & ~(1 << (index & 31));
  }

  has(index: number): boolean {
    return ((this.#words[index >> 5] as number) & (1 << (index & 31))) !== 0;
  }

  put(index: number, isIn: boolean): void {
    if (isIn) this.add(index);
    else this.delete(index);
  }

  /** `other` must not be larger. */
  addAll(other: Bits): void {
    for (let i = 0; i < other.#words.length; i++)
      this.#words[i] = (this.#words[i] as number) | (other.#words[i] as number);
  }

  /** Room for indices below `size`; members stay. */
  grow(size: number): void {
    const words = new Uint32Array((size + 31) >> 5);
    words.set(this.#words);
    this.#words = words;
  }

  /** Members of exactly one of the two, which are of one size. */
  difference(other: Bits): Bits {
    const out = new Bits(32 * this.#words.length);
    for (let i = 0; i < this.#words.length; i++)
      out.#words[i] = (this.#words[i] as number) ^ (other.#words[i] as number);
    return out;
  }

  get isEmpty(): boolean {
    return this.#words.every((word) => word === 0);
  }

  /** The members, ascending. */
  *[Symbol.iterator](): Generator<number> {
    for (let i = 0; i < this.#words.length; i++) {
      for (let word = this.#words[i] as number; word !== 0; word &= word - 1)
        yield 32 * i + (31 - Math.clz32(word & -word));
    }
  }

  /** The same text for the same members. */
  get key(): string {
    return Buffer.from(this.#words.buffer).toString('latin1');
  }
}
