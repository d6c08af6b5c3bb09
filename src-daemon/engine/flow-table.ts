/** Memory of UDP and SCTP flows: open addressing in sets of four, no allocation per packet (data-plane.md §4.7). */

const SETS = 2_048;
const WAYS = 4;
/** Protocol, two ports and two addresses of up to 16 bytes. */
const KEY_BYTES = 1 + 4 + 32;
const IDLE_MS = 180_000;

export interface FlowKey {
  readonly protocol: number;
  readonly fromPort: number;
  readonly toPort: number;
  /** The packet that holds both addresses, and where they are. */
  readonly packet: Uint8Array;
  readonly fromAt: number;
  readonly toAt: number;
  readonly addressBytes: number;
}

export class FlowTable {
  readonly #keys = new Uint8Array(SETS * WAYS * KEY_BYTES);
  /** When a flow was last seen, engine clock ms; 0 = empty. */
  readonly #seenAt = new Float64Array(SETS * WAYS);
  readonly #key = new Uint8Array(KEY_BYTES);

  /** Notes a flow, in place of the one of its set that has been quiet for longest. */
  note(flow: FlowKey, now: number): void {
    const set = this.#load(flow);
    let slot = set;
    for (let way = set; way < set + WAYS; way++) {
      if (this.#holds(way)) {
        slot = way;
        break;
      }
      if ((this.#seenAt[way] as number) < (this.#seenAt[slot] as number)) slot = way;
    }
    this.#keys.set(this.#key, slot * KEY_BYTES);
    this.#seenAt[slot] = now;
  }

  /** Whether the flow is known; that keeps it known. */
  has(flow: FlowKey, now: number): boolean {
    const set = this.#load(flow);
    for (let way = set; way < set + WAYS; way++) {
      if (!this.#holds(way)) continue;
      if (now - (this.#seenAt[way] as number) > IDLE_MS) return false;
      this.#seenAt[way] = now;
      return true;
    }
    return false;
  }

  clear(): void {
    this.#seenAt.fill(0);
  }

  /** Puts the flow into `#key`; the number of the first slot of its set. */
  #load({ protocol, fromPort, toPort, packet, fromAt, toAt, addressBytes }: FlowKey): number {
    const key = this.#key;
    key[0] = protocol;
    key[1] = fromPort >> 8;
    key[2] = fromPort;
    key[3] = toPort >> 8;
    key[4] = toPort;
    for (let i = 0; i < 16; i++) {
      key[5 + i] = i < addressBytes ? (packet[fromAt + i] as number) : 0;
      key[21 + i] = i < addressBytes ? (packet[toAt + i] as number) : 0;
    }
    // FNV-1a: whoever steers it into one set only makes it forget flows of their own peer sooner.
    let hash = 0x811c9dc5;
    for (let i = 0; i < KEY_BYTES; i++) hash = Math.imul(hash ^ (key[i] as number), 0x01000193);
    return ((hash ^ (hash >>> 15)) & (SETS - 1)) * WAYS;
  }

  #holds(slot: number): boolean {
    if (this.#seenAt[slot] === 0) return false;
    const at = slot * KEY_BYTES;
    for (let i = 0; i < KEY_BYTES; i++) if (this.#keys[at + i] !== this.#key[i]) return false;
    return true;
  }
}
