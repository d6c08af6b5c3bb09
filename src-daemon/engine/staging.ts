/** Packets that wait for a keypair or a path: bounded per peer and in all, the oldest goes first (data-plane.md §1.9). */
import { copyOf } from '#shared/bytes/bytes.ts';

export interface Staged {
  readonly queue: StagedQueue;
  readonly packet: Uint8Array;
  readonly since: number;
}

export const MAX_PACKETS = 128;
export const MAX_BYTES = 256 * 1024;
export const MAX_TOTAL_BYTES = 8 * 1024 * 1024;

/** One peer's queue; a Set keeps the order and lets any packet be taken out. */
export class StagedQueue {
  readonly packets = new Set<Staged>();
  bytes = 0;
}

export class Staging {
  readonly #all = new Set<Staged>();
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** Keeps a copy; gives how many packets had to go for it. */
  push(queue: StagedQueue, packet: Uint8Array, now: number): number {
    const staged: Staged = { queue, packet: copyOf(packet), since: now };
    this.#all.add(staged);
    queue.packets.add(staged);
    this.#account(queue, packet.length);
    let dropped = 0;
    while (queue.packets.size > MAX_PACKETS || queue.bytes > MAX_BYTES)
      dropped += this.#dropFirst(queue.packets);
    while (this.#bytes > MAX_TOTAL_BYTES) dropped += this.#dropFirst(this.#all);
    return dropped;
  }

  /** The oldest packet of a queue, taken out. */
  shift(queue: StagedQueue): Uint8Array | undefined {
    for (const first of queue.packets) {
      this.#remove(first);
      return first.packet;
    }
    return undefined;
  }

  clear(queue: StagedQueue): number {
    const count = queue.packets.size;
    for (const staged of queue.packets) this.#remove(staged);
    return count;
  }

  /** Drops what has waited in this queue since before `since`. */
  expire(queue: StagedQueue, since: number): number {
    let dropped = 0;
    for (const staged of queue.packets) {
      if (staged.since > since) break;
      this.#remove(staged);
      dropped++;
    }
    return dropped;
  }

  #dropFirst(from: Set<Staged>): number {
    for (const first of from) {
      this.#remove(first);
      return 1;
    }
    return 0;
  }

  #remove(staged: Staged): void {
    this.#all.delete(staged);
    staged.queue.packets.delete(staged);
    this.#account(staged.queue, -staged.packet.length);
  }

  #account(queue: StagedQueue, bytes: number): void {
    queue.bytes += bytes;
    this.#bytes += bytes;
  }
}
