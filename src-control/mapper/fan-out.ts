/** From changes to the streams that they concern: each change costs what it concerns, not what the network has. */
import { Effect, type Effects, type PolicyView } from '../policy/live/view.ts';
import { type Change, What } from '../state/changes.ts';
import type { Network } from '../state/network.ts';
import { Dirt } from './books.ts';
import type { DnsSource } from './dns-source.ts';
import type { MapSession } from './session.ts';

export interface FanOutDeps {
  readonly network: Network;
  readonly policy: PolicyView;
  readonly dns: DnsSource;
  /** Streams of one machine. */
  readonly sessionsOf: (nodeId: number) => readonly MapSession[];
  readonly sessions: () => Iterable<MapSession>;
}

/** Changes of a machine after which it reads its own node anew; endpoints and disco keys it knows best itself. */
const SELF_BITS = What.Whole | What.Key | What.Expiry | What.Derp | What.Routes | What.Tags;
/** Changes of which its peers hear; routes come from the policy, which knows who may use them. */
const PEER_BITS =
  What.Whole | What.Endpoints | What.Derp | What.Disco | What.Key | What.Online | What.Expiry | What.Tags;

const DIRT_OF_EFFECT: readonly (readonly [effect: number, dirt: number])[] = [
  [Effect.Peers, Dirt.AllPeers],
  [Effect.Filter, Dirt.Filter],
  [Effect.Ssh, Dirt.Ssh],
  // What the policy gives a machine may choose its resolvers too.
  [Effect.Caps, Dirt.Self | Dirt.Dns],
  [Effect.Routes, Dirt.Routes],
];

export class FanOut {
  readonly #deps: FanOutDeps;
  /** Streams that have to be told something. */
  readonly dirty: Set<MapSession> = new Set();
  #nodes = new Map<number, number>();
  #users = new Set<number>();
  #isDnsOther = false;
  /** How machines with changed tags were shown last: attributes, which others don't see, change under the same bit. */
  readonly #looks = new Map<number, string>();
  /** Machines of which others see capabilities that come from DNS. */
  #namedPeers: ReadonlySet<number> = new Set();

  constructor(deps: FanOutDeps) {
    this.#deps = deps;
    this.#namedPeers = this.#withNameCaps();
  }

  /** Only notes them: many changes of one moment are spread at once. */
  take(changes: readonly Change[]): void {
    for (const change of changes) {
      switch (change.kind) {
        case 'node':
          this.#nodes.set(change.id, (this.#nodes.get(change.id) ?? 0) | change.what);
          break;
        case 'removed':
          this.#nodes.delete(change.id);
          this.#looks.delete(change.id);
          break;
        case 'user':
          this.#users.add(change.id);
          break;
        case 'dns':
          this.#isDnsOther = true;
          break;
        case 'policy':
        case 'reset':
          // The policy says whom its change concerns; after a reset there are no streams.
          break;
        default:
          change satisfies never;
      }
    }
  }

  /** Marks every stream that is concerned by what happened until now. */
  spread(): void {
    this.#deps.policy.settle();
    this.#spreadEffects(this.#deps.policy.takeEffects());
    const [nodes, users] = [this.#nodes, this.#users];
    this.#nodes = new Map();
    this.#users = new Set();
    // They may hold peers that they do not see now and will see again before the loss of them is told.
    const late = [...this.dirty];
    for (const [id, what] of nodes) this.#spreadNode(id, what, late);
    for (const id of users) this.#spreadUser(id);
    if (this.#isDnsOther) this.#spreadDns();
  }

  mark(session: MapSession, bits: number): void {
    // The first message is made of how things are then.
    if (session.books === undefined) return;
    session.dirt.bits |= bits;
    this.dirty.add(session);
  }

  markAll(bits: number): void {
    for (const session of this.#deps.sessions()) this.mark(session, bits);
  }

  #markPeer(nodeId: number, peer: number, what: number): void {
    for (const session of this.#deps.sessionsOf(nodeId)) {
      if (session.books === undefined) continue;
      session.dirt.addPeer(peer, what);
      this.dirty.add(session);
    }
  }

  #spreadEffects({ isAll, nodes, seen }: Effects): void {
    if (isAll)
      for (const session of this.#deps.sessions()) {
        session.dirt.addAll();
        this.mark(session, 0);
      }
    for (const [id, effects] of nodes) {
      let bits = 0;
      for (const [effect, dirt] of DIRT_OF_EFFECT) if (effects & effect) bits |= dirt;
      if (effects & Effect.Routes && this.#isRouter(id)) bits |= Dirt.Self;
      for (const session of this.#deps.sessionsOf(id)) this.mark(session, bits);
    }
    if (seen.length > 0) this.#spreadSeen(seen);
  }

  #spreadSeen(seen: Effects['seen']): void {
    // Those who wait to be told that they lost it may see it again before they are.
    const late = [...this.dirty];
    for (const { peer, viewers } of seen) {
      for (const viewer of viewers) this.#markPeer(viewer, peer, 0);
      for (const { books, dirt } of late) if (books?.nodes.has(peer) === true) dirt.addPeer(peer, 0);
    }
  }

  /** Its own node says what it carries. */
  #isRouter(id: number): boolean {
    return (this.#deps.network.node(id)?.record.approvedRoutes.length ?? 0) > 0;
  }

  #spreadNode(id: number, what: number, late: readonly MapSession[]): void {
    let own = 0;
    if (what & SELF_BITS) own |= Dirt.Self;
    if (what & (What.Notice | What.Tags | What.Whole)) own |= Dirt.Notices;
    // One that was just let in, or put out, had no place in the policy before; names are chosen by owner and tags.
    if (what & (What.Tags | What.Whole)) own |= Dirt.AllPeers | Dirt.Filter | Dirt.Ssh | Dirt.Dns;
    if (own !== 0) for (const session of this.#deps.sessionsOf(id)) this.mark(session, own);
    const told = (this.#looksAsBefore(id, what) ? what & ~What.Tags : what) & PEER_BITS;
    if (told === 0) return;
    for (const viewer of this.#deps.policy.peersOf(id)) this.#markPeer(viewer, id, told);
    for (const { books, dirt } of late) if (books?.nodes.has(id) === true) dirt.addPeer(id, told);
  }

  #looksAsBefore(id: number, what: number): boolean {
    const record = this.#deps.network.node(id)?.record;
    if ((what & (What.Tags | What.Whole)) === 0 || record === undefined) return false;
    const looks = `${record.userId} ${record.tags.join(' ')}`;
    const isSame = this.#looks.get(id) === looks;
    this.#looks.set(id, looks);
    return isSame;
  }

  #spreadDns(): void {
    this.#isDnsOther = false;
    this.markAll(Dirt.Dns | Dirt.Self);
    const now = this.#withNameCaps();
    for (const id of now.union(this.#namedPeers))
      for (const viewer of this.#deps.policy.peersOf(id)) this.#markPeer(viewer, id, 0);
    this.#namedPeers = now;
  }

  #withNameCaps(): ReadonlySet<number> {
    const { network, dns } = this.#deps;
    const found = new Set<number>();
    for (const { record } of network.nodes())
      if (Object.keys(dns.peerCapsOf(record.id)).length > 0) found.add(record.id);
    return found;
  }

  /** Profiles change seldom; only here are all streams asked. */
  #spreadUser(id: number): void {
    for (const session of this.#deps.sessions()) {
      if (session.books?.users.has(id) !== true) continue;
      session.dirt.users.add(id);
      const isOwn = this.#deps.network.node(session.request.nodeId)?.record.userId === id;
      this.mark(session, isOwn ? Dirt.Self : 0);
    }
  }
}
