/** Keeps one path machine per peer and joins them to the socket, the clock and the engine's path table. */
import type { Clock } from '#shared/async/clock.ts';
import { fromHex, toHex } from '#shared/bytes/hex.ts';
import { randomBytes } from '#shared/crypto/random.ts';
import { TX_ID_LENGTH } from '#shared/disco/message.ts';
import { RhumbError } from '#shared/errors.ts';
import { formatSockAddr, type SockAddr } from '#shared/ip/address.ts';
import { type DiscoKey, type NodeKey, type PrivateKey, shortKey } from '#shared/key/key.ts';
import type { Log } from '#shared/log/log.ts';
import { EndpointType } from '#shared/wire/map.ts';
import { DiscoBox, type DiscoDrop } from '../disco/disco-box.ts';
import { Deadlines } from './deadlines.ts';
import { isTrusted } from './path-draft.ts';
import { initialPath, step, wakeAt } from './path-machine.ts';
import type { PathContext, PathEffect, PathEvent, PathState } from './path-types.ts';
import {
  configurePlain,
  initialPlain,
  type PlainState,
  plainHeard,
  plainSending,
  plainTick,
} from './wireguard-only.ts';

/** As the engine numbers its peers. */
export type PeerId = number;

/** The part of the engine's activity words that path choice needs; engine clock, ms, 0 = never. */
export interface Activity {
  readonly peer: PeerId;
  readonly lastTxAny: number;
  readonly lastRxAny: number;
}

export type EnginePath = { readonly mode: 'direct'; readonly direct: SockAddr } | { readonly mode: 'none' };

export interface MagicsockDeps {
  /** From the socket that WireGuard uses; errors are the engine's to count. */
  sendUdp(to: SockAddr, datagram: Uint8Array): void;
  /** Only called for peers of the last `setPeers`: the engine must know them first. */
  setPath(peer: PeerId, path: EnginePath): void;
  activity(peers: readonly PeerId[]): readonly Activity[];
  /** The peer was looking for us and a path is proven: a handshake that is stuck or missing would succeed now. */
  met(peer: PeerId): void;
  /** Engine clock. */
  nowMs(): number;
  readonly clock: Clock;
  readonly log: Log;
  /** New for each start of the daemon and never stored (nat-traversal.md §9.4-12). */
  readonly discoPrivate: PrivateKey;
  readonly nodeKey: NodeKey;
  readonly random?: (length: number) => Uint8Array;
}

export interface PeerConfig {
  readonly peer: PeerId;
  readonly nodeKey: NodeKey;
  /** Without one, and not WireGuard-only, a peer is of a kind that official clients no longer serve either: no path. */
  readonly discoKey: DiscoKey | undefined;
  readonly endpoints: readonly SockAddr[];
  readonly wireguardOnly: boolean;
}

export type PeerPathView =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'direct';
      readonly addr: SockAddr;
      readonly latencyMs: number | undefined;
      /** False while the last proof is old and a new one is being sought; packets go there all the same. */
      readonly isTrusted: boolean;
    };

export interface PingAnswer {
  readonly endpoint: SockAddr;
  readonly latencyMs: number;
}

/** Datagram length of a ping without padding. */
const PING_LENGTH = 124;
/** The OS's word that an address can't be reached from here. ECONNREFUSED is not among them: the peer may be starting. */
const UNREACHABLE: readonly string[] = ['EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL', 'ENETDOWN'];

interface Peer {
  config: PeerConfig;
  machine: { readonly kind: 'disco'; state: PathState } | { readonly kind: 'plain'; state: PlainState };
}

interface Waiting {
  readonly peer: PeerId;
  resolve(answer: PingAnswer): void;
  reject(error: unknown): void;
}

export class Magicsock implements AsyncDisposable {
  readonly #deps: MagicsockDeps;
  readonly #box: DiscoBox;
  readonly #random: (length: number) => Uint8Array;
  readonly #peers = new Map<PeerId, Peer>();
  readonly #waiting = new Map<number, Waiting>();
  readonly #counters = new Map<string, number>();
  readonly #deadlines: Deadlines<PeerId>;
  #byDisco = new Map<DiscoKey, PeerId[]>();
  #local: readonly SockAddr[] = [];
  #nodeKey: NodeKey;
  #nextTicket = 1;
  #closed = false;

  constructor(deps: MagicsockDeps) {
    this.#deps = deps;
    this.#random = deps.random ?? randomBytes;
    this.#box = new DiscoBox(deps.discoPrivate, this.#random);
    this.#nodeKey = deps.nodeKey;
    const { clock, nowMs } = deps;
    this.#deadlines = new Deadlines({ clock, nowMs: () => nowMs(), due: (ids) => this.#due(ids) });
  }

  get discoKey(): DiscoKey {
    return this.#box.publicKey;
  }

  setNodeKey(nodeKey: NodeKey): void {
    this.#nodeKey = nodeKey;
  }

  /** The whole list; peers that stay keep their paths. */
  setPeers(list: readonly PeerConfig[]): void {
    const served = list.filter((config) => config.wireguardOnly || config.discoKey !== undefined);
    const ids = new Set(served.map((config) => config.peer));
    for (const id of [...this.#peers.keys()]) if (!ids.has(id)) this.#drop(id);
    const byDisco = new Map<DiscoKey, PeerId[]>();
    for (const { peer, discoKey, wireguardOnly } of served) {
      if (discoKey === undefined || wireguardOnly) continue;
      const sharing = byDisco.get(discoKey);
      if (sharing === undefined) byDisco.set(discoKey, [peer]);
      else sharing.push(peer);
    }
    this.#byDisco = byDisco;
    this.#box.setPeers(byDisco.keys());
    for (const config of served) this.#configure(config);
  }

  /** One disco datagram as it came from the socket; `datagram` is only borrowed. */
  handleDisco(from: SockAddr, datagram: Uint8Array): void {
    const opened = this.#box.open(datagram, from, this.#deps.nowMs());
    if (!opened.ok) {
      this.#count(`drop.${opened.why satisfies DiscoDrop}`);
      return;
    }
    const { sender, message } = opened;
    this.#count(`rx.${message.type}`);
    const peers = this.#byDisco.get(sender) ?? [];
    switch (message.type) {
      case 'ping':
        this.#pingIn(peers, from, toHex(message.txId));
        break;
      case 'pong':
        for (const peer of peers) this.#step(peer, { type: 'pong-in', txId: toHex(message.txId) });
        break;
      case 'call-me-maybe':
        // Only believed when a relay vouches for its sender (nat-traversal.md §4.3).
        this.#count('drop.call-me-maybe-over-udp');
        break;
      default:
        message satisfies never;
    }
  }

  /** The engine has traffic for the peer: it became active, or waits for a path. */
  wantPath(id: PeerId): void {
    const peer = this.#peers.get(id);
    if (peer === undefined) return;
    // An engine that made the peer anew (its flags changed) has forgotten the path; saying it again costs nothing.
    const known = currentOf(peer);
    if (known !== undefined) this.#deps.setPath(id, { mode: 'direct', direct: known });
    if (peer.machine.kind === 'plain')
      this.#setPlain(peer, plainSending(peer.machine.state, this.#deps.nowMs()));
    else this.#step(id, { type: 'send' });
  }

  /** An authenticated packet came from an address that is not the peer's path. */
  newAddress(id: PeerId, from: SockAddr): void {
    const peer = this.#peers.get(id);
    if (peer?.machine.kind === 'plain') {
      // The engine has moved the path already.
      peer.machine.state = plainHeard(peer.machine.state, from, this.#deps.nowMs());
      this.#deps.log('info', 'path.roamed', {
        peer: shortKey(peer.config.nodeKey),
        to: formatSockAddr(from),
      });
    } else this.#step(id, { type: 'data-in', from });
  }

  pathError(id: PeerId, code: string): void {
    if (UNREACHABLE.includes(code)) this.#step(id, { type: 'unreachable' });
  }

  /** Our own addresses with the socket's port. Returns whether they changed; if so all paths are proven anew. */
  setLocalEndpoints(endpoints: readonly SockAddr[]): boolean {
    const text = (list: readonly SockAddr[]): string => list.map(formatSockAddr).sort().join();
    if (text(endpoints) === text(this.#local)) return false;
    const isFirst = this.#local.length === 0;
    this.#local = endpoints;
    this.#deps.log('info', 'endpoints.changed', { endpoints: endpoints.map(formatSockAddr) });
    if (!isFirst) this.networkChanged();
    return true;
  }

  /** Addresses or the default route changed. */
  networkChanged(): void {
    for (const id of [...this.#peers.keys()]) this.#step(id, { type: 'network-changed' });
  }

  /** What to tell the coordination server. */
  endpoints(): { readonly addr: string; readonly type: EndpointType }[] {
    return this.#local.map((addr) => ({ addr: formatSockAddr(addr), type: EndpointType.Local }));
  }

  pathOf(id: PeerId): PeerPathView {
    const machine = this.#peers.get(id)?.machine;
    if (machine?.kind === 'plain' && machine.state.current !== undefined)
      return {
        kind: 'direct',
        addr: machine.state.current,
        latencyMs: undefined,
        isTrusted: machine.state.isLearned,
      };
    if (machine?.kind !== 'disco' || machine.state.best.kind === 'none') return { kind: 'none' };
    const { best } = machine.state;
    const trusted = isTrusted(best, this.#deps.nowMs());
    return { kind: 'direct', addr: best.addr, latencyMs: best.latencyMs, isTrusted: trusted };
  }

  /** A disco ping over the peer's path, or over all its addresses while there is none. `size` pads the datagram. */
  async ping(id: PeerId, signal: AbortSignal, size = 0): Promise<PingAnswer> {
    signal.throwIfAborted();
    const peer = this.#peers.get(id);
    if (peer === undefined || this.#closed)
      throw new RhumbError('not-found', 'no path is kept for this machine');
    if (peer.machine.kind === 'plain')
      throw new RhumbError('unavailable', 'this machine speaks plain WireGuard only; try an ICMP ping');
    const ticket = this.#nextTicket++;
    const { promise, resolve, reject } = Promise.withResolvers<PingAnswer>();
    const abort = (): void => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    this.#waiting.set(ticket, { peer: id, resolve, reject });
    try {
      this.#step(id, { type: 'request', ticket, size });
      return await promise;
    } finally {
      this.#waiting.delete(ticket);
      signal.removeEventListener('abort', abort);
    }
  }

  /** Disco messages by kind and drops by reason, since the start. */
  counters(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counters);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#deadlines.close();
    for (const id of [...this.#peers.keys()]) this.#drop(id);
  }

  #configure(config: PeerConfig): void {
    const { peer: id, endpoints } = config;
    const known = this.#peers.get(id);
    const kind = config.wireguardOnly ? 'plain' : 'disco';
    const isKept =
      known !== undefined && known.machine.kind === kind && known.config.nodeKey === config.nodeKey;
    if (isKept && isSameList(known.config.endpoints, endpoints)) {
      known.config = config;
      return;
    }
    const peer: Peer = isKept
      ? known
      : {
          config,
          machine: kind === 'plain' ? { kind, state: initialPlain } : { kind, state: initialPath() },
        };
    peer.config = config;
    this.#peers.set(id, peer);
    if (peer.machine.kind === 'plain')
      this.#setPlain(peer, configurePlain(peer.machine.state, endpoints, this.#deps.nowMs()));
    else this.#step(id, { type: 'configure', endpoints });
  }

  #drop(id: PeerId): void {
    this.#peers.delete(id);
    this.#deadlines.delete(id);
    for (const waiting of this.#waiting.values())
      if (waiting.peer === id) waiting.reject(new RhumbError('not-found', 'the machine left the network'));
  }

  /** One pong, however many peers share the disco key (nat-traversal.md §4.3). */
  #pingIn(peers: readonly PeerId[], from: SockAddr, txId: string): void {
    let isAnswered = false;
    for (const id of peers) {
      const rest = this.#advance(id, { type: 'ping-in', from, txId }).filter((effect) => {
        const isRepeated = effect.do === 'pong' && isAnswered;
        isAnswered ||= effect.do === 'pong';
        return !isRepeated;
      });
      this.#perform(id, rest);
    }
  }

  #step(id: PeerId, event: PathEvent): void {
    this.#perform(id, this.#advance(id, event));
  }

  #advance(id: PeerId, event: PathEvent): readonly PathEffect[] {
    const peer = this.#peers.get(id);
    if (peer?.machine.kind !== 'disco') return [];
    const nowMs = this.#deps.nowMs();
    const context: PathContext = { nowMs, newTxId: () => toHex(this.#random(TX_ID_LENGTH)) };
    const [state, effects] = step(peer.machine.state, event, context);
    peer.machine.state = state;
    this.#deadlines.set(id, wakeAt(state, nowMs));
    return effects;
  }

  #perform(id: PeerId, effects: readonly PathEffect[]): void {
    const peer = this.#peers.get(id);
    if (peer === undefined) return;
    for (const effect of effects) {
      switch (effect.do) {
        case 'ping':
          this.#sendPing(peer, effect.to, effect.txId, effect.size);
          break;
        case 'pong':
          this.#send(peer, effect.to, { type: 'pong', txId: bytesOf(effect.txId), source: effect.to });
          break;
        case 'path':
          this.#setPath(peer, effect.direct, effect.latencyMs);
          break;
        case 'met':
          this.#deps.met(id);
          break;
        case 'answer':
          this.#waiting.get(effect.ticket)?.resolve({ endpoint: effect.from, latencyMs: effect.latencyMs });
          break;
        case 'no-candidates':
          this.#waiting
            .get(effect.ticket)
            ?.reject(new RhumbError('unavailable', 'no address of this machine is known yet'));
          break;
        default:
          effect satisfies never;
      }
    }
  }

  #sendPing(peer: Peer, to: SockAddr, txId: string, size: number): void {
    const padding = Math.max(0, size - PING_LENGTH);
    this.#send(peer, to, { type: 'ping', txId: bytesOf(txId), nodeKey: this.#nodeKey, padding });
  }

  #send(peer: Peer, to: SockAddr, message: Parameters<DiscoBox['seal']>[1]): void {
    if (peer.config.discoKey === undefined) return;
    const datagram = this.#box.seal(peer.config.discoKey, message);
    if (datagram === undefined) return;
    this.#count(`tx.${message.type}`);
    this.#deps.sendUdp(to, datagram);
  }

  #setPath(peer: Peer, direct: SockAddr | undefined, latencyMs: number | undefined): void {
    const { peer: id, nodeKey } = peer.config;
    this.#deps.setPath(id, direct === undefined ? { mode: 'none' } : { mode: 'direct', direct });
    const short = shortKey(nodeKey);
    if (direct === undefined) this.#deps.log('info', 'path.lost', { peer: short });
    else this.#deps.log('info', 'path.direct', { peer: short, to: formatSockAddr(direct), ms: latencyMs });
  }

  #setPlain(peer: Peer, state: PlainState): void {
    if (peer.machine.kind !== 'plain') return;
    const before = peer.machine.state.current;
    peer.machine.state = state;
    if (state.current !== before) this.#setPath(peer, state.current, undefined);
    this.#deadlines.set(peer.config.peer, state.checkAtMs);
  }

  #due(ids: readonly PeerId[]): void {
    const activity = new Map(this.#deps.activity(ids).map((words) => [words.peer, words]));
    for (const id of ids) {
      const peer = this.#peers.get(id);
      const words = activity.get(id) ?? { peer: id, lastTxAny: 0, lastRxAny: 0 };
      if (peer?.machine.kind === 'plain')
        this.#setPlain(peer, plainTick(peer.machine.state, words, this.#deps.nowMs()));
      else this.#step(id, { type: 'tick', lastSendMs: words.lastTxAny });
    }
  }

  #count(name: string): void {
    this.#counters.set(name, (this.#counters.get(name) ?? 0) + 1);
  }
}

function currentOf({ machine }: Peer): SockAddr | undefined {
  if (machine.kind === 'plain') return machine.state.current;
  return machine.state.best.kind === 'direct' ? machine.state.best.addr : undefined;
}

function bytesOf(txId: string): Uint8Array {
  const bytes = fromHex(txId);
  if (bytes === undefined) throw new RhumbError('internal', 'a transaction id is not hex');
  return bytes;
}

const isSameList = (a: readonly SockAddr[], b: readonly SockAddr[]): boolean =>
  a === b || (a.length === b.length && a.every((addr, i) => isSameAddr(addr, b[i])));
const isSameAddr = (a: SockAddr, b: SockAddr | undefined): boolean => a.ip === b?.ip && a.port === b.port;
