/** The nodes of one region: in which order they are dialled, and which is the one to be at. */
import type { DerpNode, DerpRegion } from './types.ts';

export class RegionNodes {
  readonly #usable: readonly DerpNode[];
  readonly #first: DerpNode | undefined;
  /** It took our connection and then failed: the others come first. */
  #failed: DerpNode | undefined;

  constructor(region: DerpRegion) {
    this.#first = region.Nodes?.[0];
    this.#usable = (region.Nodes ?? []).filter((node) => node.STUNOnly !== true);
  }

  /** As the relay map has them, but for one that has just failed. */
  order(): readonly DerpNode[] {
    const failed = this.#usable.filter((node) => node === this.#failed);
    return [...this.#usable.filter((node) => node !== this.#failed), ...failed];
  }

  /** The region's first node, when that is another: where the region would like us to be. */
  betterThan(node: DerpNode): DerpNode | undefined {
    return this.#first === node ? undefined : this.#first;
  }

  /** The better one, when it can be dialled. */
  dialableBetterThan(node: DerpNode): DerpNode | undefined {
    const better = this.betterThan(node);
    return better?.STUNOnly === true ? undefined : better;
  }

  failed(node: DerpNode | undefined): void {
    this.#failed = node;
  }
}
