/** The indices we gave out: each belongs to a pending handshake or to a keypair (data-plane.md §1.4). */
import type { TransportKeypair } from './keypair.ts';
import type { PeerState } from './peer.ts';

export class IndexTable {
  // Keys as signed 32-bit numbers, which V8 keeps unboxed.
  readonly #keypairs = new Map<number, TransportKeypair>();
  readonly #pending = new Map<number, PeerState>();

  get size(): number {
    return this.#keypairs.size + this.#pending.size;
  }

  keypair(index: number): TransportKeypair | undefined {
    return this.#keypairs.get(index | 0);
  }

  pendingPeer(index: number): PeerState | undefined {
    return this.#pending.get(index | 0);
  }

  /** The peer that knows us by this index, in whatever state. */
  peerOf(index: number): PeerState | undefined {
    return this.#pending.get(index | 0) ?? this.#keypairs.get(index | 0)?.peer;
  }

  addPending(index: number, peer: PeerState): void {
    this.#pending.set(index | 0, peer);
  }

  dropPending(index: number): void {
    this.#pending.delete(index | 0);
  }

  /** A pending index becomes its keypair's. */
  addKeypair(keypair: TransportKeypair): void {
    this.#pending.delete(keypair.localIndex | 0);
    this.#keypairs.set(keypair.localIndex | 0, keypair);
  }

  free(keypair: TransportKeypair): void {
    const key = keypair.localIndex | 0;
    if (this.#keypairs.get(key) === keypair) this.#keypairs.delete(key);
    keypair.wipe();
  }

  dropPeer(peer: PeerState): void {
    for (const [index, owner] of this.#pending) if (owner === peer) this.#pending.delete(index);
  }
}
