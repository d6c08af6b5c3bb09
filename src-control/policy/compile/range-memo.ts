/** Texts and targets of ranges, kept: when one machine joins a set of thousands, only its own range is written anew. */
import { type Addr, cidrsOfRange, type RangeSet, rangesOf, rangeText } from '../sets/ranges.ts';
import { type Target, targetsOfCidrs } from './rules.ts';

interface Known {
  readonly last: Addr;
  text: string | undefined;
  targets: readonly Target[] | undefined;
}

/** Ranges that nobody has any more go when there are so many. */
const MAX_KNOWN = 200_000;

export class RangeMemo {
  readonly #known = new Map<Addr, Known>();

  strings(set: RangeSet): readonly string[] {
    return rangesOf(set).map(([first, last]) => {
      const known = this.#of(first, last);
      known.text ??= rangeText(first, last);
      return known.text;
    });
  }

  targets(set: RangeSet): readonly Target[] {
    return rangesOf(set).flatMap(([first, last]) => {
      const known = this.#of(first, last);
      known.targets ??= targetsOfCidrs(cidrsOfRange(first, last));
      return known.targets;
    });
  }

  #of(first: Addr, last: Addr): Known {
    const known = this.#known.get(first);
    if (known?.last === last) return known;
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    const made: Known = { last, text: undefined, targets: undefined };
    this.#known.set(first, made);
    return made;
  }
}
