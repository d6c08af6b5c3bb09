/** Keeps one path machine per peer and joins them to sockets, relays, the clock and the engine's path table. */
import { fromHex, toHex } from '#shared/bytes/hex.ts';
import { randomBytes } from '#shared/crypto/random.ts';
import { TX_ID_LENGTH } from '#shared/disco/fields.ts';
import type { DiscoMessage, DiscoPing } from '#shared/disco/message.ts';
import { RhumbError } from '#shared/errors.ts';
import { formatSockAddr, type SockAddr } from '#shared/ip/address.ts';
import { type DiscoKey, type NodeKey, shortKey } from '#shared/key/key.ts';
import { DiscoBox, type DiscoDrop } from '../disco/disco-box.ts';
import { mayBePeer, PingBudget } from './budget.ts';
import { Caller } from './caller.ts';
import { isPublic4, isUsable } from './candidate.ts';
import { Deadlines } from './deadlines.ts';
import { probeSizes } from './mtu.ts';
import { initialPath, step, wakeAt } from './path-machine.ts';
import * as path from './path-types.ts';
import { viewOf } from './path-view.ts';
import { type Peer, PeerTable } from './peer-table.ts';
import { nextPorts } from './predict.ts';
import { Puncher } from './puncher.ts';
import { Requests } from './requests.ts';
import type {
  Activity,
  EnginePath,
  MagicsockDeps,
  PeerConfig,
  PeerId,
  PeerPathView,
  PingAnswer,
  SocketId,
} from './types.ts';
import {
  configurePlain,
  initialPlain,
  type PlainState,
  plainHeard,
  plainSending,
  plainTick,
} from './wireguard-only.ts';

/** Datagram length of a ping without padding. */
const PING_LENGTH = 124;
/** The OS's word that an address can't be reached from here. ECONNREFUSED is not among them: the peer may be starting. */
const UNREACHABLE: readonly string[] = ['EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL', 'ENETDOWN'];
/** Ports of a counting NAT that follow the last one seen. */
const NEXT_PORTS = 16;
/** Our side of the NAT has changed, says a peer's pong: asked about at most once in this time. */
const OBSERVED_MS = 10_000;

const NO_WORDS: Omit<Activity, 'peer'> = { lastTxAny: 0, lastRxAny: 0, rxBestAt: 0, unansweredSince: 0 };

export class Magicsock implements AsyncDisposable {
  readonly #deps: MagicsockDeps;
  readonly #box: DiscoBox;
  readonly #random: (length: number) => Uint8Array;
  readonly #peers = new PeerTable();
  readonly #requests = new Requests();
  readonly #budget = new PingBudget();
  readonly #counters = new Map<string, number>();
  readonly #deadlines: Deadlines<PeerId>;
  readonly #caller: Caller;
  readonly #puncher: Puncher;
  #nodeKey: NodeKey;
  /** As it was given, with the disco keys of the map. */
  #list: readonly PeerConfig[] = [];
  #observedAtMs = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(deps: MagicsockDeps) {
    this.#deps = deps;
    this.#random = deps.random ?? randomBytes;
    this.#box = new DiscoBox(deps.discoPrivate, this.#random);
    this.#nodeKey = deps.nodeKey;
    const { clock } = deps;
    const nowMs = (): number => deps.nowMs();
    this.#deadlines = new Deadlines({
      clock,
      nowMs,
      due: (ids) => this.#due(ids),
      late: (ms) => this.#woke(ms),
    });
    const shared = { clock, log: deps.log, nowMs, endpoints: () => deps.endpoints() };
    this.#caller = new Caller({
      ...shared,
      refreshEndpoints: () => deps.refreshEndpoints(),
      send: (peer, list) => this.#sendCall(peer, [...list, ...this.#nextPorts()]),
      isWanted: (peer) => this.#stateOf(peer)?.search.kind === 'on',
    });
    this.#puncher = new Puncher({
      ...shared,
      nat: () => deps.nat(),
      random: () => fraction(this.#random(4)),
      openSocket: (id, family) => deps.openSocket(id, family),
      closeSocket: (id) => deps.closeSocket(id),
      step: (peer, event) => this.#step(peer, event),
      call: (peer, guesses) => this.#sendCall(peer, [...deps.endpoints().list, ...guesses]),
    });
  }

  get discoKey(): DiscoKey {
    return this.#box.publicKey;
  }

  setNodeKey(nodeKey: NodeKey): void {
    this.#nodeKey = nodeKey;
  }

  /** The whole list; peers that stay keep their paths. */
  setPeers(list: readonly PeerConfig[]): void {
    this.#list = list;
    const ids = new Set(list.map((config) => config.peer));
    for (const id of this.#peers.ids()) if (!ids.has(id)) this.#drop(id);
    const current = this.#peers.index(list);
    this.#box.setPeers(this.#peers.discoKeys());
    for (const config of current) this.#configure(config);
  }

  /** The peer told its disco key through the tunnel (nat-traversal.md §4.6-2): holds until the map names a new one. */
  adoptDiscoKey(id: PeerId, key: DiscoKey): void {
    const peer = this.#peers.get(id);
    if (peer?.machine.kind !== 'disco' || peer.config.discoKey === key) return;
    const inMap = this.#list.find((config) => config.peer === id)?.discoKey;
    this.#deps.log('info', 'disco.advertised', { peer: shortKey(peer.config.nodeKey) });
    this.#peers.tell(peer.config.nodeKey, { inMap, key });
    this.setPeers(this.#list);
  }

  /** One disco datagram as it came from a socket; `datagram` is only borrowed. */
  handleDisco(from: SockAddr, datagram: Uint8Array, via: SocketId = 0): void {
    const opened = this.#box.open(datagram, from, this.#deps.nowMs());
    if (!opened.ok) {
      this.#count(`drop.${opened.why satisfies DiscoDrop}`);
      return;
    }
    const { sender, message } = opened;
    this.#count(`rx.${message.type}`);
    const peers = this.#peers.ofDisco(sender);
    switch (message.type) {
      case 'ping':
        this.#pingIn(peers, { from, via }, message);
        break;
      case 'pong':
        this.#pongIn(peers, toHex(message.txId), message.source);
        break;
      case 'call-me-maybe':
        // Only believed when a relay vouches for its sender (nat-traversal.md §4.3).
        this.#count('drop.call-me-maybe-over-udp');
        break;
      default:
        this.#count('drop.not-served');
    }
  }

  /** One disco datagram that the relay of `region` delivered from the machine with that key. */
  handleRelayedDisco(region: number, from: NodeKey, datagram: Uint8Array): void {
    const id = this.#peers.ofNode(from);
    const peer = id === undefined ? undefined : this.#peers.get(id);
    if (id === undefined || peer?.machine.kind !== 'disco') {
      this.#count('drop.relayed-stranger');
      return;
    }
    const opened = this.#box.open(datagram, from, this.#deps.nowMs());
    if (!opened.ok) {
      this.#count(`drop.${opened.why satisfies DiscoDrop}`);
      return;
    }
    const { sender, message } = opened;
    // The relay vouches for the node key, the box for the disco key: they must belong together.
    if (sender !== peer.config.discoKey) {
      this.#count('drop.relayed-wrong-key');
      return;
    }
    this.#count(`rx.relayed-${message.type}`);
    switch (message.type) {
      case 'ping':
        this.#step(id, { type: 'relayed-ping', region, txId: toHex(message.txId) });
        break;
      case 'pong':
        this.#step(id, { type: 'pong-in', txId: toHex(message.txId), seenAs: undefined });
        break;
      case 'call-me-maybe':
        this.#called(id, message.endpoints);
        break;
      default:
        // Peer relays are not served yet: official peers then go on without.
        this.#count('drop.not-served');
    }
  }

  /** The engine has traffic for the peer: it became active, or waits for a path. */
  wantPath(id: PeerId): void {
    const peer = this.#peers.get(id);
    if (peer === undefined) return;
    // An engine that made the peer anew (its flags changed) has forgotten the path; saying it again costs nothing.
    const known = toldOf(peer);
    if (known.mode !== 'none') this.#deps.setPath(id, known);
    if (peer.machine.kind === 'plain')
      this.#setPlain(peer, plainSending(peer.machine.state, this.#deps.nowMs()));
    else this.#step(id, { type: 'send' });
  }

  /** An authenticated packet came from an address that is not the peer's path. */
  newAddress(id: PeerId, from: SockAddr, via: SocketId = 0): void {
    const peer = this.#peers.get(id);
    if (peer?.machine.kind === 'plain') {
      // The engine has moved the path already.
      peer.machine.state = plainHeard(peer.machine.state, from, this.#deps.nowMs());
      this.#deps.log('info', 'path.roamed', {
        peer: shortKey(peer.config.nodeKey),
        to: formatSockAddr(from),
      });
    } else this.#step(id, { type: 'data-in', from, via });
  }

  pathError(id: PeerId, code: string): void {
    if (UNREACHABLE.includes(code)) this.#step(id, { type: 'unreachable' });
  }

  /** Addresses or the default route changed, sockets were bound anew, or the machine slept: all is proven anew. */
  networkChanged(): void {
    this.#puncher.networkChanged();
    for (const id of this.#peers.ids()) this.#step(id, { type: 'network-changed' });
  }

  /** `endpoints()` gives another list: peers that were called just now are told. */
  endpointsChanged(): void {
    this.#caller.endpointsChanged();
  }

  /** `relayFor` may answer differently now: a connection came or went, a home moved. */
  relayChanged(): void {
    for (const id of this.#peers.ids()) {
      const peer = this.#peers.get(id);
      if (peer?.machine.kind !== 'disco') continue;
      const { told, session } = peer.machine.state;
      if (session.kind === 'active' || told.relayRegion !== this.#relayOf(peer))
        this.#step(id, { type: 'relay-changed' });
    }
  }

  /** The relay says that the peer is not, or no longer, connected to it. */
  relayPeerGone(key: NodeKey): void {
    const id = this.#peers.ofNode(key);
    if (id !== undefined) this.#step(id, { type: 'relay-changed' });
  }

  pathOf(id: PeerId): PeerPathView {
    const peer = this.#peers.get(id);
    return viewOf(peer, { nowMs: this.#deps.nowMs(), nat: this.#deps.nat() });
  }

  /**
   * A disco ping over the peer's path; while there is none, over all its addresses and its relay. `size` pads the datagram.
   */
  async ping(id: PeerId, signal: AbortSignal, size = 0): Promise<PingAnswer> {
    signal.throwIfAborted();
    const peer = this.#peers.get(id);
    if (peer === undefined || this.#closed)
      throw new RhumbError('not-found', 'no path is kept for this machine');
    if (peer.machine.kind === 'plain')
      throw new RhumbError('unavailable', 'this machine speaks plain WireGuard only; try an ICMP ping');
    if (peer.config.discoKey === undefined)
      throw new RhumbError('unavailable', 'this machine answers no path probes; try an ICMP ping');
    return await this.#requests.wait(id, signal, (ticket) =>
      this.#step(id, { type: 'request', ticket, size }),
    );
  }

  /** Disco messages by kind and drops by reason, since the start. */
  counters(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counters);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#deadlines.close();
    this.#caller.close();
    this.#puncher.close();
    for (const id of this.#peers.ids()) this.#drop(id);
  }

  #stateOf(id: PeerId): path.PathState | undefined {
    const machine = this.#peers.get(id)?.machine;
    return machine?.kind === 'disco' ? machine.state : undefined;
  }

  #configure(config: PeerConfig): void {
    const { peer: id, discoKey } = config;
    const kind = config.wireguardOnly ? 'plain' : 'disco';
    const known = this.#peers.get(id);
    const isKept =
      known !== undefined && known.machine.kind === kind && known.config.nodeKey === config.nodeKey;
    const before = isKept ? known.config : undefined;
    const peer: Peer = isKept
      ? known
      : {
          config,
          machine: kind === 'plain' ? { kind, state: initialPlain } : { kind, state: initialPath() },
        };
    peer.config = config;
    this.#peers.set(id, peer);
    if (before?.discoKey !== undefined && before.discoKey !== discoKey) this.#step(id, { type: 'restarted' });
    const isSame =
      before !== undefined &&
      isSameList(before.endpoints, config.endpoints) &&
      before.homeRegion === config.homeRegion &&
      (before.discoKey === undefined) === (discoKey === undefined);
    if (isSame) return;
    if (peer.machine.kind === 'plain')
      this.#setPlain(peer, configurePlain(peer.machine.state, config.endpoints, this.#deps.nowMs()));
    else this.#step(id, { type: 'configure', endpoints: discoKey === undefined ? [] : config.endpoints });
  }

  #drop(id: PeerId): void {
    this.#puncher.forget(id);
    this.#peers.delete(id);
    this.#deadlines.delete(id);
    this.#caller.forget(id);
    this.#budget.forget(id);
    this.#requests.left(id);
  }

  /** One pong, however many peers share the disco key (nat-traversal.md §4.3). */
  #pingIn(peers: readonly PeerId[], source: { from: SockAddr; via: SocketId }, ping: DiscoPing): void {
    const named = ping.nodeKey === undefined ? undefined : this.#peers.ofNode(ping.nodeKey);
    const sender = named !== undefined && peers.includes(named) ? named : peers[0];
    let isAnswered = false;
    for (const id of peers) {
      const isSender = id === sender;
      const event = { type: 'ping-in', ...source, txId: toHex(ping.txId), isSender } as const;
      this.#wakeIfUsed(id);
      const rest = this.#advance(id, event).filter((effect) => {
        const isRepeated = effect.do === 'pong' && isAnswered;
        isAnswered ||= effect.do === 'pong';
        return !isRepeated;
      });
      this.#finish(id, rest);
    }
  }

  #pongIn(peers: readonly PeerId[], txId: path.TxId, seenAs: SockAddr): void {
    const owner = peers.find((id) => this.#stateOf(id)?.pings.has(txId) === true);
    if (owner === undefined) return;
    const to = this.#stateOf(owner)?.pings.get(txId)?.to;
    this.#step(owner, { type: 'pong-in', txId, seenAs });
    if (to?.kind === 'udp' && to.via === 0) this.#observed(seenAs);
  }

  /** A peer sees us at an address that we don't know: our NAT, or what is behind it, has changed (§11.5). */
  #observed(seenAs: SockAddr): void {
    if (!isPublic4(seenAs)) return;
    const { varies } = this.#deps.nat();
    const { list, ageMs } = this.#deps.endpoints();
    const isKnown = list.some(
      ({ ip, port }) => ip === seenAs.ip && (port === seenAs.port || varies !== false),
    );
    const nowMs = this.#deps.nowMs();
    if (isKnown || !Number.isFinite(ageMs) || nowMs - this.#observedAtMs < OBSERVED_MS) return;
    this.#observedAtMs = nowMs;
    this.#deps.log('info', 'endpoints.observed', { as: formatSockAddr(seenAs) });
    this.#deps.refreshEndpoints().catch((error: unknown) => {
      this.#deps.log('debug', 'endpoints.refresh-failed', { why: String(error) });
    });
  }

  /** The engine tells of traffic once; whoever missed it hears of it again when the peer looks for us. */
  #wakeIfUsed(id: PeerId): void {
    const state = this.#stateOf(id);
    if (state?.session.kind !== 'idle') return;
    const [words] = this.#deps.activity([id]);
    const lastMs = Math.max(words?.lastTxAny ?? 0, words?.lastRxAny ?? 0);
    if (lastMs > 0 && this.#deps.nowMs() - lastMs < path.SESSION_MS) this.#step(id, { type: 'send' });
  }

  #called(id: PeerId, endpoints: readonly SockAddr[]): void {
    this.#wakeIfUsed(id);
    const usable = endpoints.filter(isUsable);
    if (usable.length < endpoints.length) this.#count('drop.called-address');
    this.#step(id, { type: 'called', endpoints: usable.slice(0, path.MAX_CALLED) });
    const state = this.#stateOf(id);
    const beyond = usable.slice(path.MAX_CALLED);
    if (state !== undefined && this.#isPredicting) this.#puncher.called(id, state, beyond);
  }

  #step(id: PeerId, event: path.PathEvent): void {
    if (event.type === 'socket-closed' && !leadsVia(this.#stateOf(id), event.via)) return;
    this.#finish(id, this.#advance(id, event));
  }

  #advance(id: PeerId, event: path.PathEvent): readonly path.PathEffect[] {
    const peer = this.#peers.get(id);
    if (peer?.machine.kind !== 'disco') return [];
    const nowMs = this.#deps.nowMs();
    const { endpoints, options } = this.#deps;
    const context: path.PathContext = {
      nowMs,
      newTxId: () => toHex(this.#random(TX_ID_LENGTH)),
      relay: () => this.#relayOf(peer),
      mayPing: (to) => mayBePeer(to, endpoints().list) && this.#budget.take(id, nowMs),
      probeSizes: ({ ip }) => (options?.pathMtuDiscovery === true ? probeSizes(ip) : []),
    };
    const [state, effects] = step(peer.machine.state, event, context);
    peer.machine.state = state;
    this.#deadlines.set(id, wakeAt(state, nowMs));
    return effects;
  }

  /** What a step asked for, and what follows from the state it led to. */
  #finish(id: PeerId, effects: readonly path.PathEffect[]): void {
    this.#perform(id, effects);
    const state = this.#stateOf(id);
    if (state === undefined) return;
    this.#puncher.stepped(id, state);
    if (state.search.kind === 'on' && this.#isPredicting) this.#puncher.consider(id, state);
  }

  #perform(id: PeerId, effects: readonly path.PathEffect[]): void {
    const peer = this.#peers.get(id);
    if (peer === undefined) return;
    for (const effect of effects) {
      switch (effect.do) {
        case 'ping':
          this.#sendPing(peer, effect.to, effect.txId, effect.size);
          break;
        case 'pong':
          this.#send(peer, effect.to, {
            type: 'pong',
            txId: bytesOf(effect.txId),
            source: sourceOf(effect.to),
          });
          break;
        case 'path':
          this.#setPath(peer, effect.path, effect.isNews);
          break;
        case 'call':
          if (!this.#puncher.isCalling(id) && peer.config.discoKey !== undefined)
            this.#caller.call(id, effect.afresh);
          break;
        case 'met':
          this.#deps.met(id);
          break;
        case 'answer':
          this.#requests.answered(effect.ticket, effect.from, effect.latencyMs);
          break;
        case 'no-candidates':
          this.#requests.failed(
            effect.ticket,
            new RhumbError('unavailable', 'no address of this machine is known yet'),
          );
          break;
        default:
          effect satisfies never;
      }
    }
  }

  #sendPing(peer: Peer, to: path.Target, txId: string, size: number): void {
    const padding = Math.max(0, size - PING_LENGTH);
    this.#send(peer, to, { type: 'ping', txId: bytesOf(txId), nodeKey: this.#nodeKey, padding });
  }

  /** The list that the peer's next pings go to; what it saw of a socket of its own must stay in it. */
  #sendCall(id: PeerId, list: readonly SockAddr[]): void {
    const peer = this.#peers.get(id);
    const region = peer === undefined ? undefined : this.#relayOf(peer);
    if (peer?.machine.kind !== 'disco' || region === undefined) return;
    const { best, candidates } = peer.machine.state;
    const seen = [...candidates.values()].find(
      ({ via }) => best.kind === 'direct' && via === best.via && via !== 0,
    );
    const endpoints = seen?.seenAs === undefined ? list : [seen.seenAs, ...list];
    this.#send(peer, { kind: 'relay', region }, { type: 'call-me-maybe', endpoints });
  }

  #send(peer: Peer, to: path.Target, message: DiscoMessage): void {
    if (peer.config.discoKey === undefined) return;
    const datagram = this.#box.seal(peer.config.discoKey, message);
    if (datagram === undefined) return;
    if (to.kind === 'relay') {
      this.#count(`tx.relayed-${message.type}`);
      this.#deps.sendRelay(to.region, peer.config.nodeKey, datagram);
      return;
    }
    this.#count(`tx.${message.type}`);
    if (to.via === 0) this.#deps.sendUdp(to.addr, datagram);
    else this.#deps.sendUdp(to.addr, datagram, to.via);
  }

  #setPath({ config }: Peer, next: EnginePath, isNews: boolean): void {
    this.#deps.setPath(config.peer, next);
    if (!isNews) return;
    const { direct, relayRegion: region } = next;
    const to = direct === undefined ? undefined : formatSockAddr(direct);
    this.#deps.log('info', `path.${next.mode}`, { peer: shortKey(config.nodeKey), to, region });
  }

  #setPlain(peer: Peer, state: PlainState): void {
    if (peer.machine.kind !== 'plain') return;
    const before = peer.machine.state.current;
    peer.machine.state = state;
    if (state.current !== before) this.#setPath(peer, toldOf(peer), true);
    this.#deadlines.set(peer.config.peer, state.checkAtMs);
  }

  #relayOf({ config }: Peer): number | undefined {
    const home = config.homeRegion === 0 ? undefined : config.homeRegion;
    return this.#deps.relayFor(config.nodeKey, home);
  }

  get #isPredicting(): boolean {
    return this.#deps.options?.portPrediction !== false;
  }

  #nextPorts(): readonly SockAddr[] {
    const { varies, ports, portMapped } = this.#deps.nat();
    return this.#isPredicting && varies === true && !portMapped ? nextPorts(ports, NEXT_PORTS) : [];
  }

  #due(ids: readonly PeerId[]): void {
    const activity = new Map(this.#deps.activity(ids).map((words) => [words.peer, words]));
    for (const id of ids) {
      const peer = this.#peers.get(id);
      const words = activity.get(id) ?? { peer: id, ...NO_WORDS };
      if (peer?.machine.kind === 'plain')
        this.#setPlain(peer, plainTick(peer.machine.state, words, this.#deps.nowMs()));
      else this.#step(id, { type: 'tick', words });
    }
  }

  #woke(lateMs: number): void {
    this.#deps.log('info', 'clock.jumped', { ms: Math.round(lateMs) });
    this.networkChanged();
  }

  #count(name: string): void {
    this.#counters.set(name, (this.#counters.get(name) ?? 0) + 1);
  }
}

function toldOf({ machine }: Peer): EnginePath {
  if (machine.kind === 'disco') return machine.state.told;
  const { current } = machine.state;
  return current === undefined ? { mode: 'none' } : { mode: 'direct', direct: current };
}

const leadsVia = (state: path.PathState | undefined, via: SocketId): boolean =>
  state !== undefined && [...state.candidates.values()].some((candidate) => candidate.via === via);

/** A relay has no address; official peers see its region written as one (nat-traversal.md §1.12). */
const sourceOf = (to: path.Target): SockAddr =>
  to.kind === 'udp' ? to.addr : { ip: '127.3.3.40', port: to.region };

function bytesOf(txId: string): Uint8Array {
  const bytes = fromHex(txId);
  if (bytes === undefined) throw new RhumbError('internal', 'a transaction id is not hex');
  return bytes;
}

/** Four random bytes as a number in [0, 1). */
const fraction = (bytes: Uint8Array): number =>
  bytes.reduce((sum, byte) => sum * 256 + byte, 0) / 256 ** bytes.length;

const isSameList = (a: readonly SockAddr[], b: readonly SockAddr[]): boolean =>
  a === b || (a.length === b.length && a.every((addr, i) => isSameAddr(addr, b[i])));
const isSameAddr = (a: SockAddr, b: SockAddr | undefined): boolean => a.ip === b?.ip && a.port === b.port;
