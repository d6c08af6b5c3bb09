/** A set of small integers as bits, in pages that exist only where something is set: sent node ids, used addresses. */

const PAGE = 1_024;

interface Page {
  readonly words: Uint32Array;
  count: number;
}

export class IdSet {
  readonly #pages = new Map<number, Page>();

  has(id: number): boolean {
    const page = this.#pages.get(Math.floor(id / PAGE));
    return page !== undefined && isSet(page, id % PAGE);
  }

  add(id: number): void {
    const index = Math.floor(id / PAGE);
    const page = this.#pages.get(index) ?? { words: new Uint32Array(PAGE / 32), count: 0 };
    const bit = id % PAGE;
    if (isSet(page, bit)) return;
    page.words[bit >>> 5] = (page.words[bit >>> 5] as number) | (1 << (bit & 31));
    page.count += 1;
    this.#pages.set(index, page);
  }

  delete(id: number): void {
    const index = Math.floor(id / PAGE);
    const page = this.#pages.get(index);
    const bit = id % PAGE;
    if (page === undefined || !isSet(page, bit)) return;
    page.words[bit >>> 5] = (page.words[bit >>> 5] as number) & ~(1 << (bit & 31));
    page.count -= 1;
    if (page.count === 0) this.#pages.delete(index);
  }

  /** By page, ascending within each. */
  *values(): Generator<number> {
    for (const [index, { words }] of this.#pages)
      for (const [at, word] of words.entries())
        for (let left = word; left !== 0; left &= left - 1)
          yield index * PAGE + at * 32 + (31 - Math.clz32(left & -left));
  }

  /** The first id from `id` on that may be missing: skips pages in which every id is set. */
  skipFull(id: number): number {
    let at = id;
    while (this.#pages.get(Math.floor(at / PAGE))?.count === PAGE) at = (Math.floor(at / PAGE) + 1) * PAGE;
    return at;
  }
}

const isSet = (page: Page, bit: number): boolean =>
  (((page.words[bit >>> 5] as number) >>> (bit & 31)) & 1) === 1;
