/** Numbers of peers in the engine: one per node key, kept as long as that key is wanted and its machine runs on. */
import { RhumbError } from '#shared/errors.ts';
import type { DiscoKey, NodeKey } from '#shared/key/key.ts';
import type { PeerId } from '../engine/types.ts';

/** The engine's largest peer number. */
const MAX_ID = 2 ** 20;

export class PeerIds {
  #ids = new Map<NodeKey, PeerId>();
  #keys = new Map<PeerId, NodeKey>();
  readonly #disco = new Map<NodeKey, DiscoKey>();
  #last = 0;

  /**
   * Makes `peers` the whole list; numbers of peers that stay are kept. A peer with another disco key has started anew and
   * lost its sessions: it gets another number, so that ours of the old one end at once and not after 15 s of silence. Those
   * are given back with the number they had, for one that we have spoken with since its start must hear of the end.
   */
  assign(peers: readonly { readonly nodeKey: NodeKey; readonly discoKey: DiscoKey | undefined }[]): {
    readonly ids: ReadonlyMap<NodeKey, PeerId>;
    readonly anew: ReadonlyMap<NodeKey, PeerId>;
  } {
    const anew = new Map<NodeKey, PeerId>();
    const wanted = new Map(peers.map(({ nodeKey, discoKey }) => [nodeKey, discoKey]));
    for (const [key, id] of this.#ids) {
      const [before, after] = [this.#disco.get(key), wanted.get(key)];
      const isAnew = before !== undefined && after !== undefined && before !== after;
      if (wanted.has(key) && !isAnew) continue;
      if (isAnew) anew.set(key, id);
      this.#forget(key, id);
    }
    for (const [key, discoKey] of wanted) this.#give(key, discoKey);
    return { ids: this.#ids, anew };
  }

  #give(key: NodeKey, discoKey: DiscoKey | undefined): void {
    if (discoKey !== undefined) this.#disco.set(key, discoKey);
    if (this.#ids.has(key)) return;
    const id = this.#next();
    this.#ids.set(key, id);
    this.#keys.set(id, key);
  }

  #forget(key: NodeKey, id: PeerId): void {
    this.#ids.delete(key);
    this.#keys.delete(id);
    this.#disco.delete(key);
  }

  /** What `assign` would do with the whole list; gives back the numbers that end, besides those of peers that began anew. */
  change(
    removed: readonly NodeKey[],
    set: readonly { readonly nodeKey: NodeKey; readonly discoKey: DiscoKey | undefined }[],
  ): { readonly gone: readonly PeerId[]; readonly anew: ReadonlyMap<NodeKey, PeerId> } {
    const gone: PeerId[] = [];
    const anew = new Map<NodeKey, PeerId>();
    for (const key of removed) {
      const id = this.#ids.get(key);
      if (id === undefined) continue;
      gone.push(id);
      this.#forget(key, id);
    }
    for (const { nodeKey, discoKey } of set) {
      const id = this.#ids.get(nodeKey);
      const before = this.#disco.get(nodeKey);
      if (id !== undefined && before !== undefined && discoKey !== undefined && before !== discoKey) {
        anew.set(nodeKey, id);
        this.#forget(nodeKey, id);
      }
      this.#give(nodeKey, discoKey);
    }
    return { gone, anew };
  }

  /** The machine goes on under another key, with the number it has; undefined when it has none, or that key has one. */
  renew(before: NodeKey, after: NodeKey): PeerId | undefined {
    const id = this.#ids.get(before);
    if (id === undefined || this.#ids.has(after)) return undefined;
    const disco = this.#disco.get(before);
    this.#forget(before, id);
    this.#ids.set(after, id);
    this.#keys.set(id, after);
    if (disco !== undefined) this.#disco.set(after, disco);
    return id;
  }

  /** The peer told its disco key itself, within a session: the map's word of the same key is no news then. */
  told(id: PeerId, discoKey: DiscoKey): void {
    const key = this.#keys.get(id);
    if (key !== undefined) this.#disco.set(key, discoKey);
  }

  all(): (readonly [NodeKey, PeerId])[] {
    return [...this.#ids];
  }

  find(key: NodeKey): PeerId | undefined {
    return this.#ids.get(key);
  }

  keyOf(id: PeerId): NodeKey | undefined {
    return this.#keys.get(id);
  }

  /** A number is used again as late as possible, so that a record on its way isn't taken for another peer's. */
  #next(): PeerId {
    if (this.#keys.size >= MAX_ID) throw new RhumbError('unavailable', `more than ${MAX_ID} peers`);
    do this.#last = this.#last >= MAX_ID ? 1 : this.#last + 1;
    while (this.#keys.has(this.#last));
    return this.#last;
  }
}
