/** Sets of rules: few as a list, many as bits with a summary of which words have any, so that meeting several sets touches little memory. */

/** Of which the other member has nothing: `list` ascending, or bits. */
export class RuleBits {
  readonly list: readonly number[] | undefined;
  readonly words: Int32Array;
  /** One bit per word of `words` that is not empty. */
  readonly summary: Int32Array;

  /** A list as long as it takes no more than bits would; those of all machines and ports together must fit into caches. */
  constructor(size: number, entries: Iterable<number>) {
    const count = (size + 31) >>> 5;
    const all = [...entries];
    this.list = all.length <= count ? all.sort((a, b) => a - b) : undefined;
    this.words = this.list === undefined ? new Int32Array(count) : NONE;
    this.summary = this.list === undefined ? new Int32Array((count + 31) >>> 5) : NONE;
    if (this.list === undefined) for (const index of all) this.#add(index);
  }

  get bytes(): number {
    return 4 * (this.list?.length ?? 0) + this.words.byteLength + this.summary.byteLength;
  }

  has(index: number): boolean {
    const { list } = this;
    if (list === undefined) return ((this.words[index >>> 5] as number) & (1 << (index & 31))) !== 0;
    let low = 0;
    let high = list.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((list[middle] as number) < index) low = middle + 1;
      else high = middle;
    }
    return low < list.length && list[low] === index;
  }

  #add(index: number): void {
    const word = index >>> 5;
    this.words[word] = (this.words[word] as number) | (1 << (index & 31));
    this.summary[word >>> 5] = (this.summary[word >>> 5] as number) | (1 << (word & 31));
  }
}

const NONE = new Int32Array(0);
const lowestBit = (word: number): number => 31 - Math.clz32(word & -word);

/** The smallest index that all four hold, or -1; the same set may be given twice. */
export function firstOfAll(a: RuleBits, b: RuleBits, c: RuleBits, d: RuleBits): number {
  const list = shorter(shorter(a.list, b.list), shorter(c.list, d.list));
  if (list === undefined) return firstOfBits(a, b, c, d);
  for (let i = 0; i < list.length; i++) {
    const index = list[i] as number;
    if (a.has(index) && b.has(index) && c.has(index) && d.has(index)) return index;
  }
  return -1;
}

function shorter(
  a: readonly number[] | undefined,
  b: readonly number[] | undefined,
): readonly number[] | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a.length <= b.length ? a : b;
}

function firstOfBits(a: RuleBits, b: RuleBits, c: RuleBits, d: RuleBits): number {
  const [wa, wb, wc, wd] = [a.words, b.words, c.words, d.words];
  for (let block = 0; block < a.summary.length; block++) {
    let busy =
      (a.summary[block] as number) &
      (b.summary[block] as number) &
      (c.summary[block] as number) &
      (d.summary[block] as number);
    while (busy !== 0) {
      const word = block * 32 + lowestBit(busy);
      const common =
        (wa[word] as number) & (wb[word] as number) & (wc[word] as number) & (wd[word] as number);
      if (common !== 0) return word * 32 + lowestBit(common);
      busy &= busy - 1;
    }
  }
  return -1;
}
