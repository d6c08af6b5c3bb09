/** Sets of machines as bits over their dense indices (policy.md §15.3). */

export class Bits {
  readonly #words: Uint32Array;

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

  addAll(other: Bits): void {
    for (let i = 0; i < this.#words.length; i++)
      this.#words[i] = (this.#words[i] as number) | (other.#words[i] as number);
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
