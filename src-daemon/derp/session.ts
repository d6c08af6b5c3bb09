/** The relay protocol on one connected stream: upgrade, handshake, frames both ways (nat-traversal.md §1.5 to §1.7). */
import { equal } from '#shared/bytes/bytes.ts';
import { BOX_NONCE_BYTES, type BoxShared, boxShared, openBox, sealBox } from '#shared/crypto/box.ts';
import { randomBytes } from '#shared/crypto/random.ts';
import type { X25519Private } from '#shared/crypto/x25519.ts';
import { type Frame, FrameReader } from '#shared/derp/frame-reader.ts';
import {
  FrameType,
  KEY_BYTES,
  MAX_CLIENT_FRAME_BYTES,
  MAX_SERVER_KEY_BYTES,
  PING_BYTES,
  PROTOCOL_VERSION,
} from '#shared/derp/frames.ts';
import { decodeServerInfoJson, encodeClientInfoJson, type ServerInfo } from '#shared/derp/info.ts';
import * as messages from '#shared/derp/messages.ts';
import { toRhumbError } from '#shared/errors.ts';
import { type NodeKey, nodeKeyFrom } from '#shared/key/key.ts';
import type { RelayStream } from './types.ts';
import { encodeUpgrade, httpRefusal, UpgradeReader, type UpgradeRequest } from './upgrade.ts';

/** Everything is called from within `receive` or `start`; after `failed` nothing is. */
export interface SessionEvents {
  /** Our client info is on its way: packets may follow it. */
  opened(): void;
  /** The relay admitted us. */
  joined(info: ServerInfo): void;
  /** `data` is valid during the call only. */
  packet(from: NodeKey, data: Uint8Array): void;
  peerGone(key: NodeKey, reason: number): void;
  /** The answer to our latest ping. */
  ponged(): void;
  /** What is wrong, undefined when all is well again. */
  health(problem: string | undefined): void;
  restarting(announced: messages.Restarting): void;
  failed(why: string): void;
}

export interface SessionOptions {
  readonly stream: RelayStream;
  readonly identity: X25519Private;
  readonly upgrade: Omit<UpgradeRequest, 'isFastStart'>;
  readonly events: SessionEvents;
}

type Phase =
  | { readonly kind: 'new' }
  | { readonly kind: 'upgrading'; readonly reader: UpgradeReader }
  | { readonly kind: 'greeting' }
  | { readonly kind: 'open'; readonly shared: BoxShared }
  | { readonly kind: 'ended' };

/** Above what packets may fill, so that a busy connection still answers. */
const MAX_BUFFERED_FOR_PONG = 256 * 1_024;
/** Senders whose key text is kept; one conversion costs more than the rest of a small frame. */
const MAX_KNOWN_SENDERS = 4_096;

export class Session {
  readonly #stream: RelayStream;
  readonly #identity: X25519Private;
  readonly #upgrade: Omit<UpgradeRequest, 'isFastStart'>;
  readonly #events: SessionEvents;
  readonly #frames: FrameReader;
  readonly #senders = new Map<string, NodeKey>();
  #phase: Phase = { kind: 'new' };
  #isGreeted = false;
  #isFirstChunk = true;
  #pingData: Uint8Array | undefined;

  constructor(options: SessionOptions) {
    this.#stream = options.stream;
    this.#identity = options.identity;
    this.#upgrade = options.upgrade;
    this.#events = options.events;
    this.#frames = new FrameReader(() => (this.#isGreeted ? MAX_CLIENT_FRAME_BYTES : MAX_SERVER_KEY_BYTES));
  }

  start(): void {
    const { serverKey } = this.#stream;
    const request = encodeUpgrade({ ...this.#upgrade, isFastStart: serverKey !== undefined });
    if (serverKey === undefined) {
      this.#phase = { kind: 'upgrading', reader: new UpgradeReader() };
      this.#stream.write([request]);
    } else {
      // The server says nothing before it has our info: both must leave together (§1.3).
      this.#open(serverKey, [request]);
    }
  }

  receive(chunk: Uint8Array): void {
    let bytes = chunk;
    if (this.#phase.kind === 'upgrading') {
      const answer = this.#phase.reader.push(chunk);
      if (answer.kind === 'more') return;
      if (answer.kind === 'refused') {
        this.#fail(answer.why);
        return;
      }
      this.#phase = { kind: 'greeting' };
      this.#isFirstChunk = false;
      bytes = answer.rest;
    }
    const why = this.#isFirstChunk ? httpRefusal(chunk) : undefined;
    this.#isFirstChunk = false;
    if (why !== undefined) {
      this.#fail(why);
      return;
    }
    this.#frames.push(bytes);
    // What a frame leads to may end the session, so the phase is looked at each time.
    while (this.#phase.kind === 'greeting' || this.#phase.kind === 'open') {
      const frame = this.#next();
      if (frame === undefined) return;
      if (this.#phase.kind === 'greeting') this.#greeted(frame);
      else this.#dispatch(frame, this.#phase.shared);
    }
  }

  /** Nothing is reported any more. */
  end(): void {
    this.#phase = { kind: 'ended' };
  }

  sendPing(): void {
    this.#pingData = randomBytes(PING_BYTES);
    this.#stream.write([messages.encodePing(this.#pingData)]);
  }

  sendNotePreferred(isHome: boolean): void {
    this.#stream.write([messages.encodeNotePreferred(isHome)]);
  }

  /** Only the reader is guarded: what a frame leads to elsewhere is not the relay's fault. */
  #next(): Frame | undefined {
    try {
      return this.#frames.next();
    } catch (error) {
      this.#fail(toRhumbError(error).message);
      return undefined;
    }
  }

  #greeted(frame: Frame): void {
    const key = frame.type === FrameType.ServerKey ? messages.decodeServerKey(frame.payload) : undefined;
    if (key === undefined) this.#fail('it is no relay: its greeting is malformed');
    else this.#open(key, []);
  }

  #open(serverKey: Uint8Array, before: readonly Uint8Array[]): void {
    const shared = boxShared(this.#identity, serverKey);
    if (shared === undefined) {
      this.#fail('its public key is not usable');
      return;
    }
    this.#phase = { kind: 'open', shared };
    this.#isGreeted = true;
    const nonce = randomBytes(BOX_NONCE_BYTES);
    const info = encodeClientInfoJson({ version: PROTOCOL_VERSION, canAckPings: true });
    const box = sealBox(shared, nonce, info);
    this.#stream.write([...before, messages.encodeClientInfo(this.#identity.publicRaw, { nonce, box })]);
    this.#events.opened();
  }

  #dispatch({ type, payload }: Frame, shared: BoxShared): void {
    switch (type) {
      case FrameType.RecvPacket:
        this.#packet(payload);
        return;
      case FrameType.ServerInfo:
        this.#serverInfo(payload, shared);
        return;
      case FrameType.PeerGone: {
        const gone = messages.decodePeerGone(payload);
        if (gone !== undefined) this.#events.peerGone(nodeKeyFrom(gone.key), gone.reason);
        return;
      }
      case FrameType.Ping: {
        const data = messages.decodePing(payload);
        // A relay that asks and does not read must not fill our memory with answers.
        if (data !== undefined && this.#stream.bufferedBytes < MAX_BUFFERED_FOR_PONG)
          this.#stream.write([messages.encodePong(data)]);
        return;
      }
      case FrameType.Pong:
        this.#pong(payload);
        return;
      case FrameType.Health: {
        const problem = messages.decodeHealth(payload).trim();
        this.#events.health(problem === '' ? undefined : problem);
        return;
      }
      case FrameType.Restarting: {
        const announced = messages.decodeRestarting(payload);
        if (announced !== undefined) this.#events.restarting(announced);
        return;
      }
      default:
        // Keepalives, the greeting after a fast start, and what later versions add (§1.3, §1.5).
        return;
    }
  }

  #packet(payload: Uint8Array): void {
    if (payload.length < KEY_BYTES) return;
    this.#events.packet(this.#sender(payload), payload.subarray(KEY_BYTES));
  }

  #sender(payload: Uint8Array): NodeKey {
    const raw = payload.subarray(0, KEY_BYTES);
    const id = Buffer.from(raw.buffer, raw.byteOffset, KEY_BYTES).toString('latin1');
    const known = this.#senders.get(id);
    if (known !== undefined) return known;
    if (this.#senders.size >= MAX_KNOWN_SENDERS) this.#senders.clear();
    const key = nodeKeyFrom(raw);
    this.#senders.set(id, key);
    return key;
  }

  #serverInfo(payload: Uint8Array, shared: BoxShared): void {
    const sealed = messages.decodeServerInfo(payload);
    const json = sealed === undefined ? undefined : openBox(shared, sealed.nonce, sealed.box);
    const info = json === undefined ? undefined : decodeServerInfoJson(json);
    if (info === undefined) this.#fail('its server info is malformed');
    else this.#events.joined(info);
  }

  #pong(payload: Uint8Array): void {
    const data = messages.decodePing(payload);
    if (data === undefined || this.#pingData === undefined || !equal(data, this.#pingData)) return;
    this.#pingData = undefined;
    this.#events.ponged();
  }

  #fail(why: string): void {
    if (this.#phase.kind === 'ended') return;
    this.#phase = { kind: 'ended' };
    this.#events.failed(why);
  }
}
