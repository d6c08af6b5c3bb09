/** Traffic by the kind of path it took: what peers counted since the last look goes to the path they have now. */

export interface PeerTraffic {
  readonly id: number;
  /** Label of the path: `direct_ipv4`, `direct_ipv6`, `derp`. */
  readonly path: string;
  readonly rxBytes: number;
  readonly txBytes: number;
  readonly rxPackets: number;
  readonly txPackets: number;
}

export type Totals = Omit<PeerTraffic, 'id' | 'path'>;
const NOTHING: Totals = { rxBytes: 0, txBytes: 0, rxPackets: 0, txPackets: 0 };

const combine = (a: Totals, b: Totals, how: (x: number, y: number) => number): Totals => ({
  rxBytes: how(a.rxBytes, b.rxBytes),
  txBytes: how(a.txBytes, b.txBytes),
  rxPackets: how(a.rxPackets, b.rxPackets),
  txPackets: how(a.txPackets, b.txPackets),
});

/** A peer that was removed and came back counts from zero again. */
const grown = (now: number, before: number): number => (now >= before ? now - before : now);

export class TrafficByPath {
  readonly #totals = new Map<string, Totals>();
  #last = new Map<number, Totals>();

  /** The sums by path after this look at all peers. */
  look(peers: Iterable<PeerTraffic>): ReadonlyMap<string, Totals> {
    const seen = new Map<number, Totals>();
    for (const peer of peers) {
      const added = combine(peer, this.#last.get(peer.id) ?? NOTHING, grown);
      this.#totals.set(
        peer.path,
        combine(this.#totals.get(peer.path) ?? NOTHING, added, (x, y) => x + y),
      );
      seen.set(
        peer.id,
        combine(peer, NOTHING, (x) => x),
      );
    }
    this.#last = seen;
    return this.#totals;
  }
}
