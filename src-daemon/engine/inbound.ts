/** From the wire to the host: classify, find the key, open, check, deliver (data-plane.md §1.7). Hot path. */
import { copyOf } from '#shared/bytes/bytes.ts';
import type { SockAddr } from '#shared/ip/address.ts';
import { DATA_OVERHEAD, RENEW_ON_RECEIVE_MS } from '../wireguard/constants.ts';
import { COOKIE_REPLY_BYTES, INITIATION_BYTES, RESPONSE_BYTES, readU32 } from '../wireguard/messages.ts';
import { ReplayWindow } from '../wireguard/replay.ts';
import { take } from './bucket.ts';
import { classify, Kind } from './classify.ts';
import type { HandshakeGuard } from './guard.ts';
import {
  addressSize,
  destinationAt,
  echoIdent,
  ipLength,
  ipVersion,
  isFragmentV4,
  PROTOCOL_TSMP,
  protocolOf,
  sourceAt,
} from './inner.ts';
import type { TransportKeypair } from './keypair.ts';
import type { Outbound, SendDatagram } from './outbound.ts';
import { MOVE_BURST, MOVES_PER_MS, type PeerState } from './peer.ts';
import { type EngineState, LocalUse } from './state.ts';
import type { SocketId } from './types.ts';

/** Writes the first `length` bytes to the host, or counts them as dropped. */
export type Deliver = (packet: Uint8Array, length: number) => void;

const NEW_ADDRESS_MS = 1_000;
const RELAY_COOKIE_MS = 1_000;

/** Records name only extra sockets. */
const extra = (via: SocketId): SocketId | undefined => (via === 0 ? undefined : via);

/** A datagram that came by itself: from where, and on which socket. */
interface Wired {
  readonly from: SockAddr;
  readonly via: SocketId;
}

/** The relay that delivered a datagram, and for whom it said it came. */
export interface Relayed {
  readonly peer: PeerState;
  readonly region: number;
}

export class Inbound {
  readonly #state: EngineState;
  readonly #outbound: Outbound;
  readonly #guard: HandshakeGuard;
  readonly #send: SendDatagram;
  readonly #deliver: Deliver;

  constructor(parts: {
    readonly state: EngineState;
    readonly outbound: Outbound;
    readonly guard: HandshakeGuard;
    readonly send: SendDatagram;
    readonly deliver: Deliver;
  }) {
    this.#state = parts.state;
    this.#outbound = parts.outbound;
    this.#guard = parts.guard;
    this.#send = parts.send;
    this.#deliver = parts.deliver;
  }

  /** A datagram on our port, or on an extra socket. */
  fromWire(from: SockAddr, datagram: Uint8Array, via: SocketId): void {
    // Anybody can write that into a datagram, and an answer could not be sent: Node's sockets throw (RFC 768: "no port").
    const kind = from.port === 0 ? Kind.Junk : classify(datagram);
    switch (kind) {
      case Kind.Data:
        this.#data(datagram, from, via);
        break;
      case Kind.Initiation:
      case Kind.Response:
      case Kind.CookieReply:
        this.#handshake(kind, datagram, { from, via });
        break;
      case Kind.Disco:
        this.#state.records.push({ type: 'disco', from, via: extra(via), data: copyOf(datagram) });
        break;
      case Kind.Stun:
        this.#state.records.push({ type: 'stun', from, via: extra(via), data: copyOf(datagram) });
        break;
      case Kind.Geneve:
        this.#state.counters['drop.geneve']++;
        break;
      case Kind.Junk:
        this.#state.counters['drop.junk']++;
        break;
      default:
        kind satisfies never;
    }
  }

  /** A WireGuard datagram that a relay delivered. */
  fromRelay(relayed: Relayed, datagram: Uint8Array): boolean {
    this.#state.counters['rx.relay']++;
    const kind = classify(datagram);
    switch (kind) {
      case Kind.Data:
        this.#data(datagram, undefined, 0);
        return true;
      case Kind.Initiation:
      case Kind.Response:
      case Kind.CookieReply:
        this.#handshake(kind, datagram, relayed);
        return true;
      default:
        this.#state.counters['drop.junk']++;
        return false;
    }
  }

  #handshake(
    kind: typeof Kind.Initiation | typeof Kind.Response | typeof Kind.CookieReply,
    message: Uint8Array,
    origin: Wired | Relayed,
  ): void {
    const { counters, indices, records, now } = this.#state;
    counters['handshake.received']++;
    if (message.length !== HANDSHAKE_BYTES[kind]) {
      counters['drop.length']++;
      return;
    }
    let peer: PeerState | undefined;
    if (kind !== Kind.Initiation) {
      const index = readU32(message, kind === Kind.Response ? 8 : 4);
      // A response concerns a pending handshake only; a cookie reply may also answer a response of ours.
      peer = kind === Kind.Response ? indices.pendingPeer(index) : indices.peerOf(index);
      if (peer === undefined) {
        counters['drop.unknown-index']++;
        return;
      }
    }
    if (kind !== Kind.CookieReply) {
      const verdict = this.#guard.check(message, 'from' in origin ? origin.from : origin.peer, now);
      if (verdict.kind === 'drop') {
        counters[verdict.why]++;
        return;
      }
      if (verdict.kind === 'cookie') {
        counters['drop.mac2']++;
        this.#answerWithCookie(verdict.reply, origin);
        return;
      }
    }
    const [from, via] = 'from' in origin ? [origin.from, extra(origin.via)] : [];
    records.push({ type: 'handshake', from, via, peer: peer?.id, data: copyOf(message) });
  }

  #answerWithCookie(reply: Uint8Array, origin: Wired | Relayed): void {
    if ('from' in origin) {
      this.#send(origin.from, reply, origin.via);
    } else {
      if (this.#state.now - origin.peer.relayCookieAt < RELAY_COOKIE_MS) return;
      origin.peer.relayCookieAt = this.#state.now;
      this.#outbound.relay(origin.peer, origin.region, reply);
    }
    this.#state.counters['handshake.cookies-sent']++;
  }

  #data(datagram: Uint8Array, from: SockAddr | undefined, via: SocketId): void {
    const { counters, now } = this.#state;
    if (datagram.length < DATA_OVERHEAD) {
      counters['drop.length']++;
      return;
    }
    const keypair = this.#state.indices.keypair(readU32(datagram, 4));
    if (keypair === undefined) {
      counters['drop.unknown-index']++;
      return;
    }
    if (!keypair.isAlive(now)) {
      counters['drop.expired-key']++;
      return;
    }
    const low = readU32(datagram, 8);
    const high = readU32(datagram, 12);
    keypair.replay ??= new ReplayWindow();
    if (!keypair.replay.mayAccept(high, low)) {
      counters['drop.replay']++;
      return;
    }
    const plaintext = keypair.opener.open(datagram, high, low);
    if (plaintext === undefined) {
      counters['drop.not-authentic']++;
      return;
    }
    if (!keypair.replay.accept(high, low)) {
      counters['drop.replay']++;
      return;
    }
    this.#authentic(keypair, plaintext, from, via);
  }

  /** From here on the peer really sent it. */
  #authentic(
    keypair: TransportKeypair,
    plaintext: Uint8Array,
    from: SockAddr | undefined,
    via: SocketId,
  ): void {
    const state = this.#state;
    const peer = keypair.peer;
    const isConfirmation = peer.slots.next === keypair;
    if (isConfirmation) {
      state.freeKeypairs(peer.slots.promote());
      peer.lastHandshakeMs = state.now;
      state.records.push({ type: 'key-confirmed', peer: peer.id, localIndex: keypair.localIndex });
    }
    state.touchReceived(peer);
    const bytes = plaintext.length + DATA_OVERHEAD;
    peer.rxPackets++;
    peer.rxBytes += bytes;
    state.counters['rx.packets']++;
    state.counters['rx.bytes'] += bytes;
    if (from !== undefined) this.noteSource(peer, from, via);
    // Only now: what is flushed should already use the address just learned.
    if (isConfirmation) this.#outbound.flush(peer, false);
    if (
      keypair.isInitiator &&
      keypair === peer.slots.current &&
      state.now - keypair.createdMs > RENEW_ON_RECEIVE_MS
    )
      state.needHandshake(peer, 'age-165');
    if (plaintext.length === 0) {
      state.counters['rx.keepalives']++;
      return;
    }
    if (peer.keepaliveOwedSince === 0) peer.keepaliveOwedSince = state.now;
    this.#inner(peer, plaintext);
  }

  /** Version, length, cryptokey routing, then to whom it belongs. */
  #inner(peer: PeerState, packet: Uint8Array): void {
    const state = this.#state;
    const version = ipVersion(packet, packet.length);
    const length = version === 0 ? 0 : ipLength(packet, packet.length, version);
    if (version === 0 || length === 0) {
      state.counters['drop.bad-inner']++;
      return;
    }
    const size = addressSize(version);
    // The most specific route of all must be this peer's; "one of its routes" would let it take a neighbour's address.
    const isPeers = state.routes.lookupAt(packet, sourceAt(version), size) === peer.id;
    // An exit node's routes hold every address, ours too.
    const isOthers = isThisHosts(state.locals.lookupAt(packet, sourceAt(version), size));
    if (!isPeers || isOthers || state.isBeside(packet, sourceAt(version), size)) {
      state.counters['drop.wrong-source']++;
      return;
    }
    state.tap?.('from-peer', packet.subarray(0, length));
    if (protocolOf(packet, version) === PROTOCOL_TSMP) {
      // They are short: a piece of one is nobody's (data-plane.md §4.8).
      if (version === 4 && isFragmentV4(packet)) {
        state.counters['drop.bad-inner']++;
        return;
      }
      state.records.push({ type: 'tsmp', peer: peer.id, data: copyOf(packet, 0, length) });
      return;
    }
    const use = state.locals.lookupAt(packet, destinationAt(version), size);
    // Service addresses are for this host alone.
    if (use === LocalUse.Service || (state.hasOwn && use !== LocalUse.Own && use !== LocalUse.Forwarded)) {
      state.counters['drop.not-local']++;
      return;
    }
    const ident = echoIdent(packet, length, version, 'reply');
    if (ident >= 0 && this.#outbound.expectsEcho(ident)) {
      state.records.push({ type: 'icmp-echo-reply', peer: peer.id, data: copyOf(packet, 0, length) });
      return;
    }
    if (!state.passesIn(peer, packet, length, version)) return;
    this.#deliver(packet, length);
  }

  /** The engine does not roam by itself, except for peers without disco (data-plane.md §1.10). */
  noteSource(peer: PeerState, from: SockAddr, via: SocketId): void {
    const { direct, via: pathVia = 0 } = peer.path;
    const now = this.#state.now;
    if (direct !== undefined && direct.port === from.port && direct.ip === from.ip && pathVia === via) {
      peer.rxBestAt = now;
      return;
    }
    const told = peer.newAddress;
    const isTold =
      told !== undefined &&
      told.port === from.port &&
      told.ip === from.ip &&
      peer.newAddressVia === via &&
      now - peer.newAddressAt < NEW_ADDRESS_MS;
    // From ever other addresses: few are told, and nobody is followed to one that was not.
    if (!isTold && !take(peer.moves, MOVES_PER_MS, MOVE_BURST, now)) return;
    if (peer.wireguardOnly) peer.path = { mode: 'direct', direct: from, via: extra(via) };
    if (isTold) return;
    peer.newAddress = from;
    peer.newAddressVia = via;
    peer.newAddressAt = now;
    this.#state.records.push({ type: 'new-address', peer: peer.id, from, via: extra(via) });
  }
}

const isThisHosts = (use: number): boolean => use === LocalUse.Own || use === LocalUse.Service;

const HANDSHAKE_BYTES = {
  [Kind.Initiation]: INITIATION_BYTES,
  [Kind.Response]: RESPONSE_BYTES,
  [Kind.CookieReply]: COOKIE_REPLY_BYTES,
} as const;
