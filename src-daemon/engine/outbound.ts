/** From the host to the wire: route, keypair, seal, path (data-plane.md §1.5, §1.9, §4.9). Hot path. */
import { copyOf } from '#shared/bytes/bytes.ts';
import type { SockAddr } from '#shared/ip/address.ts';
import { formatIp } from '#shared/ip/address.ts';
import { TUN_TAILROOM } from '../tun/tun.ts';
import { DATA_OVERHEAD, PADDING, REKEY_AFTER_MS } from '../wireguard/constants.ts';
import {
  addressSize,
  destinationAt,
  echoIdent,
  ipLength,
  ipVersion,
  PROTOCOL_TSMP,
  protocolOf,
} from './inner.ts';
import type { TransportKeypair } from './keypair.ts';
import type { PeerState } from './peer.ts';
import { type EngineState, LocalUse } from './state.ts';
import type { PathMode, SocketId } from './types.ts';

export const MAX_PACKET = 65_535;
/** What waits only for a path waits this long (data-plane.md §4.9). */
const HOLD_MS = 5_000;
/** Echo requests of our own whose replies are ours, and for how long. */
const ECHO_MS = 10_000;
const MAX_ECHOES = 256;

/** Sends one datagram, from an extra socket where `via` names one. */
export type SendDatagram = (to: SockAddr, datagram: Uint8Array, via: SocketId | undefined) => void;

/** The sender of a message, and the socket on which it came. */
export interface Answered {
  readonly to: SockAddr;
  readonly via: SocketId | undefined;
}

export class Outbound {
  readonly #state: EngineState;
  readonly #send: SendDatagram;
  /** Asks for `expireHeld` after a while. */
  readonly #holdUntil: (ms: number) => void;
  /** For packets that come in arrays of their exact size: padding needs room behind them. */
  readonly #scratch = new Uint8Array(MAX_PACKET + TUN_TAILROOM);
  readonly #echoes = new Map<number, number>();

  constructor(state: EngineState, send: SendDatagram, holdUntil: (ms: number) => void) {
    this.#state = state;
    this.#send = send;
    this.#holdUntil = holdUntil;
  }

  /** A packet in the first `length` bytes of a buffer with TUN_TAILROOM more. */
  fromHost(buffer: Uint8Array, length: number): void {
    const state = this.#state;
    const version = ipVersion(buffer, length);
    const size = version === 0 ? 0 : ipLength(buffer, length, version);
    if (version === 0 || size === 0) {
      state.counters['drop.bad-inner']++;
      return;
    }
    state.tap?.('from-host', buffer.subarray(0, size));
    const at = destinationAt(version);
    const use = state.locals.lookupAt(buffer, at, addressSize(version));
    if (use === LocalUse.Service) {
      state.records.push({ type: 'local', data: copyOf(buffer, 0, size) });
      return;
    }
    if (use === LocalUse.Own) {
      state.counters['drop.to-self']++;
      return;
    }
    if (protocolOf(buffer, version) === PROTOCOL_TSMP) {
      state.counters['drop.tsmp-from-host']++;
      return;
    }
    const peer = state.peers.get(state.routes.lookupAt(buffer, at, addressSize(version)));
    if (peer === undefined) {
      state.counters['drop.no-route']++;
      const end = at + addressSize(version);
      if (state.isNewUnknown(buffer, end))
        state.records.push({ type: 'unknown-destination', ip: formatIp(copyOf(buffer, at, end)) });
      return;
    }
    if (!state.passesOut(buffer, size, version)) return;
    this.#toPeer(peer, buffer, size);
  }

  /** An inner packet made by us: routed like one from the host. False for one too long. */
  inject(packet: Uint8Array): boolean {
    if (packet.length > MAX_PACKET) return false;
    this.#scratch.set(packet);
    this.#noteEcho(packet);
    this.fromHost(this.#scratch, packet.length);
    return true;
  }

  /** An inner packet of ours to a given peer, routes aside. */
  injectTo(peer: PeerState, packet: Uint8Array): boolean {
    if (packet.length > MAX_PACKET || packet.length === 0) return false;
    this.#noteEcho(packet);
    this.#state.tap?.('to-peer', packet);
    this.#scratch.set(packet);
    this.#toPeer(peer, this.#scratch, packet.length);
    return true;
  }

  /** Whether an echo reply with this identifier answers a request of ours. */
  expectsEcho(ident: number): boolean {
    const until = this.#echoes.get(ident);
    return until !== undefined && this.#state.now <= until;
  }

  keepalive(peer: PeerState): void {
    const keypair = peer.slots.current;
    if (keypair === undefined || !keypair.maySend(this.#state.now)) {
      // What is staged already does the keepalive's work once there is a key (data-plane.md §1.9).
      this.#state.needHandshake(peer, 'keepalive-without-key');
      return;
    }
    if (this.#mode(peer) === 'none') {
      this.#state.needPath(peer);
      return;
    }
    this.#state.counters['tx.keepalives']++;
    this.#seal(peer, keypair, this.#scratch, 0);
  }

  /** After a key or a path came: the first packet, what was staged, or a keepalive when a new key must be confirmed. */
  flush(peer: PeerState, confirm: boolean): void {
    const state = this.#state;
    const keypair = peer.slots.current;
    if (keypair === undefined || !keypair.maySend(state.now) || this.#mode(peer) === 'none') return;
    let sent = false;
    if (keypair.firstPacket !== undefined) {
      this.#scratch.set(keypair.firstPacket);
      const length = keypair.firstPacket.length;
      keypair.firstPacket = undefined;
      this.#seal(peer, keypair, this.#scratch, length);
      sent = true;
    }
    for (
      let packet = state.staging.shift(peer.staged);
      packet !== undefined;
      packet = state.staging.shift(peer.staged)
    ) {
      this.#scratch.set(packet);
      this.#seal(peer, keypair, this.#scratch, packet.length);
      sent = true;
    }
    if (!sent && confirm) this.keepalive(peer);
  }

  /**
   * A handshake message of ours, along the peer's path; also straight to the address whose message it answers, because
   * that way was just seen to work in one direction. It counts as an authentic packet sent (data-plane.md §1.9).
   */
  handshake(peer: PeerState, message: Uint8Array, answering: Answered | undefined): void {
    this.#state.touchSent(peer);
    const direct = peer.path.direct;
    const mode = this.#mode(peer);
    const usesDirect = mode === 'direct' || mode === 'direct+relay';
    const isSame =
      usesDirect &&
      direct !== undefined &&
      direct.ip === answering?.to.ip &&
      direct.port === answering.to.port &&
      (peer.path.via ?? 0) === (answering.via ?? 0);
    if (answering !== undefined && !isSame) this.#send(answering.to, copyOf(message), answering.via);
    if (mode !== 'none') {
      this.#transmit(peer, mode, copyOf(message));
    } else if (answering === undefined) {
      peer.heldDatagram = copyOf(message);
      peer.heldSince = this.#state.now;
      this.#state.needPath(peer);
    }
  }

  pathChanged(peer: PeerState): void {
    if (this.#mode(peer) === 'none') return;
    const held = peer.heldDatagram;
    if (held !== undefined) {
      peer.heldDatagram = undefined;
      if (this.#state.now - peer.heldSince < HOLD_MS) this.#transmit(peer, this.#mode(peer), held);
    }
    this.flush(peer, false);
  }

  /** Drops what has waited for a path for too long. */
  expireHeld(): void {
    const since = this.#state.now - HOLD_MS;
    for (const peer of this.#state.peers.values()) {
      if (peer.staged.packets.size > 0 && this.#mode(peer) === 'none')
        this.#state.counters['drop.no-path'] += this.#state.staging.expire(peer.staged, since);
    }
  }

  /** A relayed cookie reply or any other datagram that only a relay can carry. */
  relay(peer: PeerState, region: number, data: Uint8Array): void {
    this.#state.counters['tx.relay']++;
    this.#state.records.push({ type: 'relay-out', peer: peer.id, region, data });
  }

  #toPeer(peer: PeerState, buffer: Uint8Array, length: number): void {
    const state = this.#state;
    const keypair = peer.slots.current;
    const hasKey = keypair?.maySend(state.now) === true;
    const hasPath = this.#mode(peer) !== 'none';
    if (keypair === undefined || !hasKey || !hasPath) {
      state.counters['drop.staged'] += state.staging.push(peer.staged, buffer.subarray(0, length), state.now);
      if (!hasKey) state.needHandshake(peer, 'no-key');
      if (!hasPath) {
        state.needPath(peer);
        this.#holdUntil(HOLD_MS);
      }
      return;
    }
    this.#seal(peer, keypair, buffer, length);
  }

  /** Pads in place, seals, sends and keeps the words. Length 0 is a keepalive. */
  #seal(peer: PeerState, keypair: TransportKeypair, buffer: Uint8Array, length: number): void {
    const state = this.#state;
    // Padded, but not beyond the MTU; an injected packet above the MTU goes as it is.
    const padded = Math.max(length, Math.min((length + PADDING - 1) & -PADDING, state.mtu));
    for (let i = length; i < padded; i++) buffer[i] = 0;
    const datagram = keypair.sealer.seal(
      buffer.subarray(0, padded),
      keypair.remoteIndex,
      keypair.sendHigh,
      keypair.sendLow,
    );
    keypair.countSent();
    state.touchSent(peer);
    if (length > 0 && peer.unansweredSince === 0) peer.unansweredSince = state.now;
    peer.txPackets++;
    peer.txBytes += length + DATA_OVERHEAD;
    state.counters['tx.packets']++;
    state.counters['tx.bytes'] += length + DATA_OVERHEAD;
    this.#transmit(peer, this.#mode(peer), datagram);
    if (keypair.isWornOut) state.needHandshake(peer, 'counter');
    else if (keypair.isInitiator && state.now - keypair.createdMs > REKEY_AFTER_MS)
      state.needHandshake(peer, 'age-120');
  }

  #transmit(peer: PeerState, mode: PathMode, datagram: Uint8Array): void {
    const { direct, relayRegion, via } = peer.path;
    if ((mode === 'direct' || mode === 'direct+relay') && direct !== undefined)
      this.#send(direct, datagram, via);
    if ((mode === 'relay' || mode === 'direct+relay') && relayRegion !== undefined)
      this.relay(peer, relayRegion, datagram);
  }

  /** A direct path whose trust ran out is doubled by the relay, where there is one. */
  #mode(peer: PeerState): PathMode {
    const { mode, validUntilMs, relayRegion } = peer.path;
    if (mode === 'direct' && validUntilMs !== undefined && this.#state.now > validUntilMs)
      return relayRegion === undefined ? 'direct' : 'direct+relay';
    return mode;
  }

  #noteEcho(packet: Uint8Array): void {
    const version = ipVersion(packet, packet.length);
    const ident = version === 0 ? -1 : echoIdent(packet, packet.length, version, 'request');
    if (ident < 0) return;
    if (this.#echoes.size >= MAX_ECHOES) {
      for (const [old, until] of this.#echoes) if (until < this.#state.now) this.#echoes.delete(old);
      if (this.#echoes.size >= MAX_ECHOES) this.#echoes.clear();
    }
    this.#echoes.set(ident, this.#state.now + ECHO_MS);
  }
}
