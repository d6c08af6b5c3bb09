/** A client of the relay for tests: its key, its handshake and the frames that it has got. */
import { concat } from '#shared/bytes/bytes.ts';
import { boxShared, openBox, sealBox } from '#shared/crypto/box.ts';
import { randomBytes } from '#shared/crypto/random.ts';
import { generatePrivate, importPrivate } from '#shared/crypto/x25519.ts';
import { FrameReader } from '#shared/derp/frame-reader.ts';
import { FrameType } from '#shared/derp/frames.ts';
import { type ClientInfo, encodeClientInfoJson } from '#shared/derp/info.ts';
import * as m from '#shared/derp/messages.ts';
import { DISCO_MAGIC } from '#shared/disco/envelope.ts';
import { assert } from '#shared/errors.ts';
import { type NodeKey, nodeKeyFrom } from '#shared/key/key.ts';
import { settle } from '#shared/testing/fake-clock.ts';
import type { ConnInfo } from '../conn.ts';
import type { RelayServer } from '../server.ts';
import { Wire } from './wire.ts';

export interface Got {
  readonly type: number;
  readonly payload: Uint8Array;
}

const HERE: ConnInfo = { remote: { ip: '192.0.2.1', port: 41_641 }, transport: 'derp', isIdeal: true };

export class TestClient {
  readonly #own = importPrivate(generatePrivate());
  readonly raw: Uint8Array = this.#own.publicRaw;
  readonly key: NodeKey = nodeKeyFrom(this.raw);
  wire = new Wire();
  ended = false;
  #reader = new FrameReader(() => 1 << 20);
  #seen = 0;

  /** Connects and shakes hands, or as far as the server lets it. */
  async join(
    server: RelayServer,
    info: Partial<ClientInfo> = {},
    conn: Partial<ConnInfo> = {},
  ): Promise<this> {
    this.connect(server, conn);
    this.wire.write(this.hello(server, info));
    await settle();
    return this;
  }

  connect(server: RelayServer, conn: Partial<ConnInfo> = {}): void {
    this.wire = new Wire();
    this.#reader = new FrameReader(() => 1 << 20);
    this.#seen = 0;
    this.ended = false;
    void server.accept(this.wire, { ...HERE, ...conn }).then(() => {
      this.ended = true;
    });
  }

  hello(server: RelayServer, info: Partial<ClientInfo> = {}): Uint8Array {
    const shared = boxShared(this.#own, m.decodeClosePeer(rawOf(server.publicKey)) ?? new Uint8Array(32));
    assert(shared !== undefined, 'a server has a good key');
    const nonce = randomBytes(24);
    const json = encodeClientInfoJson({ version: 2, canAckPings: false, ...info });
    return m.encodeClientInfo(this.raw, { nonce, box: sealBox(shared, nonce, json) });
  }

  send(to: TestClient | Uint8Array, packet: Uint8Array): void {
    this.wire.write(m.encodeSendPacket(to instanceof TestClient ? to.raw : to, packet));
  }

  /** Frames that came since the last call, without the server's part of the handshake and keepalives. */
  got(): Got[] {
    const frames: Got[] = [];
    const pieces = this.wire.received.slice(this.#seen);
    this.#seen = this.wire.received.length;
    this.#reader.push(concat(...pieces));
    const quiet: readonly number[] = [FrameType.ServerKey, FrameType.ServerInfo, FrameType.KeepAlive];
    for (let frame = this.#reader.next(); frame !== undefined; frame = this.#reader.next())
      if (!quiet.includes(frame.type)) frames.push({ type: frame.type, payload: frame.payload });
    return frames;
  }

  /** The packets among them: whose and what. */
  packets(): { readonly from: NodeKey; readonly packet: Uint8Array }[] {
    return this.got()
      .filter((frame) => frame.type === FrameType.RecvPacket)
      .map(({ payload }) => ({ from: nodeKeyFrom(payload.subarray(0, 32)), packet: payload.subarray(32) }));
  }

  /** Whether the server's sealed answer opens with our key. */
  opensServerInfo(server: RelayServer): boolean {
    const frame = new FrameReader(() => 1 << 20);
    frame.push(concat(...this.wire.received));
    frame.next();
    const info = frame.next();
    if (info?.type !== FrameType.ServerInfo) return false;
    const shared = boxShared(this.#own, rawOf(server.publicKey));
    const sealed = m.decodeServerInfo(info.payload);
    if (shared === undefined || sealed === undefined) return false;
    return openBox(shared, sealed.nonce, sealed.box) !== undefined;
  }
}

const rawOf = (key: NodeKey): Uint8Array => Uint8Array.from(Buffer.from(key.slice('nodekey:'.length), 'hex'));

/** A packet that relays take for disco: magic and length are all they look at. */
export const discoPacket = (bytes = 62): Uint8Array => {
  const packet = new Uint8Array(bytes);
  packet.set(DISCO_MAGIC);
  return packet;
};
