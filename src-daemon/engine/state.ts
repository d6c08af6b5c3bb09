/** What the rooms of the portable engine share: peers, routes, indices, counters, records, and the time of this turn. */
import type { Clock } from '#shared/async/clock.ts';
import { parsePrefix } from '#shared/ip/address.ts';
import { PrefixTable } from '#shared/ip/table.ts';
import { type Counters, newCounters } from './counters.ts';
import { DropSampler } from './drop-samples.ts';
import { IndexTable } from './index-table.ts';
import type { TransportKeypair } from './keypair.ts';
import { PacketFilter } from './packet-filter.ts';
import type { PeerState } from './peer.ts';
import { RecordQueue } from './records.ts';
import { Staging } from './staging.ts';
import type { EngineOp, HandshakeReason, PeerId, Route, SocketId, Tap } from './types.ts';

/** A peer that was silent for this long becomes active again with its next packet (data-plane.md §4.4, type 34). */
const IDLE_MS = 45_000;
/** Edges are told at most once in this time. */
const EDGE_MS = 1_000;
const UNKNOWN_DESTINATIONS = 1_024;

/** Values of the table of local addresses. */
export const LocalUse = { Own: 1, Service: 2, Forwarded: 3 } as const;

type Locals = Omit<Extract<EngineOp, { readonly op: 'local-ips' }>, 'op'>;

const DROPS_IN = {
  unreadable: 'drop.in-unreadable',
  multicast: 'drop.in-multicast',
  'link-local': 'drop.in-link-local',
  filtered: 'drop.filtered',
  jailed: 'drop.jailed',
} as const;
/** Nothing of the host is dropped by a rule. */
const DROPS_OUT = {
  unreadable: 'drop.out-unreadable',
  multicast: 'drop.out-multicast',
  'link-local': 'drop.out-link-local',
  filtered: 'drop.filtered',
  jailed: 'drop.jailed',
} as const;

export class EngineState {
  readonly peers = new Map<PeerId, PeerState>();
  /** Extra sockets that are open or being opened. */
  readonly extraSockets = new Set<SocketId>();
  readonly indices = new IndexTable();
  readonly counters: Counters = newCounters();
  readonly records: RecordQueue = new RecordQueue(this.counters);
  readonly staging = new Staging();
  readonly filter = new PacketFilter();
  routes: PrefixTable = new PrefixTable();
  locals = new PrefixTable();
  #beside: PrefixTable | undefined;
  /** Without own addresses nothing is known about what is local, and everything goes to the host. */
  hasOwn = false;
  mtu = 0;
  /** Engine clock ms; never 0, which means unset in activity words. */
  now = 1;
  /** Sees packets while someone captures them. */
  tap: Tap | undefined = undefined;
  readonly #clock: Clock;
  readonly #sampler = new DropSampler();
  readonly #unknownAt = new Map<number, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.refresh();
  }

  /** Reads the clock: once per datagram or batch, not per packet. */
  refresh(): number {
    this.now = Math.max(1, Math.floor(this.#clock.monotonic()));
    return this.now;
  }

  setRoutes(routes: readonly Route[]): void {
    const table = new PrefixTable();
    for (const route of routes) {
      const prefix = parsePrefix(route.prefix);
      if (prefix !== undefined) table.set(prefix, route.peer);
    }
    this.routes = table;
  }

  changeRoutes(remove: readonly string[], add: readonly Route[]): void {
    for (const text of remove) {
      const prefix = parsePrefix(text);
      if (prefix !== undefined) this.routes.delete(prefix);
    }
    for (const route of add) {
      const prefix = parsePrefix(route.prefix);
      if (prefix !== undefined) this.routes.set(prefix, route.peer);
    }
  }

  setLocals({ own, service, forwarded, beside = [] }: Locals): void {
    const table = new PrefixTable();
    const add = (texts: readonly string[], use: number): void => {
      for (const text of texts) {
        const prefix = parsePrefix(text);
        if (prefix !== undefined) table.set(prefix, use);
      }
    };
    // Equal prefixes are the last one's: what is ours stays ours, whatever is advertised.
    add(forwarded, LocalUse.Forwarded);
    add(service, LocalUse.Service);
    add(own, LocalUse.Own);
    this.locals = table;
    this.hasOwn = own.length > 0;
    const networks = beside.map(parsePrefix).filter((prefix) => prefix !== undefined);
    this.#beside = networks.length === 0 ? undefined : new PrefixTable();
    for (const prefix of networks) this.#beside?.set(prefix, 1);
  }

  /** Whether only a route for everything leads to an address of a network that this host is in: its machines are trusted there. */
  isBeside(packet: Uint8Array, offset: number, size: 4 | 16): boolean {
    if (this.#beside === undefined || this.#beside.lookupAt(packet, offset, size) < 0) return false;
    return this.routes.bitsAt(packet, offset, size) === 0;
  }

  freeKeypairs(freed: readonly TransportKeypair[]): void {
    for (const keypair of freed) this.indices.free(keypair);
  }

  /** Whether a packet of a peer passes; when not, it is counted, and told of if it is one of few. */
  passesIn(peer: PeerState, packet: Uint8Array, length: number, version: 4 | 6): boolean {
    const verdict = this.filter.inbound(packet, length, version, this.now, peer.jailed);
    if (verdict === 'pass') return true;
    this.counters[DROPS_IN[verdict]]++;
    const data = this.#sampler.sample(packet, length, version, peer.dropSamples, this.now);
    if (data !== undefined) this.records.push({ type: 'filtered', peer: peer.id, why: verdict, data });
    return false;
  }

  /** Whether a packet of the host passes; counts it when not. */
  passesOut(packet: Uint8Array, length: number, version: 4 | 6): boolean {
    const verdict = this.filter.outbound(packet, length, version, this.now);
    if (verdict === 'pass') return true;
    this.counters[DROPS_OUT[verdict]]++;
    return false;
  }

  /** An authentic packet left for the peer. */
  touchSent(peer: PeerState): void {
    this.#touch(peer);
    peer.lastTxAny = this.now;
    peer.keepaliveOwedSince = 0;
  }

  /** An authentic packet of the peer arrived. */
  touchReceived(peer: PeerState): void {
    this.#touch(peer);
    peer.lastRxAny = this.now;
    peer.unansweredSince = 0;
  }

  needHandshake(peer: PeerState, reason: HandshakeReason): void {
    peer.neededAt ??= new Map();
    const told = peer.neededAt.get(reason);
    if (told !== undefined && this.now - told < EDGE_MS) return;
    peer.neededAt.set(reason, this.now);
    this.records.push({ type: 'need-handshake', peer: peer.id, reason });
  }

  needPath(peer: PeerState): void {
    if (this.now - peer.neededPathAt < EDGE_MS) return;
    peer.neededPathAt = this.now;
    this.records.push({ type: 'need-path', peer: peer.id });
  }

  /** Once a second per destination, told apart by the last four bytes of the address. */
  isNewUnknown(packet: Uint8Array, addressEnd: number): boolean {
    const at = addressEnd - 4;
    const key =
      ((packet[at] as number) << 24) |
      ((packet[at + 1] as number) << 16) |
      ((packet[at + 2] as number) << 8) |
      (packet[at + 3] as number);
    const last = this.#unknownAt.get(key);
    if (last !== undefined && this.now - last < EDGE_MS) return false;
    if (this.#unknownAt.size >= UNKNOWN_DESTINATIONS) this.#unknownAt.clear();
    this.#unknownAt.set(key, this.now);
    return true;
  }

  #touch(peer: PeerState): void {
    const last = Math.max(peer.lastTxAny, peer.lastRxAny);
    if (last === 0 || this.now - last >= IDLE_MS) this.records.push({ type: 'peer-active', peer: peer.id });
  }
}
