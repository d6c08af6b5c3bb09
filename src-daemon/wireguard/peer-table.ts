/** The peers of the handshake core: by number, by key, and by the index of the message that a peer may still answer. */
import type { Random } from '#shared/async/clock.ts';
import { copyOf } from '#shared/bytes/bytes.ts';
import { toHex } from '#shared/bytes/hex.ts';
import type { CorePeer, CorePeerId } from './core-types.ts';
import { GonePeers } from './gone-peers.ts';
import { IndexPool } from './index-pool.ts';
import { type MacKeys, macKeysOf } from './macs.ts';
import { type PendingInitiation, type RemoteStatic, wipePending } from './noise.ts';
import type { Tai } from './tai64n.ts';
import { type ActivityWords, NO_ACTIVITY, newTimers, type Timers } from './timers.ts';

export interface PeerEntry {
  readonly peer: CorePeerId;
  readonly publicKey: Uint8Array;
  readonly macKeys: MacKeys;
  presharedKey: Uint8Array | undefined;
  /** Made on first use; undefined again when our own key changes. */
  remote: RemoteStatic | undefined;
  /** Set and ended by the table alone, which knows it by its index. */
  pending: PendingInitiation | undefined;
  lastTai: Tai | undefined;
  greatestTimestamp: Uint8Array | undefined;
  lastAcceptedAt: number | undefined;
  /** The last message we sent, which a cookie reply may answer once. */
  lastSent: { readonly index: number; readonly mac1: Uint8Array } | undefined;
  cookie: { readonly value: Uint8Array; readonly at: number } | undefined;
  timers: Timers;
  words: ActivityWords;
  dueAt: number | undefined;
  keysSince: number | undefined;
  lastHandshakeAt: number | undefined;
}

export class PeerTable {
  readonly indices = new IndexPool();
  readonly gone = new GonePeers();
  readonly #byId = new Map<CorePeerId, PeerEntry>();
  readonly #byKey = new Map<string, PeerEntry>();
  /** Index of each initiation of ours that may still be answered. */
  readonly #pending = new Map<number, PeerEntry>();
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  all(): Iterable<PeerEntry> {
    return this.#byId.values();
  }

  find(peer: CorePeerId): PeerEntry | undefined {
    return this.#byId.get(peer);
  }

  withKey(publicKey: Uint8Array): PeerEntry | undefined {
    return this.#byKey.get(toHex(publicKey));
  }

  /** Whose initiation has this index. */
  withPending(index: number): PeerEntry | undefined {
    return this.#pending.get(index);
  }

  /** A peer that was here before is known by what it and we have sent. */
  add(wanted: CorePeer): PeerEntry {
    const key = toHex(wanted.publicKey);
    const before = this.gone.take(key);
    const entry: PeerEntry = {
      peer: wanted.peer,
      publicKey: copyOf(wanted.publicKey),
      macKeys: macKeysOf(wanted.publicKey),
      presharedKey: copyOfOptional(wanted.presharedKey),
      remote: undefined,
      pending: undefined,
      lastTai: before?.lastTai,
      greatestTimestamp: before?.greatestTimestamp,
      lastAcceptedAt: undefined,
      lastSent: undefined,
      cookie: undefined,
      timers: newTimers(this.#random),
      words: NO_ACTIVITY,
      dueAt: undefined,
      keysSince: undefined,
      lastHandshakeAt: undefined,
    };
    this.#byId.set(entry.peer, entry);
    this.#byKey.set(key, entry);
    return entry;
  }

  remove(entry: PeerEntry): void {
    const { peer, publicKey, lastTai, greatestTimestamp } = entry;
    const key = toHex(publicKey);
    this.#byId.delete(peer);
    if (this.#byKey.get(key) === entry) this.#byKey.delete(key);
    this.dropPending(entry);
    entry.presharedKey?.fill(0);
    entry.remote?.shared.fill(0);
    this.gone.add(key, { lastTai, greatestTimestamp });
  }

  /** One that was removed has another number for the same key now: its clock may have been set back meanwhile. */
  startsAnew({ publicKey, lastTai }: PeerEntry): void {
    this.gone.add(toHex(publicKey), { lastTai, greatestTimestamp: undefined });
  }

  setPending(entry: PeerEntry, pending: PendingInitiation): void {
    entry.pending = pending;
    this.#pending.set(pending.localIndex, entry);
  }

  /** It was answered: its index is the session's now. */
  endPending(entry: PeerEntry): void {
    if (entry.pending === undefined) return;
    this.#pending.delete(entry.pending.localIndex);
    wipePending(entry.pending);
    entry.pending = undefined;
  }

  /** Nobody may answer it any more. Gives its index, if there was one. */
  dropPending(entry: PeerEntry): number | undefined {
    const index = entry.pending?.localIndex;
    this.endPending(entry);
    if (index !== undefined) this.indices.free(index);
    return index;
  }
}

export const copyOfOptional = (bytes: Uint8Array | undefined): Uint8Array | undefined =>
  bytes === undefined ? undefined : copyOf(bytes);
