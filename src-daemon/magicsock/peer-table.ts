/** The peers of the current map, by number, by node key and by disco key. */
import type { DiscoKey, NodeKey } from '#shared/key/key.ts';
import type { TokenBucket } from '../disco/limit.ts';
import type { PathState } from './path-types.ts';
import type { PeerConfig, PeerId } from './types.ts';
import type { PlainState } from './wireguard-only.ts';

export interface Peer {
  config: PeerConfig;
  /** How often its calls are still listened to. */
  readonly calls: TokenBucket;
  machine: { readonly kind: 'disco'; state: PathState } | { readonly kind: 'plain'; state: PlainState };
}

/** A key that the peer told us itself, until the map names another than it did then. */
interface Told {
  readonly inMap: DiscoKey | undefined;
  readonly key: DiscoKey;
}

export class PeerTable {
  readonly #peers = new Map<PeerId, Peer>();
  readonly #told = new Map<NodeKey, Told>();
  #byDisco = new Map<DiscoKey, PeerId[]>();
  #byNode = new Map<NodeKey, PeerId>();

  get(id: PeerId): Peer | undefined {
    return this.#peers.get(id);
  }

  set(id: PeerId, peer: Peer): void {
    this.#peers.set(id, peer);
  }

  delete(id: PeerId): void {
    this.#peers.delete(id);
  }

  ids(): PeerId[] {
    return [...this.#peers.keys()];
  }

  ofNode(key: NodeKey): PeerId | undefined {
    return this.#byNode.get(key);
  }

  /** Several nodes may be one machine: shared ones, or users who take turns (nat-traversal.md §4.3). */
  ofDisco(key: DiscoKey): readonly PeerId[] {
    return this.#byDisco.get(key) ?? [];
  }

  discoKeys(): Iterable<DiscoKey> {
    return this.#byDisco.keys();
  }

  /** The same list with the keys that hold now; what a lookup by key finds follows it. */
  index(list: readonly PeerConfig[]): readonly PeerConfig[] {
    const current = list.map((config) => ({ ...config, discoKey: this.#discoOf(config) }));
    this.#byDisco = new Map();
    this.#byNode = new Map();
    for (const { peer, nodeKey, discoKey, wireguardOnly } of current) {
      this.#byNode.set(nodeKey, peer);
      if (discoKey === undefined || wireguardOnly) continue;
      const sharing = this.#byDisco.get(discoKey);
      if (sharing === undefined) this.#byDisco.set(discoKey, [peer]);
      else sharing.push(peer);
    }
    for (const key of this.#told.keys()) if (!this.#byNode.has(key)) this.#told.delete(key);
    return current;
  }

  /** What `index` would make of the list after a change: peers with the keys that hold now, and disco keys that came and went. */
  change(
    removed: readonly PeerId[],
    set: readonly PeerConfig[],
  ): {
    readonly current: readonly PeerConfig[];
    readonly gone: ReadonlySet<DiscoKey>;
    readonly come: ReadonlySet<DiscoKey>;
  } {
    const touched = new Set<DiscoKey>();
    const left = new Set<NodeKey>();
    for (const id of [...removed, ...set.map(({ peer }) => peer)]) {
      const known = this.#peers.get(id)?.config;
      if (known === undefined) continue;
      if (this.#byNode.get(known.nodeKey) === id) this.#byNode.delete(known.nodeKey);
      left.add(known.nodeKey);
      if (known.discoKey === undefined || known.wireguardOnly) continue;
      touched.add(known.discoKey);
      const others = (this.#byDisco.get(known.discoKey) ?? []).filter((other) => other !== id);
      if (others.length === 0) this.#byDisco.delete(known.discoKey);
      else this.#byDisco.set(known.discoKey, others);
    }
    const current = set.map((config) => ({ ...config, discoKey: this.#discoOf(config) }));
    const come = new Set<DiscoKey>();
    for (const { peer, nodeKey, discoKey, wireguardOnly } of current) {
      this.#byNode.set(nodeKey, peer);
      if (discoKey === undefined || wireguardOnly) continue;
      come.add(discoKey);
      this.#byDisco.set(discoKey, [...(this.#byDisco.get(discoKey) ?? []), peer]);
    }
    for (const key of left) if (!this.#byNode.has(key)) this.#told.delete(key);
    return { current, gone: new Set([...touched].filter((key) => !this.#byDisco.has(key))), come };
  }

  /** Takes effect with the next `index` or `change`. */
  tell(nodeKey: NodeKey, told: Told): void {
    this.#told.set(nodeKey, told);
  }

  #discoOf({ nodeKey, discoKey }: PeerConfig): DiscoKey | undefined {
    const told = this.#told.get(nodeKey);
    return told !== undefined && told.inMap === discoKey ? told.key : discoKey;
  }
}
