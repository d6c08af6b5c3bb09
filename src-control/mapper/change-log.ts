/** Changes in order, kept as long as a stream still has to be told; what a stream missed is folded into one summary. */
import type { Change } from '../state/changes.ts';

/** A stream further behind gets everything anew instead. */
const MAX_KEPT = 100_000;

export interface Folded {
  /** Node id to bits of `What`; 0 for one that was removed. */
  readonly nodes: ReadonlyMap<number, number>;
}

export class ChangeLog {
  #changes: Change[] = [];
  /** Position of the first kept change. */
  #base = 0;

  /** Position after the newest change. */
  get head(): number {
    return this.#base + this.#changes.length;
  }

  append(changes: readonly Change[]): void {
    this.#changes.push(...changes);
  }

  /** What happened from `cursor` on; undefined when that is not known any more. */
  fold(cursor: number): Folded | undefined {
    if (cursor < this.#base) return undefined;
    const nodes = new Map<number, number>();
    for (let at = cursor - this.#base; at < this.#changes.length; at++) {
      const change = this.#changes[at] as Change;
      if (change.kind === 'node') nodes.set(change.id, (nodes.get(change.id) ?? 0) | change.what);
      else if (change.kind === 'removed') nodes.set(change.id, 0);
    }
    return { nodes };
  }

  /** Forgets what every stream knows. */
  trim(slowest: number): void {
    const keepFrom = Math.max(slowest, this.head - MAX_KEPT);
    if (keepFrom <= this.#base) return;
    this.#changes = this.#changes.slice(keepFrom - this.#base);
    this.#base = keepFrom;
  }
}
