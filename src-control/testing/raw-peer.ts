/** A peer on the control channel that sends HTTP/2 frames of the test's choice: what no decent client would send. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { concat, utf8 } from '#shared/bytes/bytes.ts';
import { initiate } from '#shared/crypto/noise-ik.ts';
import { RecordOpener, RecordSealer } from '#shared/crypto/noise-records.ts';
import { generatePrivate, importPrivate } from '#shared/crypto/x25519.ts';
import { RhumbError } from '#shared/errors.ts';
import { keyBytes } from '#shared/key/key.ts';
import { fetchControlKey } from '#shared/node/control-key.ts';
import { splitFirstMessage, UPGRADE_PROTOCOL } from '#shared/noise/messages.ts';

const PATIENCE_MS = 15_000;
const CAPVER = 130;

const FrameType = { Data: 0, Headers: 1, Reset: 3, Settings: 4, Ping: 6 } as const;
const END_STREAM = 1;
const END_HEADERS = 4;
const ACK = 1;
const FRAME_HEAD_BYTES = 9;
/** The server's early payload: its own head, and the length of the JSON behind it. */
const EARLY_HEAD_BYTES = 9;

function frame(type: number, flags: number, stream: number, payload: Uint8Array): Uint8Array {
  const head = Buffer.alloc(FRAME_HEAD_BYTES);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return concat(head, payload);
}

/** A header as HPACK's plainest form: a literal that is not indexed (RFC 7541 §6.2.2); texts below 127 bytes. */
const header = (name: string, value: string): Uint8Array =>
  concat(Uint8Array.of(0, name.length), utf8(name), Uint8Array.of(value.length), utf8(value));

export const headersFrame = (stream: number, path: string): Uint8Array =>
  frame(
    FrameType.Headers,
    END_HEADERS,
    stream,
    concat(
      header(':method', 'POST'),
      header(':scheme', 'https'),
      header(':authority', 'unused'),
      header(':path', path),
    ),
  );

export const dataFrame = (stream: number, body: string, isLast: boolean): Uint8Array =>
  frame(FrameType.Data, isLast ? END_STREAM : 0, stream, utf8(body));

export const resetFrame = (stream: number, code: number): Uint8Array =>
  frame(FrameType.Reset, 0, stream, Uint8Array.of(0, 0, 0, code));

export const pingFrame = (): Uint8Array => frame(FrameType.Ping, 0, 0, new Uint8Array(8));

export class RawPeer implements Disposable {
  /** Resolves when the server has ended the connection. */
  readonly closed: Promise<unknown>;
  readonly #socket: Socket;
  readonly #sealer: RecordSealer;
  readonly #opener: RecordOpener;
  #plain: Uint8Array = new Uint8Array(0);
  #wake: (() => void) | undefined;

  private constructor(socket: Socket, sealer: RecordSealer, opener: RecordOpener) {
    this.#socket = socket;
    this.#sealer = sealer;
    this.#opener = opener;
    this.closed = once(socket, 'close').then(() => this.#wake?.());
  }

  /** Shakes hands and sends the HTTP/2 preface. */
  static async connect(serverUrl: string): Promise<RawPeer> {
    const url = new URL(serverUrl);
    const key = await fetchControlKey(url, AbortSignal.timeout(PATIENCE_MS));
    const machine = importPrivate(generatePrivate());
    const initiator = initiate({ machine, controlPublic: keyBytes(key), version: CAPVER });
    const socket = connect(Number(url.port), url.hostname);
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    const hello = Buffer.from(initiator.message).toString('base64');
    socket.write(
      `POST /ts2021 HTTP/1.1\r\nHost: x\r\nUpgrade: ${UPGRADE_PROTOCOL}\r\nConnection: upgrade\r\nX-Tailscale-Handshake: ${hello}\r\n\r\n`,
    );
    let seen = Buffer.alloc(0);
    while (true) {
      const [chunk] = (await once(socket, 'data')) as [Buffer];
      seen = Buffer.concat([seen, chunk]);
      const end = seen.indexOf('\r\n\r\n');
      const first = end < 0 ? undefined : splitFirstMessage(seen.subarray(end + 4));
      if (first === undefined || first.kind === 'more') continue;
      const keys = first.kind === 'response' ? initiator.finish(first.message) : undefined;
      if (first.kind !== 'response' || keys === undefined) throw new RhumbError('protocol', 'no handshake');
      const peer = new RawPeer(socket, new RecordSealer(keys.send), new RecordOpener(keys.receive));
      peer.#receive(first.rest);
      socket.on('data', (more: Buffer) => peer.#receive(more));
      peer.send(utf8('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(FrameType.Settings, 0, 0, new Uint8Array(0)));
      await peer.#until(() => peer.#frameTypes().includes(FrameType.Settings));
      return peer;
    }
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  /** All of it in one record. */
  send(...frames: readonly Uint8Array[]): void {
    const sealed = this.#sealer.seal(concat(...frames));
    if (sealed !== undefined) this.#socket.write(sealed);
  }

  /** Reads nothing from now on, and does not notice how the connection ends. */
  pause(): void {
    this.#socket.pause();
  }

  /** Resolves when the server has dealt with everything sent so far: it answers pings in order. */
  async settled(): Promise<void> {
    const before = this.#pingAnswers();
    this.send(pingFrame());
    await this.#until(() => this.#pingAnswers() > before);
  }

  /** Code with which the server reset a stream, or undefined when it has not. */
  resetCodeOf(stream: number): number | undefined {
    const found = this.#frames().find((one) => one.type === FrameType.Reset && one.stream === stream);
    return found === undefined ? undefined : Buffer.from(found.payload).readUInt32BE(0);
  }

  /** The body that the server sent on a stream so far. */
  textOf(stream: number): string {
    const parts = this.#frames().filter((one) => one.type === FrameType.Data && one.stream === stream);
    return Buffer.from(concat(...parts.map((one) => one.payload))).toString();
  }

  /** Resolves when the server has ended or reset a stream. */
  async over(stream: number): Promise<void> {
    await this.#until(() =>
      this.#frames().some(
        (one) => one.stream === stream && (one.type === FrameType.Reset || (one.flags & END_STREAM) !== 0),
      ),
    );
  }

  #receive(chunk: Uint8Array): void {
    this.#opener.feed(chunk, (plaintext) => {
      this.#plain = concat(this.#plain, plaintext);
    });
    this.#wake?.();
  }

  #pingAnswers(): number {
    return this.#frames().filter((one) => one.type === FrameType.Ping && one.flags === ACK).length;
  }

  #frameTypes(): readonly number[] {
    return this.#frames().map((one) => one.type);
  }

  /** The whole frames behind the early payload. */
  #frames() {
    const plain = Buffer.from(this.#plain);
    const found: { type: number; flags: number; stream: number; payload: Uint8Array }[] = [];
    if (plain.length < EARLY_HEAD_BYTES) return found;
    let at = EARLY_HEAD_BYTES + plain.readUInt32BE(5);
    while (at + FRAME_HEAD_BYTES <= plain.length) {
      const end = at + FRAME_HEAD_BYTES + plain.readUIntBE(at, 3);
      if (end > plain.length) break;
      found.push({
        type: plain[at + 3] ?? 0,
        flags: plain[at + 4] ?? 0,
        stream: plain.readUInt32BE(at + 5),
        payload: plain.subarray(at + FRAME_HEAD_BYTES, end),
      });
      at = end;
    }
    return found;
  }

  async #until(isSo: () => boolean): Promise<void> {
    const limit = AbortSignal.timeout(PATIENCE_MS);
    while (!isSo()) {
      limit.throwIfAborted();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        limit.addEventListener('abort', () => resolve(), { once: true });
      });
      if (this.#socket.destroyed && !isSo()) throw new RhumbError('unavailable', 'the connection ended');
    }
  }
}
