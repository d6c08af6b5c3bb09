/** What one machine has been told so far, and what of it may have changed since. */
import type { WireRule } from '../policy/compile/filter.ts';
import type { WireSshRule } from '../policy/compile/ssh.ts';
import { IdSet } from '../state/id-set.ts';

/** What has been sent on a stream: little per peer, because there are peers times streams of it. */
export class Books {
  readonly nodes: IdSet = new IdSet();
  readonly users: Set<number> = new Set();
  /** How it sees those peers that have more than their two addresses, as keys (see `Sight`). */
  readonly sights: Map<number, string> = new Map();
  /** A digest of its own node. */
  self = '';
  dns: object | undefined;
  filter: readonly WireRule[] | undefined;
  ssh: readonly WireSshRule[] | undefined;
  /** The relays, as the member of the message; one text for all streams. */
  relays = '';
  notices: ReadonlySet<string> = new Set();
}

export const Dirt = {
  Self: 1,
  Filter: 2,
  Ssh: 4,
  Dns: 8,
  Relays: 16,
  Notices: 32,
  /** The whole list of peers is to be compared. */
  AllPeers: 64,
  /** The routes of every peer that has any. */
  Routes: 128,
} as const;

const EVERYTHING = 255;

/** What a stream has still to be told: it grows with the peers, however many changes there are and however long it waits. */
export class DirtMask {
  /** Of `Dirt`. */
  bits = 0;
  /** Peer id to bits of `What`; 0 where only visibility and routes are to be looked at. */
  readonly peers: Map<number, number> = new Map();
  /** Whose profile is another. */
  readonly users: Set<number> = new Set();

  get isClean(): boolean {
    return this.bits === 0 && this.peers.size === 0 && this.users.size === 0;
  }

  addPeer(id: number, what: number): void {
    this.peers.set(id, (this.peers.get(id) ?? 0) | what);
  }

  addAll(): void {
    this.bits = EVERYTHING;
  }

  clear(): void {
    this.bits = 0;
    this.peers.clear();
    this.users.clear();
  }
}
