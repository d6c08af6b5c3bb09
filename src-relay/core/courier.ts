/** The way of a packet through the relay: from one connection's bytes to another's, the header rewritten where it lies. */
import { Buffer } from 'node:buffer';
import { FrameType, HEADER_BYTES, KEY_BYTES } from '#shared/derp/frames.ts';
import { encodePeerGone, PeerGoneReason } from '#shared/derp/messages.ts';
import { DISCO_HEADER_LENGTH, DISCO_MAGIC } from '#shared/disco/envelope.ts';
import { TokenBucket } from './bucket.ts';
import { type Counters, DropReason } from './counters.ts';
import { nameAt } from './key-name.ts';
import { GONE_BURST, GONE_PER_S } from './limits.ts';
import type { Connection, Forwarder, Peer, Peers } from './peers.ts';

/** Where packets end: a connection here. */
export interface Recipient extends Connection {
  /** RecvPacket frames from `source`, one behind the other in the buffer, which the recipient may keep. */
  deliver(source: string, buffer: Buffer, from: number, to: number, frames: number): void;
}

/** Where packets go on: another relay of the region. */
export interface MeshForwarder extends Forwarder {
  /** A ForwardPacket frame; never blocks, may drop. */
  forward(frame: Buffer): void;
}

export type RelayPeers = Peers<Recipient, MeshForwarder>;
export type RelayPeer = Peer<Recipient, MeshForwarder>;

export interface CourierDeps {
  readonly counters: Counters;
  readonly peers: RelayPeers;
  readonly nowMs: () => number;
}

const KEY_AT = HEADER_BYTES;
const PACKET_AT = HEADER_BYTES + KEY_BYTES;

/**
 * One for each connection that sends. A SendPacket frame (destination, packet) and the RecvPacket frame that it becomes
 * (source, packet) have the same length, so packets for one destination that follow each other go out as one piece of the
 * very chunk that they came in. No closures, no allocation per packet here (style.md §11); bench/relay.ts measures it.
 */
export class Courier {
  readonly #deps: CourierDeps;
  readonly #name: string;
  readonly #raw: Uint8Array;
  /** Tells the sender something about a destination. */
  readonly #answer: (frame: Uint8Array) => void;
  #last: RelayPeer | undefined;
  #gone: TokenBucket | undefined;
  // The run: frames that lie one behind the other and go to one recipient.
  #to: Recipient | undefined;
  #buffer: Buffer | undefined;
  #from = 0;
  #end = 0;
  #frames = 0;

  constructor(deps: CourierDeps, name: string, raw: Uint8Array, answer: (frame: Uint8Array) => void) {
    this.#deps = deps;
    this.#name = name;
    this.#raw = raw;
    this.#answer = answer;
  }

  /** A SendPacket frame with its header at `at`; its size has been checked. */
  send(buffer: Buffer, at: number, length: number): void {
    const { counters } = this.#deps;
    const isDisco = looksDisco(buffer, at + PACKET_AT, length - KEY_BYTES);
    counters.packetsReceived++;
    counters.bytesReceived += length - KEY_BYTES;
    if (isDisco) counters.packetsReceivedDisco++;
    const peer = this.#find(buffer, at + KEY_AT);
    const recipient = peer?.active;
    if (recipient === undefined) {
      this.#sendElsewhere(peer, buffer, at, length, isDisco);
      return;
    }
    buffer[at] = FrameType.RecvPacket;
    writeKey(buffer, at + KEY_AT, this.#raw);
    const end = at + HEADER_BYTES + length;
    if (recipient === this.#to && at === this.#end && buffer === this.#buffer) {
      this.#end = end;
      this.#frames++;
      return;
    }
    this.endRun();
    this.#to = recipient;
    this.#buffer = buffer;
    this.#from = at;
    this.#end = end;
    this.#frames = 1;
  }

  /** Hands the run over; to be called before the buffer goes away and before anything that must not overtake packets. */
  endRun(): void {
    const to = this.#to;
    const buffer = this.#buffer;
    if (to === undefined || buffer === undefined) return;
    this.#to = undefined;
    this.#buffer = undefined;
    to.deliver(this.#name, buffer, this.#from, this.#end, this.#frames);
  }

  /** A ForwardPacket frame from another relay: delivered here or dropped, never forwarded again. */
  deliverForwarded(buffer: Buffer, at: number, length: number): void {
    const { counters, peers } = this.#deps;
    counters.packetsForwardedIn++;
    const name = nameAt(buffer, at + KEY_AT);
    const to = nameAt(buffer, at + PACKET_AT);
    const recipient = peers.get(to)?.active;
    if (recipient === undefined) {
      const packetAt = at + PACKET_AT + KEY_BYTES;
      const bytes = length - 2 * KEY_BYTES;
      const isDisco = looksDisco(buffer, packetAt, bytes);
      counters.drop(DropReason.UnknownDestOnForward, isDisco, bytes);
      if (isDisco) this.#tellNotHere(buffer.subarray(at + PACKET_AT, packetAt));
      return;
    }
    // Header and source move up against the packet, over the destination.
    const start = at + KEY_BYTES;
    buffer.copyWithin(start + KEY_AT, at + KEY_AT, at + KEY_AT + KEY_BYTES);
    buffer[start] = FrameType.RecvPacket;
    buffer.writeUInt32BE(length - KEY_BYTES, start + 1);
    recipient.deliver(name, buffer, start, at + HEADER_BYTES + length, 1);
  }

  #find(buffer: Buffer, at: number): RelayPeer | undefined {
    const last = this.#last;
    if (last !== undefined && last.active !== undefined && isKey(buffer, at, last.raw)) return last;
    const peer = this.#deps.peers.get(nameAt(buffer, at));
    this.#last = peer;
    return peer;
  }

  #sendElsewhere(
    peer: RelayPeer | undefined,
    buffer: Buffer,
    at: number,
    length: number,
    isDisco: boolean,
  ): void {
    this.endRun();
    const forwarder = peer?.forwarders?.[0];
    if (forwarder === undefined) {
      this.#deps.counters.drop(DropReason.UnknownDest, isDisco, length - KEY_BYTES);
      if (isDisco) this.#tellNotHere(buffer.subarray(at + KEY_AT, at + PACKET_AT));
      return;
    }
    this.#deps.counters.packetsForwardedOut++;
    const frame = Buffer.allocUnsafeSlow(HEADER_BYTES + KEY_BYTES + length);
    frame[0] = FrameType.ForwardPacket;
    frame.writeUInt32BE(KEY_BYTES + length, 1);
    writeKey(frame, KEY_AT, this.#raw);
    buffer.copy(frame, PACKET_AT, at + KEY_AT, at + HEADER_BYTES + length);
    forwarder.forward(frame);
  }

  /** Only for disco, and rarely: else it would be an amplifier, and make clients forget good routes (§9.2.14). */
  #tellNotHere(key: Uint8Array): void {
    const now = this.#deps.nowMs();
    this.#gone ??= new TokenBucket(GONE_PER_S, GONE_BURST, now);
    if (!this.#gone.take(1, now)) return;
    this.#deps.counters.peerGoneNotHereFrames++;
    this.#answer(encodePeerGone(key, PeerGoneReason.NotHere));
  }
}

const [MAGIC_0] = DISCO_MAGIC;

/** Without a view, which `looksLikeDisco` would need. */
function looksDisco(buffer: Buffer, at: number, length: number): boolean {
  if (buffer[at] !== MAGIC_0 || length < DISCO_HEADER_LENGTH) return false;
  for (let i = 1; i < DISCO_MAGIC.length; i++) if (buffer[at + i] !== DISCO_MAGIC[i]) return false;
  return true;
}

function isKey(buffer: Buffer, at: number, key: Uint8Array): boolean {
  for (let i = 0; i < KEY_BYTES; i++) if (buffer[at + i] !== key[i]) return false;
  return true;
}

function writeKey(buffer: Buffer, at: number, key: Uint8Array): void {
  for (let i = 0; i < KEY_BYTES; i++) buffer[at + i] = key[i] as number;
}
