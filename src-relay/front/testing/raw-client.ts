/** A client of the relay over a real socket, byte by byte: for tests of what surrounds the core. */
import { connect as connectTcp } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { boxShared, sealBox } from '#shared/crypto/box.ts';
import { randomBytes } from '#shared/crypto/random.ts';
import { generatePrivate, importPrivate } from '#shared/crypto/x25519.ts';
import { FrameReader } from '#shared/derp/frame-reader.ts';
import { encodeClientInfoJson } from '#shared/derp/info.ts';
import { encodeClientInfo } from '#shared/derp/messages.ts';
import { assert } from '#shared/errors.ts';
import { keyBytes, type NodeKey, nodeKeyFrom, type PrivateKey } from '#shared/key/key.ts';

export interface RawFrame {
  readonly type: number;
  readonly payload: Uint8Array;
}

/** Bytes in order, read as text up to a blank line or as frames. */
export class RawClient implements Disposable {
  readonly raw: Uint8Array;
  readonly key: NodeKey;
  readonly stream: Duplex;
  readonly #own;
  readonly #reader = new FrameReader(() => 1 << 20);
  #held = Buffer.alloc(0);
  #isEnded = false;
  #wake: (() => void) | undefined;

  constructor(stream: Duplex, privateKey: PrivateKey = generatePrivate()) {
    this.#own = importPrivate(privateKey);
    this.raw = this.#own.publicRaw;
    this.key = nodeKeyFrom(this.raw);
    this.stream = stream;
    stream.on('data', (chunk: Buffer) => {
      this.#held = Buffer.concat([this.#held, chunk]);
      this.#wake?.();
    });
    const end = (): void => {
      this.#isEnded = true;
      this.#wake?.();
    };
    stream.on('close', end).on('end', end).on('error', end);
  }

  static tls(port: number, privateKey?: PrivateKey): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }, () =>
        resolve(new RawClient(socket, privateKey)),
      );
      socket.on('error', reject);
    });
  }

  static plain(port: number, privateKey?: PrivateKey): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = connectTcp({ port, host: '127.0.0.1' }, () =>
        resolve(new RawClient(socket, privateKey)),
      );
      socket.on('error', reject);
    });
  }

  [Symbol.dispose](): void {
    this.stream.destroy();
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  write(...parts: readonly (string | Uint8Array)[]): void {
    this.stream.write(Buffer.concat(parts.map((part) => Buffer.from(part as Uint8Array))));
  }

  hello(server: NodeKey): Uint8Array {
    const shared = boxShared(this.#own, keyBytes(server));
    assert(shared !== undefined, 'a server has a good key');
    const nonce = randomBytes(24);
    const json = encodeClientInfoJson({ version: 2, canAckPings: false });
    return encodeClientInfo(this.raw, { nonce, box: sealBox(shared, nonce, json) });
  }

  /** The head of an HTTP answer with its blank line. */
  async head(): Promise<string> {
    for (;;) {
      const at = this.#held.indexOf('\r\n\r\n');
      if (at >= 0) {
        const text = this.#held.subarray(0, at + 4).toString('latin1');
        this.#held = this.#held.subarray(at + 4);
        return text;
      }
      if (!(await this.#more())) return this.#held.toString('latin1');
    }
  }

  /** The next frame, or undefined when the connection has ended. */
  async frame(): Promise<RawFrame | undefined> {
    for (;;) {
      this.#reader.push(this.#held);
      this.#held = Buffer.alloc(0);
      const frame = this.#reader.next();
      if (frame !== undefined) return { type: frame.type, payload: Uint8Array.from(frame.payload) };
      if (!(await this.#more())) return undefined;
    }
  }

  async ended(): Promise<void> {
    while (await this.#more()) this.#held = Buffer.alloc(0);
  }

  /** False at the end. */
  async #more(): Promise<boolean> {
    const before = this.#held.length;
    while (this.#held.length === before && !this.#isEnded)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    return this.#held.length !== before;
  }
}
