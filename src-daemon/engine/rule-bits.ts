/** Sets of rules as bits with a summary of which words have any, so that meeting several sets skips what is empty. */

export class RuleBits {
  readonly words: Int32Array;
  /** One bit per word of `words` that is not empty. */
  readonly summary: Int32Array;

  constructor(size: number) {
    const count = (size + 31) >>> 5;
    this.words = new Int32Array(count);
    this.summary = new Int32Array((count + 31) >>> 5);
  }

  get bytes(): number {
    return this.words.byteLength + this.summary.byteLength;
  }

  add(index: number): void {
    const word = index >>> 5;
    this.words[word] = (this.words[word] as number) | (1 << (index & 31));
    this.summary[word >>> 5] = (this.summary[word >>> 5] as number) | (1 << (word & 31));
  }
}

const lowestBit = (word: number): number => 31 - Math.clz32(word & -word);

/** The smallest index that all four hold, or -1; the same set may be given twice. */
export function firstOfAll(a: RuleBits, b: RuleBits, c: RuleBits, d: RuleBits): number {
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
