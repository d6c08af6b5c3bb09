/** Keeps one path machine per peer and joins them to sockets, relays, the clock and the engine's path table. */
import { toHex } from '#shared/bytes/hex.ts';
import { randomBytes } from '#shared/crypto/random.ts';
import type { DiscoPing } from '#shared/disco/message.ts';
import { RhumbError } from '#shared/errors.ts';
import { formatSockAddr, type SockAddr } from '#shared/ip/address.ts';
import { type DiscoKey, type NodeKey, shortKey } from '#shared/key/key.ts';
import { PingMemory } from '../disco/replay.ts';
import { isUsable, keyOf } from './candidate.ts';
import { DiscoLink } from './link.ts';
import { Observer } from './observer.ts';
import { PathKeeper, toldOf } from './path-keeper.ts';
import * as path from './path-types.ts';
import { candidatesOf, viewOf } from './path-view.ts';
import type {
  CandidateView,
  MagicsockDeps,
  PeerConfig,
  PeerId,
  PeerPathView,
  PingAnswer,
  SocketId,
} from './types.ts';
import { plainHeard, plainSending } from './wireguard-only.ts';

/** The OS's word that an address can't be reached from here. ECONNREFUSED is not among them: the peer may be starting. */
const UNREACHABLE: readonly string[] = ['EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL', 'ENETDOWN'];

export class Magicsock implements AsyncDisposable {
  readonly #deps: MagicsockDeps;
  readonly #link: DiscoLink;
  readonly #observer: Observer;
  readonly #keeper: PathKeeper;
  readonly #pings = new PingMemory();
  /** As it was given, with the disco keys of the map. */
  #list = new Map<PeerId, PeerConfig>();
  #closed = false;

  constructor(deps: MagicsockDeps) {
    this.#deps = deps;
    const random = deps.random ?? randomBytes;
    this.#link = new DiscoLink(deps, random);
    this.#observer = new Observer(deps);
    this.#keeper = new PathKeeper(deps, { random, link: this.#link, woke: (lateMs) => this.#woke(lateMs) });
  }

  get discoKey(): DiscoKey {
    return this.#link.publicKey;
  }

  setNodeKey(nodeKey: NodeKey): void {
    this.#link.nodeKey = nodeKey;
  }

  /** The whole list; peers that stay keep their paths. */
  setPeers(list: readonly PeerConfig[]): void {
    this.#list = new Map(list.map((config) => [config.peer, config]));
    const ids = new Set(list.map((config) => config.peer));
    for (const id of this.#keeper.peers.ids()) if (!ids.has(id)) this.#keeper.drop(id);
    const current = this.#keeper.peers.index(list);
    const keys = new Set(this.#keeper.peers.discoKeys());
    this.#link.setPeers(keys);
    this.#pings.keep(keys);
    for (const config of current) this.#keeper.configure(config);
  }

  /** What `setPeers` would do with the whole list, for what a small change of it costs. */
  changePeers(removed: readonly PeerId[], set: readonly PeerConfig[]): void {
    const { current, gone, come } = this.#keeper.peers.change(removed, set);
    for (const id of removed) {
      this.#list.delete(id);
      this.#keeper.drop(id);
    }
    for (const config of set) this.#list.set(config.peer, config);
    this.#link.changePeers(gone, come);
    this.#pings.forget(gone);
    for (const config of current) this.#keeper.configure(config);
  }

  /** The peer told its disco key through the tunnel (nat-traversal.md §4.6-2): holds until the map names a new one. */
  adoptDiscoKey(id: PeerId, key: DiscoKey): void {
    const peer = this.#keeper.peers.get(id);
    if (peer?.machine.kind !== 'disco' || peer.config.discoKey === key) return;
    const config = this.#list.get(id);
    if (config === undefined) return;
    const inMap = config.discoKey;
    this.#deps.log('info', 'disco.advertised', { peer: shortKey(peer.config.nodeKey) });
    this.#keeper.peers.tell(peer.config.nodeKey, { inMap, key });
    this.changePeers([], [config]);
  }

  /** One disco datagram as it came from a socket; `datagram` is only borrowed. */
  handleDisco(from: SockAddr, datagram: Uint8Array, via: SocketId = 0): void {
    const opened = this.#link.open(datagram, from);
    if (opened === undefined) return;
    const { sender, message } = opened;
    this.#link.count(`rx.${message.type}`);
    const peers = this.#keeper.peers.ofDisco(sender);
    switch (message.type) {
      case 'ping':
        if (this.#pings.take(sender, toHex(message.txId), keyOf(from, via)))
          this.#pingIn(peers, { from, via }, message);
        else this.#link.drop('replayed-ping');
        break;
      case 'pong':
        this.#pongIn(peers, toHex(message.txId), message.source);
        break;
      case 'call-me-maybe':
        // Only believed when a relay vouches for its sender (nat-traversal.md §4.3).
        this.#link.drop('call-me-maybe-over-udp');
        break;
      default:
        this.#link.drop('not-served');
    }
  }

  /** One disco datagram that the relay of `region` delivered from the machine with that key. */
  handleRelayedDisco(region: number, from: NodeKey, datagram: Uint8Array): void {
    const id = this.#keeper.peers.ofNode(from);
    const peer = id === undefined ? undefined : this.#keeper.peers.get(id);
    if (id === undefined || peer?.machine.kind !== 'disco') {
      this.#link.drop('relayed-stranger');
      return;
    }
    const opened = this.#link.open(datagram, from);
    if (opened === undefined) return;
    const { sender, message } = opened;
    // The relay vouches for the node key, the box for the disco key: they must belong together.
    if (sender !== peer.config.discoKey) {
      this.#link.drop('relayed-wrong-key');
      return;
    }
    this.#link.count(`rx.relayed-${message.type}`);
    switch (message.type) {
      case 'ping':
        this.#keeper.step(id, { type: 'relayed-ping', region, txId: toHex(message.txId) });
        break;
      case 'pong':
        this.#keeper.step(id, { type: 'pong-in', txId: toHex(message.txId), seenAs: undefined });
        break;
      case 'call-me-maybe':
        if (peer.calls.has(this.#deps.nowMs())) {
          peer.calls.take(this.#deps.nowMs());
          this.#called(id, message.endpoints);
        } else this.#link.drop('called-too-often');
        break;
      default:
        // Peer relays are not served yet: official peers then go on without.
        this.#link.drop('not-served');
    }
  }

  /** The engine has traffic for the peer: it became active, or waits for a path. */
  wantPath(id: PeerId): void {
    const peer = this.#keeper.peers.get(id);
    if (peer === undefined) return;
    // An engine that made the peer anew (its flags changed) has forgotten the path; saying it again costs nothing.
    const known = toldOf(peer);
    if (known.mode !== 'none') this.#deps.setPath(id, known);
    if (peer.machine.kind === 'plain')
      this.#keeper.setPlain(peer, plainSending(peer.machine.state, this.#deps.nowMs()));
    else this.#keeper.step(id, { type: 'send' });
  }

  /** An authenticated packet came from an address that is not the peer's path. */
  newAddress(id: PeerId, from: SockAddr, via: SocketId = 0): void {
    const peer = this.#keeper.peers.get(id);
    if (peer?.machine.kind === 'plain') {
      // The engine has moved the path already.
      peer.machine.state = plainHeard(peer.machine.state, from, this.#deps.nowMs());
      this.#deps.log('info', 'path.roamed', {
        peer: shortKey(peer.config.nodeKey),
        to: formatSockAddr(from),
      });
    } else this.#keeper.step(id, { type: 'data-in', from, via });
  }

  pathError(id: PeerId, code: string): void {
    if (UNREACHABLE.includes(code)) this.#keeper.step(id, { type: 'unreachable' });
  }

  /** Addresses or the default route changed, sockets were bound anew, or the machine slept: all is proven anew. */
  networkChanged(): void {
    this.#keeper.puncher.networkChanged();
    for (const id of this.#keeper.peers.ids()) this.#keeper.step(id, { type: 'network-changed' });
  }

  /** `endpoints()` gives another list: peers that were called just now are told. */
  endpointsChanged(): void {
    this.#keeper.caller.endpointsChanged();
  }

  /** `relayFor` may answer differently now: a connection came or went, a home moved. */
  relayChanged(): void {
    for (const id of this.#keeper.peers.ids()) {
      const peer = this.#keeper.peers.get(id);
      if (peer?.machine.kind !== 'disco') continue;
      const { told, session } = peer.machine.state;
      if (session.kind === 'active' || told.relayRegion !== this.#keeper.relayOf(peer))
        this.#keeper.step(id, { type: 'relay-changed' });
    }
  }

  /** The relay says that the peer is not, or no longer, connected to it. */
  relayPeerGone(key: NodeKey): void {
    const id = this.#keeper.peers.ofNode(key);
    if (id !== undefined) this.#keeper.step(id, { type: 'relay-gone' });
  }

  pathOf(id: PeerId): PeerPathView {
    const peer = this.#keeper.peers.get(id);
    return viewOf(peer, { nowMs: this.#deps.nowMs(), nat: this.#deps.nat() });
  }

  candidatesOf(id: PeerId): readonly CandidateView[] {
    return candidatesOf(this.#keeper.peers.get(id));
  }

  /**
   * A disco ping over the peer's path; while there is none, over all its addresses and its relay. `size` pads the datagram.
   */
  async ping(id: PeerId, signal: AbortSignal, size = 0): Promise<PingAnswer> {
    signal.throwIfAborted();
    const peer = this.#keeper.peers.get(id);
    if (peer === undefined || this.#closed)
      throw new RhumbError('not-found', 'no path is kept for this machine');
    if (peer.machine.kind === 'plain')
      throw new RhumbError('unavailable', 'this machine speaks plain WireGuard only; try an ICMP ping');
    if (peer.config.discoKey === undefined)
      throw new RhumbError('unavailable', 'this machine answers no path probes; try an ICMP ping');
    return await this.#keeper.requests.wait(id, signal, (ticket) =>
      this.#keeper.step(id, { type: 'request', ticket, size }),
    );
  }

  /** Disco messages by kind and drops by reason, since the start. */
  counters(): Readonly<Record<string, number>> {
    return this.#link.counters();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#keeper.close();
  }

  /** One pong, however many peers share the disco key (nat-traversal.md §4.3). */
  #pingIn(peers: readonly PeerId[], source: { from: SockAddr; via: SocketId }, ping: DiscoPing): void {
    const named = ping.nodeKey === undefined ? undefined : this.#keeper.peers.ofNode(ping.nodeKey);
    const sender = named !== undefined && peers.includes(named) ? named : peers[0];
    let isAnswered = false;
    for (const id of peers) {
      const isSender = id === sender;
      const event = { type: 'ping-in', ...source, txId: toHex(ping.txId), isSender } as const;
      this.#wakeIfUsed(id);
      const rest = this.#keeper.advance(id, event).filter((effect) => {
        const isRepeated = effect.do === 'pong' && isAnswered;
        isAnswered ||= effect.do === 'pong';
        return !isRepeated;
      });
      this.#keeper.finish(id, rest);
    }
  }

  #pongIn(peers: readonly PeerId[], txId: path.TxId, seenAs: SockAddr): void {
    const owner = peers.find((id) => this.#keeper.stateOf(id)?.pings.has(txId) === true);
    if (owner === undefined) return;
    const to = this.#keeper.stateOf(owner)?.pings.get(txId)?.to;
    this.#keeper.step(owner, { type: 'pong-in', txId, seenAs });
    if (to?.kind === 'udp' && to.via === 0) this.#observer.seenAs(seenAs);
  }

  /** The engine tells of traffic once; whoever missed it hears of it again when the peer looks for us. */
  #wakeIfUsed(id: PeerId): void {
    const state = this.#keeper.stateOf(id);
    if (state?.session.kind !== 'idle') return;
    const [words] = this.#deps.activity([id]);
    const lastMs = Math.max(words?.lastTxAny ?? 0, words?.lastRxAny ?? 0);
    if (lastMs > 0 && this.#deps.nowMs() - lastMs < path.SESSION_MS) this.#keeper.step(id, { type: 'send' });
  }

  #called(id: PeerId, endpoints: readonly SockAddr[]): void {
    this.#wakeIfUsed(id);
    const usable = endpoints.filter(isUsable);
    if (usable.length < endpoints.length) this.#link.drop('called-address');
    this.#keeper.step(id, { type: 'called', endpoints: usable.slice(0, path.MAX_CALLED) });
    const state = this.#keeper.stateOf(id);
    const beyond = usable.slice(path.MAX_CALLED);
    if (state !== undefined && this.#keeper.isPredicting) this.#keeper.puncher.called(id, state, beyond);
  }

  #woke(lateMs: number): void {
    this.#deps.log('info', 'clock.jumped', { ms: Math.round(lateMs) });
    this.networkChanged();
  }
}
