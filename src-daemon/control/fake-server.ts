/** A coordination server for tests: the real channel on loopback, with answers that each test chooses. */
import http, { type IncomingMessage } from 'node:http';
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { zstdCompressSync } from 'node:zlib';
import { concat, utf8 } from '#shared/bytes/bytes.ts';
import { generatePrivate, importPrivate, type X25519Private } from '#shared/crypto/x25519.ts';
import { machineKeyFrom, ZERO_MACHINE_KEY } from '#shared/key/key.ts';
import { acceptTs2021, type Ts2021Peer } from '#shared/node/ts2021-server.ts';
import { parseJson, stringifyJson } from '#shared/wire/json.ts';

export interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object | string;
}

export type Body = Readonly<Record<string, unknown>>;

/** A map stream that a client holds open. */
export class FakeMapStream {
  readonly request: Body;
  readonly stream: ServerHttp2Stream;
  constructor(stream: ServerHttp2Stream, request: Body) {
    this.stream = stream;
    this.request = request;
  }

  send(message: object): void {
    this.sendRaw(zstdCompressSync(utf8(stringifyJson(message))));
  }

  sendRaw(payload: Uint8Array): void {
    const head = new Uint8Array(4);
    new DataView(head.buffer).setUint32(0, payload.length, true);
    this.stream.write(concat(head, payload));
  }
}

export class FakeServer implements AsyncDisposable {
  readonly url: string;
  readonly peers: Ts2021Peer[] = [];
  readonly sessions: ServerHttp2Session[] = [];
  readonly registers: Body[] = [];
  readonly lites: Body[] = [];
  readonly posts: { readonly path: string; readonly body: string }[] = [];
  readonly streams: FakeMapStream[] = [];
  /** How many keys were asked for. */
  keys = 0;
  /** May wait; a rejected or never settled promise leaves the request open. */
  onRegister: (body: Body) => Reply | Promise<Reply> = () => ({ body: { MachineAuthorized: true } });
  onLite: (body: Body) => Reply = () => ({});
  /** Anything but undefined is answered instead of a stream. */
  onStream: (body: Body) => Reply | undefined = () => undefined;
  readonly #server: http.Server;
  readonly #sockets: Set<Socket>;
  readonly #waiters = new Set<() => void>();

  private constructor(server: http.Server, control: X25519Private) {
    const sockets = new Set<Socket>();
    this.#server = server;
    this.#sockets = sockets;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('connection', (socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    });
    const keys = { legacyPublicKey: ZERO_MACHINE_KEY, publicKey: machineKeyFrom(control.publicRaw) };
    server.on('request', (_request, response) => {
      this.keys++;
      response.end(JSON.stringify(keys));
    });
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      const onSession = (session: ServerHttp2Session, peer: Ts2021Peer): void => this.#adopt(session, peer);
      acceptTs2021(request, socket, head, { controlKey: control, onSession });
    });
  }

  static async open(options: { readonly port?: number } = {}): Promise<FakeServer> {
    const server = http.createServer();
    await new Promise<void>((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve));
    return new FakeServer(server, importPrivate(generatePrivate()));
  }

  /** Waits until `condition` holds; looked at after everything that happens here. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiters.add(resolve));
  }

  /** To be called when something outside of the server happened that a waiter may wait for. */
  poke(): void {
    for (const wake of this.#waiters) wake();
    this.#waiters.clear();
  }

  /** The newest map stream, once there are `count`. */
  async stream(count = 1): Promise<FakeMapStream> {
    await this.until(() => this.streams.length >= count);
    return this.streams[count - 1] as FakeMapStream;
  }

  /** Cuts every connection, as a restart would. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  #adopt(session: ServerHttp2Session, peer: Ts2021Peer): void {
    this.peers.push(peer);
    this.sessions.push(session);
    session.on('stream', (stream, headers) => {
      const path = String(headers[':path']);
      const parts: Buffer[] = [];
      stream.on('error', () => undefined);
      stream.on('data', (part: Buffer) => parts.push(part));
      stream.on('end', () => {
        this.#serve(stream, path, Buffer.concat(parts).toString('utf8')).then(
          () => this.poke(),
          () => stream.close(),
        );
      });
    });
  }

  async #serve(stream: ServerHttp2Stream, path: string, text: string): Promise<void> {
    if (path === '/machine/register') {
      const body = parseJson(text) as Body;
      this.registers.push(body);
      this.poke();
      reply(stream, await this.onRegister(body));
    } else if (path === '/machine/map') this.#map(stream, parseJson(text) as Body);
    else {
      this.posts.push({ path, body: text });
      reply(stream, {});
    }
  }

  #map(stream: ServerHttp2Stream, body: Body): void {
    if (body['Stream'] !== true) {
      this.lites.push(body);
      reply(stream, this.onLite(body));
      return;
    }
    const instead = this.onStream(body);
    if (instead !== undefined) {
      reply(stream, instead);
      return;
    }
    stream.respond({ ':status': 200 });
    this.streams.push(new FakeMapStream(stream, body));
  }
}

function reply(stream: ServerHttp2Stream, answer: Reply): void {
  if (stream.destroyed) return;
  stream.respond({ ':status': answer.status ?? 200, ...answer.headers });
  const body = answer.body ?? '';
  stream.end(typeof body === 'string' ? body : stringifyJson(body));
}
