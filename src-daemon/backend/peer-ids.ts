/** Numbers of peers in the engine: one per node key, kept as long as that key is wanted. */
import { RhumbError } from '#shared/errors.ts';
import type { NodeKey } from '#shared/key/key.ts';
import type { PeerId } from '../engine/types.ts';

/** The engine's largest peer number. */
const MAX_ID = 2 ** 20;

export class PeerIds {
  #ids = new Map<NodeKey, PeerId>();
  #keys = new Map<PeerId, NodeKey>();
  #last = 0;

  /** Makes `keys` the whole list; numbers of keys that stay are kept. */
  assign(keys: readonly NodeKey[]): ReadonlyMap<NodeKey, PeerId> {
    const wanted = new Set(keys);
    for (const [key, id] of this.#ids) {
      if (wanted.has(key)) continue;
      this.#ids.delete(key);
      this.#keys.delete(id);
    }
    for (const key of wanted) {
      if (this.#ids.has(key)) continue;
      const id = this.#next();
      this.#ids.set(key, id);
      this.#keys.set(id, key);
    }
    return this.#ids;
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
