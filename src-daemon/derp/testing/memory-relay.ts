/** A relay in memory for tests: speaks the server's side of the protocol over streams that follow a fake clock. */
import type { Clock } from '#shared/async/clock.ts';
import { copyOf } from '#shared/bytes/bytes.ts';
import { toHex } from '#shared/bytes/hex.ts';
import { type BoxShared, boxShared, openBox, sealBox } from '#shared/crypto/box.ts';
import { randomBytes } from '#shared/crypto/random.ts';
import { generatePrivate, importPrivate } from '#shared/crypto/x25519.ts';
import { FrameReader } from '#shared/derp/frame-reader.ts';
import { FrameType } from '#shared/derp/frames.ts';
import {
  type ClientInfo,
  decodeClientInfoJson,
  encodeServerInfoJson,
  type ServerInfo,
} from '#shared/derp/info.ts';
import * as m from '#shared/derp/messages.ts';
import { RhumbError } from '#shared/errors.ts';
import type { Dial, Dialed, DialRequest, RelayStream, StreamSink } from '../types.ts';

export interface MemoryRelayOptions {
  readonly clock: Clock;
  /** One way. */
  readonly latencyMs?: number;
  /** Tell the key in a meta certificate, so that clients start fast. */
  readonly hasMeta?: boolean;
  readonly info?: Partial<ServerInfo>;
}

/** What the relay is like at the moment; tests change it. */
export interface Mood {
  /** Dialling fails with this. */
  down: string | undefined;
  /** Dialling takes this long. */
  dialMs: number;
  /** Nothing gets through any more, and nobody is told. */
  isFrozen: boolean;
  answersPings: boolean;
  /** Closes instead of admitting. */
  refuses: boolean;
  localIp: string;
}

export class MemoryRelay {
  readonly mood: Mood = {
    down: undefined,
    dialMs: 0,
    isFrozen: false,
    answersPings: true,
    refuses: false,
    localIp: '192.0.2.10',
  };
  readonly requests: DialRequest[] = [];
  readonly links: MemoryLink[] = [];
  readonly identity = importPrivate(generatePrivate());
  readonly options: MemoryRelayOptions;

  constructor(options: MemoryRelayOptions) {
    this.options = options;
  }

  /** Those that are open, oldest first. */
  get open(): readonly MemoryLink[] {
    return this.links.filter((link) => !link.isClosed);
  }

  get latest(): MemoryLink {
    const link = this.links.at(-1);
    if (link === undefined) throw new TypeError('nobody has dialled');
    return link;
  }

  readonly dial: Dial = async (request, signal): Promise<Dialed> => {
    this.requests.push(request);
    await this.options.clock.sleep(this.mood.dialMs, signal);
    const [node] = request.nodes;
    if (this.mood.down !== undefined || node === undefined)
      throw new RhumbError('unavailable', `dial relay: ${this.mood.down ?? 'no node'}`);
    const link = new MemoryLink(this, this.mood.localIp);
    this.links.push(link);
    return { stream: link, node };
  };
}

/** Both ends of one connection: a stream to the client, a relay's connection inside. */
export class MemoryLink implements RelayStream {
  readonly serverKey: Uint8Array | undefined;
  readonly localIp: string;
  /** Not taken by the "system" while `isStuck`. */
  bufferedBytes = 0;
  isStuck = false;
  isClosed = false;
  isAdmitted = false;
  info: ClientInfo | undefined;
  clientKey = '';
  request = '';
  /** Every frame of the client: its type and payload. */
  readonly frames: { readonly type: number; readonly payload: Uint8Array }[] = [];
  /** How many writes there were. */
  writes = 0;
  readonly #relay: MemoryRelay;
  readonly #reader = new FrameReader(() => 1 << 20);
  #sink: StreamSink | undefined;
  #shared: BoxShared | undefined;

  constructor(relay: MemoryRelay, localIp: string) {
    this.#relay = relay;
    this.localIp = localIp;
    this.serverKey = relay.options.hasMeta === true ? relay.identity.publicRaw : undefined;
  }

  // --- the client's side

  write(chunks: readonly Uint8Array[]): void {
    if (this.isClosed) return;
    this.writes++;
    for (const chunk of chunks) {
      const copy = copyOf(chunk);
      if (this.isStuck) this.bufferedBytes += copy.length;
      else this.#later(() => this.#fromClient(copy));
    }
  }

  admitted(): void {
    this.isAdmitted = true;
  }

  start(sink: StreamSink): void {
    this.#sink = sink;
  }

  close(): void {
    this.isClosed = true;
  }

  // --- the relay's side

  /** What was written while stuck is lost; room again. */
  unstick(): void {
    this.isStuck = false;
    this.bufferedBytes = 0;
    this.#sink?.drained();
  }

  send(bytes: Uint8Array): void {
    const copy = copyOf(bytes);
    this.#later(() => this.#sink?.data(copy));
  }

  /** The relay's end closes. */
  hangUp(why = 'the relay closed the connection'): void {
    this.#later(() => {
      this.isClosed = true;
      this.#sink?.closed(why);
    });
  }

  /** Packets the client sent, as text, and to whom. */
  get packets(): readonly string[] {
    return this.ofType(FrameType.SendPacket).map((payload) => new TextDecoder().decode(payload.subarray(32)));
  }

  ofType(type: number): readonly Uint8Array[] {
    return this.frames.filter((frame) => frame.type === type).map((frame) => frame.payload);
  }

  #later(fn: () => void): void {
    this.#relay.options.clock.after(this.#relay.options.latencyMs ?? 0, () => {
      if (!this.isClosed && !this.#relay.mood.isFrozen) fn();
    });
  }

  #fromClient(bytes: Uint8Array): void {
    let rest = bytes;
    if (!this.request.endsWith('\r\n\r\n')) {
      const text = Buffer.from(bytes).toString('latin1');
      const end = text.indexOf('\r\n\r\n') + 4;
      this.request = text.slice(0, end);
      rest = bytes.subarray(end);
      this.#greet();
    }
    this.#reader.push(rest);
    for (let frame = this.#reader.next(); frame !== undefined; frame = this.#reader.next())
      this.#frame(frame.type, copyOf(frame.payload));
  }

  #greet(): void {
    if (!/^Derp-Fast-Start: 1\r$/m.test(this.request))
      this.send(
        Buffer.from('HTTP/1.1 101 Switching Protocols\r\nUpgrade: DERP\r\nConnection: Upgrade\r\n\r\n'),
      );
    this.send(m.encodeServerKey(this.#relay.identity.publicRaw));
  }

  #frame(type: number, payload: Uint8Array): void {
    this.frames.push({ type, payload });
    if (type === FrameType.ClientInfo) this.#admit(payload);
    else if (type === FrameType.Ping && this.#relay.mood.answersPings) this.send(m.encodePong(payload));
    else if (type === FrameType.SendPacket) this.#forward(payload);
  }

  #admit(payload: Uint8Array): void {
    const read = m.decodeClientInfo(payload);
    if (read === undefined) throw new TypeError('malformed client info');
    this.#shared = boxShared(this.#relay.identity, read.key);
    const opened = this.#shared && openBox(this.#shared, read.nonce, read.box);
    this.info = opened && decodeClientInfoJson(opened);
    if (this.info === undefined || this.#relay.mood.refuses || this.#shared === undefined) {
      this.hangUp();
      return;
    }
    this.clientKey = toHex(read.key);
    const nonce = randomBytes(24);
    const json = encodeServerInfoJson({ version: 2, ...this.#relay.options.info });
    this.send(m.encodeServerInfo({ nonce, box: sealBox(this.#shared, nonce, json) }));
  }

  #forward(payload: Uint8Array): void {
    const to = toHex(payload.subarray(0, 32));
    const target = this.#relay.open.findLast((link) => link.clientKey === to);
    target?.send(m.encodeRecvPacket(Buffer.from(this.clientKey, 'hex'), payload.subarray(32)));
  }
}
