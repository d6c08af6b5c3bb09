/**
 * A packet engine without cryptography for simulations: sends as `PeerPath` says, keeps packets that wait for a path,
 * tells what the real engine tells (data-plane.md §4), and believes only packets that carry the pair's token.
 */
import type { Clock } from '#shared/async/clock.ts';
import type { SockAddr } from '#shared/ip/address.ts';
import type { PeerId, PeerPath, SocketId } from '../../engine/types.ts';

export interface ModelPacket {
  readonly sequence: number;
  readonly kind: 'data' | 'echo' | 'answer' | 'keepalive';
  /** Of the first transmission; copies carry the same. */
  readonly sentMs: number;
}

export interface EngineEvents {
  needPath(peer: PeerId): void;
  peerActive(peer: PeerId): void;
  newAddress(peer: PeerId, from: SockAddr, via: SocketId): void;
  pathError(peer: PeerId, code: string): void;
  /** For the host, once however many copies came. */
  deliver(peer: PeerId, packet: ModelPacket, isDirect: boolean): void;
  sendUdp(to: SockAddr, data: Uint8Array, via: SocketId): string | undefined;
  sendRelay(region: number, peer: PeerId, data: Uint8Array): void;
}

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
const KINDS = ['data', 'echo', 'answer', 'keepalive'] as const;
const WIREGUARD_DATA = 4;

export class ModelEngine {
  readonly #clock: Clock;
  readonly #events: EngineEvents;
  readonly #peers = new Map<PeerId, PeerState>();
  #sequence = 1;
  /** Packets that came with a wrong token. */
  forged = 0;

  constructor(clock: Clock, events: EngineEvents) {
    this.#clock = clock;
    this.#events = events;
  }

  nowMs(): number {
    return this.#clock.monotonic();
  }

  add(peer: PeerId, token: number): void {
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

  activity(ids: readonly PeerId[]) {
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
    const oldestMs = this.nowMs() - HOLD_MS;
    for (const { data, sinceMs } of state.staged.splice(0))
      if (sinceMs > oldestMs) this.#transmit(peer, state, data);
  }

  /** Gives the packet's number. */
  send(peer: PeerId, kind: ModelPacket['kind']): number {
    const state = this.#peers.get(peer);
    const sequence = this.#sequence++;
    if (state === undefined) return sequence;
    const data = encode(state.token, { kind, sequence, sentMs: this.nowMs() });
    if (state.path.mode === 'none') {
      state.staged.push({ data, sinceMs: this.nowMs() });
      if (state.staged.length > MAX_STAGED) state.staged.shift();
      this.#needPath(peer, state);
      return sequence;
    }
    this.#transmit(peer, state, data);
    return sequence;
  }

  /** `from` is undefined for what a relay brought. */
  receive(peer: PeerId, data: Uint8Array, from: SockAddr | undefined, via: SocketId): void {
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
    state.lastRxAny = this.nowMs();
    state.unansweredSince = 0;
    if (from !== undefined) this.#noteSource(peer, state, from, via);
    if (packet.kind === 'keepalive') return;
    this.#owe(peer, state);
    this.#events.deliver(peer, packet, from !== undefined);
  }

  #owe(peer: PeerId, state: PeerState): void {
    if (state.owedSince !== 0) return;
    const sinceMs = this.nowMs();
    state.owedSince = sinceMs;
    this.#clock.after(KEEPALIVE_MS, () => {
      if (state.owedSince === sinceMs && state.path.mode !== 'none') this.send(peer, 'keepalive');
    });
  }

  #noteSource(peer: PeerId, state: PeerState, from: SockAddr, via: SocketId): void {
    const { direct, via: pathVia = 0 } = state.path;
    if (direct?.ip === from.ip && direct.port === from.port && pathVia === via) {
      state.rxBestAt = this.nowMs();
      return;
    }
    const text = `${from.ip} ${from.port} ${via}`;
    if (state.newAddress === text && this.nowMs() - state.newAddressMs < EDGE_MS) return;
    state.newAddress = text;
    state.newAddressMs = this.nowMs();
    this.#events.newAddress(peer, from, via);
  }

  #transmit(peer: PeerId, state: PeerState, data: Uint8Array): void {
    this.#touch(peer, state);
    state.lastTxAny = this.nowMs();
    state.owedSince = 0;
    if (kindOf(data) !== 'keepalive' && state.unansweredSince === 0) state.unansweredSince = this.nowMs();
    const { mode, direct, via = 0, relayRegion, validUntilMs } = state.path;
    const isDoubted = validUntilMs !== undefined && this.nowMs() > validUntilMs;
    if (mode !== 'relay' && direct !== undefined) {
      const code = this.#events.sendUdp(direct, data, via);
      // Not in the middle of whoever set the path.
      if (code !== undefined) this.#clock.after(0, () => this.#events.pathError(peer, code));
    }
    const isRelayed = mode === 'relay' || mode === 'direct+relay' || (mode === 'direct' && isDoubted);
    if (isRelayed && relayRegion !== undefined) this.#events.sendRelay(relayRegion, peer, data);
  }

  #touch(peer: PeerId, state: PeerState): void {
    const last = Math.max(state.lastTxAny, state.lastRxAny);
    if (last === 0 || this.nowMs() - last >= IDLE_MS)
      this.#clock.after(0, () => this.#events.peerActive(peer));
  }

  #needPath(peer: PeerId, state: PeerState): void {
    if (this.nowMs() - state.neededPathMs < EDGE_MS) return;
    state.neededPathMs = this.nowMs();
    this.#clock.after(0, () => this.#events.needPath(peer));
  }
}

export const isModelPacket = (data: Uint8Array): boolean =>
  data.length === PACKET_BYTES && data[0] === WIREGUARD_DATA;

function encode(token: number, { kind, sequence, sentMs }: ModelPacket): Uint8Array {
  const data = new Uint8Array(PACKET_BYTES);
  const view = new DataView(data.buffer);
  data[0] = WIREGUARD_DATA;
  data[1] = KINDS.indexOf(kind);
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
export const tokenOf = (data: Uint8Array): number =>
  new DataView(data.buffer, data.byteOffset, data.byteLength).getUint32(4);

const kindOf = (data: Uint8Array): ModelPacket['kind'] => KINDS[data[1] as number] ?? 'data';
