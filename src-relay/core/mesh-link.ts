/** Our connection to another relay of the region, as its client: who is there, and packets for them (nat-traversal.md §1.13). */
import type { Buffer } from 'node:buffer';
import { equal } from '#shared/bytes/bytes.ts';
import type { X25519Private } from '#shared/crypto/x25519.ts';
import { FrameReader } from '#shared/derp/frame-reader.ts';
import { FrameType, MAX_CLIENT_FRAME_BYTES, MAX_SERVER_KEY_BYTES } from '#shared/derp/frames.ts';
import {
  decodePeerGone,
  decodePeerPresent,
  decodePing,
  decodeServerKey,
  encodePong,
  encodeWatchConns,
} from '#shared/derp/messages.ts';
import { toRhumbError } from '#shared/errors.ts';
import type { ConnEvents, RelayConn } from './conn.ts';
import type { MeshForwarder, RelayPeers } from './courier.ts';
import { sealMeshInfo } from './handshake.ts';
import { nameOf } from './key-name.ts';
import { HANDSHAKE_MS, MESH_SILENCE_MS, MESH_WRITE_MS } from './limits.ts';
import { Outbox, type OutboxDeps, type OutboxOwner } from './outbox.ts';
import { NOT_TIMED, type Timed, type TimerWheel } from './wheel.ts';

export interface MeshLinkDeps extends OutboxDeps {
  readonly wheel: TimerWheel;
  readonly peers: RelayPeers;
  readonly own: X25519Private;
  readonly meshKey: Uint8Array;
}

/** Why a link ended; `self` means that there is nobody else at that address. */
export type LinkEnd = { readonly kind: 'self' } | { readonly kind: 'lost'; readonly why: string };

const KNOWN: ReadonlySet<number> = new Set(Object.values(FrameType));

export class MeshLink implements ConnEvents, OutboxOwner, MeshForwarder, Timed {
  readonly name: string;
  readonly #deps: MeshLinkDeps;
  readonly #stream: RelayConn;
  readonly #outbox: Outbox;
  readonly #reader: FrameReader;
  /** Who is over there, as Latin-1. */
  readonly #present = new Set<string>();
  readonly #onEnd: (end: LinkEnd) => void;
  #phase: 'greeting' | 'watching' | 'ended' = 'greeting';
  #lastHeardMs: number;
  #blockedAtMs: number | undefined;
  wheelSlot = NOT_TIMED;
  wheelNext: Timed | undefined;
  wheelPrevious: Timed | undefined;

  /** `onEnd` is called once. */
  constructor(deps: MeshLinkDeps, name: string, stream: RelayConn, onEnd: (end: LinkEnd) => void) {
    this.#deps = deps;
    this.name = name;
    this.#stream = stream;
    this.#onEnd = onEnd;
    this.#outbox = new Outbox(stream, deps, this, true);
    this.#reader = new FrameReader(
      (type) => (type === FrameType.ServerKey ? MAX_SERVER_KEY_BYTES : MAX_CLIENT_FRAME_BYTES),
      (type) => !KNOWN.has(type),
    );
    this.#lastHeardMs = deps.nowMs();
  }

  start(): void {
    this.#deps.wheel.arm(this, HANDSHAKE_MS);
    this.#stream.start(this);
  }

  forward(frame: Buffer): void {
    this.#outbox.packets(frame, 0, frame.length, 1);
  }

  data(chunk: Buffer): void {
    if (this.#phase === 'ended') return;
    this.#lastHeardMs = this.#deps.nowMs();
    try {
      this.#reader.push(chunk);
      for (let frame = this.#reader.next(); frame !== undefined; frame = this.#reader.next()) {
        this.#onFrame(frame.type, frame.payload);
        if (this.#isOver()) return;
      }
    } catch (error) {
      this.lose(toRhumbError(error).message);
    }
  }

  drained(): void {
    this.#outbox.drained();
  }

  closed(why: string): void {
    this.lose(why);
  }

  onBlocked(): void {
    this.#blockedAtMs = this.#deps.nowMs();
  }

  onUnblocked(): void {
    this.#blockedAtMs = undefined;
  }

  /** Looks now and then instead of being armed for each frame. */
  onTime(): void {
    const now = this.#deps.nowMs();
    if (this.#phase === 'greeting') this.lose('no greeting');
    else if (now - this.#lastHeardMs > MESH_SILENCE_MS) this.lose('silent');
    else if (this.#blockedAtMs !== undefined && now - this.#blockedAtMs > MESH_WRITE_MS)
      this.lose('does not read');
    else this.#deps.wheel.arm(this, MESH_WRITE_MS);
  }

  lose(why: string): void {
    this.#end({ kind: 'lost', why });
  }

  /** A method, because the compiler would take the phase for what it was before the call. */
  #isOver(): boolean {
    return this.#phase === 'ended';
  }

  #onFrame(type: number, payload: Uint8Array): void {
    if (this.#phase === 'greeting') {
      this.#greet(type === FrameType.ServerKey ? decodeServerKey(payload) : undefined);
      return;
    }
    switch (type) {
      case FrameType.PeerPresent: {
        const present = decodePeerPresent(payload);
        if (present !== undefined) this.#add(new Uint8Array(present.key));
        break;
      }
      case FrameType.PeerGone: {
        const gone = decodePeerGone(payload);
        if (gone !== undefined) this.#remove(nameOf(gone.key));
        break;
      }
      case FrameType.Ping: {
        const data = decodePing(payload);
        if (data !== undefined) this.#outbox.control(encodePong(data));
        break;
      }
      default:
    }
  }

  #greet(server: Uint8Array | undefined): void {
    if (server === undefined) {
      this.lose('no relay answers there');
      return;
    }
    // A relay's own name may stand in the list that all relays of a region share.
    if (equal(server, this.#deps.own.publicRaw)) {
      this.#end({ kind: 'self' });
      return;
    }
    const info = sealMeshInfo(this.#deps.own, server, this.#deps.meshKey);
    if (info === undefined) {
      this.lose('a greeting with an impossible key');
      return;
    }
    this.#phase = 'watching';
    this.#outbox.control(info);
    this.#outbox.control(encodeWatchConns());
    this.#deps.wheel.arm(this, MESH_WRITE_MS);
  }

  #add(raw: Uint8Array): void {
    const name = nameOf(raw);
    this.#present.add(name);
    this.#deps.peers.addForwarder(name, raw, this);
  }

  #remove(name: string): void {
    this.#present.delete(name);
    this.#deps.peers.removeForwarder(name, this);
  }

  #end(end: LinkEnd): void {
    if (this.#phase === 'ended') return;
    this.#phase = 'ended';
    this.#deps.wheel.cancel(this);
    this.#outbox.close();
    this.#stream.destroy();
    for (const name of this.#present) this.#deps.peers.removeForwarder(name, this);
    this.#present.clear();
    this.#onEnd(end);
  }
}
