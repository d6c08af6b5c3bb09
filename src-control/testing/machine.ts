/** A machine that speaks the real protocol to a server: for tests and for measuring; it has no data plane. */
import { once } from 'node:events';
import type { ClientHttp2Stream } from 'node:http2';
import { zstdDecompressSync } from 'node:zlib';
import { z } from 'zod';
import { BoundedQueue } from '#shared/async/queue.ts';
import { generatePrivate, importPrivate, publicOf, type X25519Private } from '#shared/crypto/x25519.ts';
import { RhumbError } from '#shared/errors.ts';
import {
  type DiscoKey,
  discoKeyFrom,
  type MachineKey,
  type NodeKey,
  nodeKeyFrom,
  ZERO_NODE_KEY,
} from '#shared/key/key.ts';
import { systemClock } from '#shared/node/clock.ts';
import { fetchControlKey } from '#shared/node/control-key.ts';
import { dialTs2021, type Ts2021Session } from '#shared/node/ts2021-client.ts';
import { parseJson } from '#shared/wire/json.ts';
import { type MapResponse, mapResponse } from '#shared/wire/map.ts';
import { type RegisterResponse, registerResponse } from '#shared/wire/register.ts';
import { ZERO_TIME } from '#shared/wire/scalars.ts';

/** Nothing on loopback takes so long; a test that waits longer has failed. */
const PATIENCE_MS = 15_000;
const CAPVER = 130;

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

export interface RegisterArgs {
  readonly authKey?: string;
  readonly followup?: string;
  readonly expiry?: string;
  readonly oldNodeKey?: NodeKey;
  readonly hostname?: string;
}

export class TestMachine implements AsyncDisposable {
  readonly machine: X25519Private;
  readonly serverUrl: URL;
  nodeKey: NodeKey = nodeKeyFrom(publicOf(generatePrivate()));
  discoKey: DiscoKey = discoKeyFrom(publicOf(generatePrivate()));
  hostname = 'machine';
  #channel: Ts2021Session;

  private constructor(serverUrl: URL, machine: X25519Private, channel: Ts2021Session) {
    this.serverUrl = serverUrl;
    this.machine = machine;
    this.#channel = channel;
  }

  static async connect(
    serverUrl: string,
    options: { machine?: X25519Private; version?: number; controlKey?: MachineKey } = {},
  ): Promise<TestMachine> {
    const url = new URL(serverUrl);
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const machine = options.machine ?? importPrivate(generatePrivate());
    const channel = await dialTs2021({
      serverUrl: url,
      controlKey: options.controlKey ?? (await fetchControlKey(url, signal)),
      machine,
      clock: systemClock(),
      signal,
      version: options.version ?? CAPVER,
    });
    return new TestMachine(url, machine, channel);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#channel[Symbol.asyncDispose]();
  }

  get session(): Ts2021Session['session'] {
    return this.#channel.session;
  }

  newNodeKey(): void {
    this.nodeKey = nodeKeyFrom(publicOf(generatePrivate()));
  }

  /** Any request; the whole body. */
  async post(path: string, body: string | Uint8Array, method = 'POST'): Promise<Answer> {
    const stream = this.#request(path, method);
    // Listening from the start: a body that nobody reads is lost when the stream closes.
    const parts: Buffer[] = [];
    stream.on('data', (part: Buffer) => parts.push(part));
    const closed = once(stream, 'close');
    stream.end(body);
    // Together: whichever a broken connection ends first, somebody hears of both.
    const [status] = await Promise.all([headersOf(stream), closed]);
    return { status, body: Buffer.concat(parts) };
  }

  async register(args: RegisterArgs = {}): Promise<RegisterResponse> {
    const { status, body } = await this.post('/machine/register', JSON.stringify(this.registerBody(args)));
    if (status !== 200) throw new RhumbError('protocol', `register answered ${status}: ${body.toString()}`);
    return registerResponse.parse(parseJson(body.toString()));
  }

  registerBody(args: RegisterArgs): object {
    return {
      Version: CAPVER,
      NodeKey: this.nodeKey,
      OldNodeKey: args.oldNodeKey ?? ZERO_NODE_KEY,
      Auth: args.authKey === undefined ? null : { AuthKey: args.authKey },
      Expiry: args.expiry ?? ZERO_TIME,
      Followup: args.followup ?? '',
      Hostinfo: { OS: 'linux', Hostname: args.hostname ?? this.hostname, BackendLogID: 'ab' },
    };
  }

  mapBody(extra: object = {}): object {
    return {
      Version: CAPVER,
      Compress: 'zstd',
      KeepAlive: true,
      NodeKey: this.nodeKey,
      DiscoKey: this.discoKey,
      Hostinfo: { OS: 'linux', Hostname: this.hostname, BackendLogID: 'ab' },
      ...extra,
    };
  }

  /** A lite update. */
  async update(extra: object = {}): Promise<number> {
    return (await this.post('/machine/map', JSON.stringify(this.mapBody({ OmitPeers: true, ...extra }))))
      .status;
  }

  async stream(extra: object = {}): Promise<TestStream> {
    const request = this.#request('/machine/map', 'POST');
    request.end(JSON.stringify(this.mapBody({ Stream: true, ...extra })));
    const status = await headersOf(request);
    if (status !== 200) throw new RhumbError('protocol', `map answered ${status}`);
    return new TestStream(request, !('Compress' in extra));
  }

  #request(path: string, method: string): ClientHttp2Stream {
    const stream = this.session.request({ ':method': method, ':path': path }, { endStream: false });
    stream.on('error', () => undefined);
    return stream;
  }
}

/** The messages of one map stream, in order. */
export class TestStream {
  readonly #request: ClientHttp2Stream;
  /** Undecoded, because a swarm of machines would spend its time on that. */
  readonly #messages = new BoundedQueue<Buffer>(100_000);
  readonly #isCompressed: boolean;
  #held: Buffer = Buffer.alloc(0);
  #isDiscarding = false;
  /** What arrived so far. */
  received = { messages: 0, bytes: 0 };

  constructor(request: ClientHttp2Stream, isCompressed: boolean) {
    this.#request = request;
    this.#isCompressed = isCompressed;
    request.on('data', (chunk: Buffer) => this.#take(chunk));
    request.on('close', () => this.#messages.close());
  }

  get request(): ClientHttp2Stream {
    return this.#request;
  }

  /** The next message, or undefined when the stream is over. */
  async next(): Promise<MapResponse | undefined> {
    const payload = await this.#messages.next(AbortSignal.timeout(PATIENCE_MS));
    if (payload === undefined) return undefined;
    const json = this.#isCompressed ? zstdDecompressSync(payload) : payload;
    return mapResponse.parse(parseJson(json.toString()));
  }

  /** From now on messages are counted and dropped. */
  discard(): void {
    this.#isDiscarding = true;
  }

  /** Takes messages until one fits; fails when the stream ends before. */
  async until(fits: (message: MapResponse) => boolean): Promise<MapResponse> {
    for (;;) {
      const message = await this.next();
      if (message === undefined) throw new RhumbError('protocol', 'the map stream ended');
      if (fits(message)) return message;
    }
  }

  /** Resolves when the server has ended the stream. */
  async ended(): Promise<void> {
    while ((await this.next()) !== undefined);
  }

  close(): void {
    this.#request.close();
  }

  #take(chunk: Buffer): void {
    this.#held = Buffer.concat([this.#held, chunk]);
    while (this.#held.length >= 4 && this.#held.length >= 4 + this.#held.readUInt32LE(0)) {
      const end = 4 + this.#held.readUInt32LE(0);
      const payload = this.#held.subarray(4, end);
      this.#held = this.#held.subarray(end);
      this.received = { messages: this.received.messages + 1, bytes: this.received.bytes + payload.length };
      if (!this.#isDiscarding) this.#messages.push(payload);
    }
  }
}

const statusHeader = z.object({ ':status': z.number() });

function headersOf(stream: ClientHttp2Stream): Promise<number> {
  return new Promise((resolve, reject) => {
    stream.once('response', (headers) => resolve(statusHeader.parse(headers)[':status']));
    stream.once('close', () => reject(new RhumbError('unavailable', 'the stream ended without an answer')));
  });
}
