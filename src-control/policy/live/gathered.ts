/** Whom changes concern, gathered until the map streams take it. */
import type { Effects } from './view.ts';

const NOTHING: Effects = { isAll: false, nodes: new Map(), seen: [] };

export class Gathered {
  #isAll = false;
  #nodes = new Map<number, number>();
  #seen = new Map<number, Set<number>>();

  everything(): void {
    this.#isAll = true;
  }

  node(id: number, effect: number): void {
    this.#nodes.set(id, (this.#nodes.get(id) ?? 0) | effect);
  }

  /** Also without viewers: one that has just lost sight of it may not have been told yet. */
  seen(peer: number, viewers: Iterable<number>): void {
    const known = this.#seen.get(peer) ?? new Set();
    this.#seen.set(peer, known);
    for (const viewer of viewers) if (viewer !== peer) known.add(viewer);
  }

  take(): Effects {
    const [isAll, nodes, seen] = [this.#isAll, this.#nodes, this.#seen];
    if (!isAll && nodes.size === 0 && seen.size === 0) return NOTHING;
    this.#isAll = false;
    this.#nodes = new Map();
    this.#seen = new Map();
    if (isAll) return { isAll, nodes: new Map(), seen: [] };
    return {
      isAll,
      nodes,
      seen: [...seen].map(([peer, viewers]) => ({ peer, viewers: [...viewers].sort((a, b) => a - b) })),
    };
  }
}
