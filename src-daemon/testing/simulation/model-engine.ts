/**
 * A packet engine without cryptography for simulations: sends as `PeerPath` says, keeps packets that wait for a path,
 * tells what the real engine tells (data-plane.md §4), and believes only packets that carry the pair's token.
 */
import type { Clock } from '#shared/async/clock.ts';
import { looksLikeDisco } from '#shared/disco/envelope.ts';
import type { SockAddr } from '#shared/ip/address.ts';
import { isStun } from '#shared/stun/stun.ts';
import type { PeerId, PeerPath, SocketId } from '../../engine/types.ts';
import type { Activity } from '../../magicsock/types.ts';
import type { Host, HostSocket } from '../network/host.ts';
import { isV6 } from '../network/network.ts';
import { codeOf, type EngineEvents, type EnginePort, kindAt, type ModelPacket } from './engine-port.ts';

interface Staged {
  readonly data: Uint8Array;
  readonly sinceMs: number;
}

interface PeerState {
  readonly token: number;
  path: PeerPath;
  readonly staged: Staged[];
  readonly seen: Set<number>;
  lastTxAny: number;
  lastRxAny: number;
  rxBestAt: number;
  unansweredSince: number;
  owedSince: number;
  neededPathMs: number;
  newAddress: string;
  newAddressMs: number;
}

const HOLD_MS = 5_000;
const MAX_STAGED = 128;
const EDGE_MS = 1_000;
/** Of silence, after which the engine tells of activity again. */
const IDLE_MS = 10_000;
/** WireGuard's passive keepalive. */
const KEEPALIVE_MS = 10_000;
const MAX_SEEN = 2_048;
export const PACKET_BYTES = 96;
const WIREGUARD_DATA = 4;
/** Behind type, three zeroes, token, number and time. */
const KIND_AT = 20;

export class ModelEngine implements EnginePort {
  readonly #clock: Clock;
  readonly #events: EngineEvents;
  readonly #host: Host;
  readonly #sockets = new Map<string, HostSocket>();
  readonly #peers = new Map<PeerId, PeerState>();
  readonly #byToken = new Map<number, PeerId>();
  #sequence = 1;
  /** Packets that came with a wrong token. */
  forged = 0;

  constructor(options: {
    readonly clock: Clock;
    readonly host: Host;
    readonly port: number;
    readonly events: EngineEvents;
  }) {
    this.#clock = options.clock;
    this.#host = options.host;
    this.#events = options.events;
    for (const family of [4, 6] as const) this.#open(0, family, options.port);
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
    return Promise.resolve();
  }

  portOf(family: 4 | 6): number {
    return this.#sockets.get(`0 ${family}`)?.port ?? 0;
  }

  openSocket(id: SocketId, family: 4 | 6): void {
    this.#clock.after(1, () => this.#open(id, family, 0));
  }

  closeSocket(id: SocketId): void {
    for (const family of [4, 6]) {
      this.#sockets.get(`${id} ${family}`)?.close();
      this.#sockets.delete(`${id} ${family}`);
    }
  }

  sendRaw(to: SockAddr, data: Uint8Array, via: SocketId): string | undefined {
    return this.#sockets.get(`${via} ${isV6(to.ip) ? 6 : 4}`)?.send(to, data);
  }

  relayed(peer: PeerId, _region: number, data: Uint8Array): void {
    this.#receive(peer, data, undefined, 0);
  }

  /** There are no handshakes to hurry … */
  met(): void {}

  /** … and none to begin. */
  greet(): void {}

  add(peer: PeerId, token: number): void {
    this.#byToken.set(token, peer);
    this.#peers.set(peer, {
      token,
      path: { mode: 'none' },
      staged: [],
      seen: new Set(),
      lastTxAny: 0,
      lastRxAny: 0,
      rxBestAt: 0,
      unansweredSince: 0,
      owedSince: 0,
      neededPathMs: Number.NEGATIVE_INFINITY,
      newAddress: '',
      newAddressMs: 0,
    });
  }

  pathOf(peer: PeerId): PeerPath {
    return this.#peers.get(peer)?.path ?? { mode: 'none' };
  }

  activity(ids: readonly PeerId[]): readonly Activity[] {
    return ids.flatMap((peer) => {
      const state = this.#peers.get(peer);
      if (state === undefined) return [];
      const { lastTxAny, lastRxAny, rxBestAt, unansweredSince } = state;
      return [{ peer, lastTxAny, lastRxAny, rxBestAt, unansweredSince }];
    });
  }

  setPath(peer: PeerId, path: PeerPath): void {
    const state = this.#peers.get(peer);
    if (state === undefined) return;
    state.path = path;
    if (path.mode === 'none') return;
    const oldestMs = this.#clock.monotonic() - HOLD_MS;
    for (const { data, sinceMs } of state.staged.splice(0))
      if (sinceMs > oldestMs) this.#transmit(peer, state, data);
  }

  send(peer: PeerId, kind: ModelPacket['kind']): void {
    const state = this.#peers.get(peer);
    const sequence = this.#sequence++;
    if (state === undefined) return;
    const data = encode(state.token, { kind, sequence, sentMs: this.#clock.monotonic() });
    if (state.path.mode === 'none') {
      state.staged.push({ data, sinceMs: this.#clock.monotonic() });
      if (state.staged.length > MAX_STAGED) state.staged.shift();
      this.#needPath(peer, state);
      return;
    }
    this.#transmit(peer, state, data);
  }

  #open(id: SocketId, family: 4 | 6, port: number): void {
    const key = `${id} ${family}`;
    if (this.#sockets.has(key)) return;
    const receive = (from: SockAddr, data: Uint8Array): void => this.#fromWire(from, data, id);
    this.#sockets.set(key, this.#host.bind(family, receive, port));
  }

  #fromWire(from: SockAddr, data: Uint8Array, via: SocketId): void {
    if (isStun(data)) this.#events.stun(data);
    else if (looksLikeDisco(data)) this.#events.disco(from, data, via);
    else if (isModelPacket(data)) {
      const peer = this.#byToken.get(tokenOf(data));
      if (peer === undefined) this.forged += 1;
      else this.#receive(peer, data, from, via);
    }
  }

  /** `from` is undefined for what a relay brought. */
  #receive(peer: PeerId, data: Uint8Array, from: SockAddr | undefined, via: SocketId): void {
    const state = this.#peers.get(peer);
    const packet = state === undefined ? undefined : decode(state.token, data);
    if (state === undefined || packet === undefined) {
      this.forged += 1;
      return;
    }
    if (state.seen.has(packet.sequence)) return;
    state.seen.add(packet.sequence);
    if (state.seen.size > MAX_SEEN) for (const oldest of state.seen) if (state.seen.delete(oldest)) break;
    this.#touch(peer, state);
    state.lastRxAny = this.#clock.monotonic();
    state.unansweredSince = 0;
    if (from !== undefined) this.#noteSource(peer, state, from, via);
    if (packet.kind === 'keepalive') return;
    this.#owe(peer, state);
    this.#events.deliver(peer, packet, from !== undefined);
  }

  #owe(peer: PeerId, state: PeerState): void {
    if (state.owedSince !== 0) return;
    const sinceMs = this.#clock.monotonic();
    state.owedSince = sinceMs;
    this.#clock.after(KEEPALIVE_MS, () => {
      if (state.owedSince === sinceMs && state.path.mode !== 'none') this.send(peer, 'keepalive');
    });
  }

  #noteSource(peer: PeerId, state: PeerState, from: SockAddr, via: SocketId): void {
    const { direct, via: pathVia = 0 } = state.path;
    if (direct?.ip === from.ip && direct.port === from.port && pathVia === via) {
      state.rxBestAt = this.#clock.monotonic();
      return;
    }
    const text = `${from.ip} ${from.port} ${via}`;
    if (state.newAddress === text && this.#clock.monotonic() - state.newAddressMs < EDGE_MS) return;
    state.newAddress = text;
    state.newAddressMs = this.#clock.monotonic();
    this.#events.newAddress(peer, from, via);
  }

  #transmit(peer: PeerId, state: PeerState, data: Uint8Array): void {
    this.#touch(peer, state);
    state.lastTxAny = this.#clock.monotonic();
    state.owedSince = 0;
    if (kindOf(data) !== 'keepalive' && state.unansweredSince === 0)
      state.unansweredSince = this.#clock.monotonic();
    const { mode, direct, via = 0, relayRegion, validUntilMs } = state.path;
    const isDoubted = validUntilMs !== undefined && this.#clock.monotonic() > validUntilMs;
    if (mode !== 'relay' && direct !== undefined) {
      this.#events.sending(direct, data);
      const code = this.sendRaw(direct, data, via);
      // Not in the middle of whoever set the path.
      if (code !== undefined) this.#clock.after(0, () => this.#events.pathError(peer, code));
    }
    const isRelayed = mode === 'relay' || mode === 'direct+relay' || (mode === 'direct' && isDoubted);
    if (isRelayed && relayRegion !== undefined) this.#events.sendRelay(relayRegion, peer, data);
  }

  #touch(peer: PeerId, state: PeerState): void {
    const last = Math.max(state.lastTxAny, state.lastRxAny);
    if (last === 0 || this.#clock.monotonic() - last >= IDLE_MS)
      this.#clock.after(0, () => this.#events.peerActive(peer));
  }

  #needPath(peer: PeerId, state: PeerState): void {
    if (this.#clock.monotonic() - state.neededPathMs < EDGE_MS) return;
    state.neededPathMs = this.#clock.monotonic();
    this.#clock.after(0, () => this.#events.needPath(peer));
  }
}

const isModelPacket = (data: Uint8Array): boolean =>
  data.length === PACKET_BYTES && data[0] === WIREGUARD_DATA;

function encode(token: number, { kind, sequence, sentMs }: ModelPacket): Uint8Array {
  const data = new Uint8Array(PACKET_BYTES);
  const view = new DataView(data.buffer);
  data[0] = WIREGUARD_DATA;
  data[KIND_AT] = codeOf(kind);
  view.setUint32(4, token);
  view.setUint32(8, sequence);
  view.setFloat64(12, sentMs);
  return data;
}

function decode(token: number, data: Uint8Array): ModelPacket | undefined {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  if (!isModelPacket(data) || view.getUint32(4) !== token) return undefined;
  return { kind: kindOf(data), sequence: view.getUint32(8), sentMs: view.getFloat64(12) };
}

/** The token of a packet: which pair it says it belongs to. */
const tokenOf = (data: Uint8Array): number =>
  new DataView(data.buffer, data.byteOffset, data.byteLength).getUint32(4);

const kindOf = (data: Uint8Array): ModelPacket['kind'] => kindAt(data[KIND_AT] as number);
