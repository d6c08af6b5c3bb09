/** Those peers of a map that have something, kept per base of the map: asked again after a small change it costs only that. */
import type { Node } from '#shared/wire/node.ts';
import { OverlayMap } from '../control/overlay-map.ts';

type Peers = ReadonlyMap<string, Node>;
const NO_EDITS: ReadonlyMap<string, Node | undefined> = new Map();

export class PeerSubset {
  readonly #has: (node: Node) => boolean;
  readonly #inBase = new WeakMap<Peers, ReadonlyMap<string, Node>>();

  constructor(has: (node: Node) => boolean) {
    this.#has = has;
  }

  of(peers: Peers): readonly Node[] {
    const { base, edits } =
      peers instanceof OverlayMap ? (peers as OverlayMap<Node>).layers : { base: peers, edits: NO_EDITS };
    const found: Node[] = [];
    for (const [id, node] of this.#of(base)) if (!edits.has(id)) found.push(node);
    for (const node of edits.values()) if (node !== undefined && this.#has(node)) found.push(node);
    return found;
  }

  #of(base: Peers): ReadonlyMap<string, Node> {
    const known = this.#inBase.get(base);
    if (known !== undefined) return known;
    const found = new Map<string, Node>();
    for (const [id, node] of base) if (this.#has(node)) found.set(id, node);
    this.#inBase.set(base, found);
    return found;
  }
}
