/** Raw bytes of node keys that packets go to, kept: reading them from text would cost more than the rest of sending. */
import { keyBytes, type NodeKey } from '#shared/key/key.ts';

const MAX_KEPT = 4_096;

export class RawKeys {
  readonly #kept = new Map<NodeKey, Uint8Array>();

  /** Not to be changed by the caller. */
  get(key: NodeKey): Uint8Array {
    const known = this.#kept.get(key);
    if (known !== undefined) return known;
    if (this.#kept.size >= MAX_KEPT) this.#kept.clear();
    const raw = keyBytes(key);
    this.#kept.set(key, raw);
    return raw;
  }
}
