/** One listener of the page: static files, and the socket behind them. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { RhumbError } from '#shared/errors.ts';
import { type IsOwnHost, type RequestHead, refusePage, refuseSocket } from './admission.ts';
import type { StaticFile } from './files.ts';
import type { Hello } from './frames.ts';
import { COMMON_HEADERS, cacheControl } from './headers.ts';
import { Seats } from './seats.ts';
import { type Guest, type SocketParts, serveSocket } from './socket.ts';
import type { Ends } from './socket-owner.ts';

export interface PageServerOptions extends Omit<SocketParts, 'admit' | 'seat'> {
  readonly files: ReadonlyMap<string, StaticFile>;
  readonly isOwnHost: IsOwnHost;
  /** Whether somebody at that address may load the page at all. */
  readonly mayLook: (ip: string) => boolean;
  /** Connections from one address; none of them may take all. */
  readonly maxPerAddress?: number | undefined;
  /** Who it is, by what he shows and where he is. */
  readonly admit: (hello: Hello, ends: Ends) => Guest | undefined;
}

export const BRIDGE_PATH = '/bridge';
const MAX_FRAME_BYTES = 1_024 * 1_024;
/** Sockets that have not yet said who they are; one more, and the first has to go. */
const MAX_UNKNOWN = 20;
const MAX_CONNECTIONS = 128;
const MAX_HEADER_BYTES = 16 * 1_024;
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
/** For the whole of a file: connections are few, and who reads nothing would keep his. */
const MAX_SENDING_MS = 60_000;

export class PageServer implements AsyncDisposable {
  readonly #options: PageServerOptions;
  readonly #server: Server;
  readonly #sockets: WebSocketServer;
  readonly #seats = new Seats();
  readonly #unknown = new Set<WebSocket>();
  /** Connections by address. */
  readonly #connections = new Map<string, number>();

  constructor(options: PageServerOptions) {
    this.#options = options;
    this.#server = createServer({ maxHeaderSize: MAX_HEADER_BYTES }, (request, response) =>
      this.#answer(request, response),
    );
    this.#server.headersTimeout = HEADERS_TIMEOUT_MS;
    this.#server.requestTimeout = REQUEST_TIMEOUT_MS;
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.on('connection', (socket) => this.#connected(socket));
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    this.#sockets = new WebSocketServer({
      noServer: true,
      maxPayload: MAX_FRAME_BYTES,
      perMessageDeflate: false,
      // Ours are counted, and not sent to who takes nothing.
      autoPong: false,
    });
  }

  /** Resolves to the port. */
  listen(ip: string, port: number): Promise<number> {
    const server = this.#server;
    return new Promise((resolve, reject) => {
      const failed = (error: Error): void =>
        reject(
          new RhumbError('unavailable', `the page can't be served at ${ip}: ${error.message}`, {
            cause: error,
          }),
        );
      server.once('error', failed);
      server.listen(port, ip, () => {
        server.off('error', failed);
        resolve((server.address() as AddressInfo).port);
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets.clients) socket.terminate();
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    this.#server.closeAllConnections();
    await closed;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    for (const [name, value] of Object.entries(COMMON_HEADERS)) response.setHeader(name, value);
    response.once(
      'close',
      this.#options.clock.after(MAX_SENDING_MS, () => request.socket.destroy()),
    );
    const head = headOf(request);
    const refusal = this.#refuse(request) ?? refusePage(head, this.#options.isOwnHost);
    if (refusal !== undefined) sendText(response, 403, refusal);
    else if (head.method !== 'GET' && head.method !== 'HEAD') sendText(response, 405, 'GET or HEAD');
    else if (hasBody(request)) sendText(response, 413, 'nothing is to be sent here');
    else {
      const file = this.#options.files.get(pathOf(request));
      if (file === undefined) sendText(response, 404, 'there is no such page');
      else sendFile(request, response, file);
    }
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const refusal = this.#refuse(request) ?? refuseSocket(headOf(request), this.#options.isOwnHost);
    if (refusal !== undefined || pathOf(request) !== BRIDGE_PATH) {
      // Who doesn't end his side would keep a connection that others need.
      socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n', () =>
        socket.destroy(),
      );
      return;
    }
    const ends = endsOf(request.socket);
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
      const [first] = this.#unknown;
      if (this.#unknown.size >= MAX_UNKNOWN) first?.terminate();
      this.#unknown.add(webSocket);
      webSocket.once('close', () => this.#unknown.delete(webSocket));
      const { admit, ...parts } = this.#options;
      serveSocket(webSocket, {
        ...parts,
        admit: (hello) => {
          this.#unknown.delete(webSocket);
          return admit(hello, ends);
        },
        seat: ({ id, rights }) => this.#seats.take(id, rights() ?? 'readonly'),
      });
    });
  }

  #connected(socket: Socket): void {
    const { maxPerAddress } = this.#options;
    const from = socket.remoteAddress ?? '';
    const count = (this.#connections.get(from) ?? 0) + 1;
    if (maxPerAddress !== undefined && count > maxPerAddress) {
      socket.destroy();
      return;
    }
    this.#connections.set(from, count);
    socket.once('close', () => {
      const left = (this.#connections.get(from) ?? 1) - 1;
      if (left > 0) this.#connections.set(from, left);
      else this.#connections.delete(from);
    });
  }

  #refuse({ socket }: IncomingMessage): string | undefined {
    return this.#options.mayLook(socket.remoteAddress ?? '') ? undefined : 'this page is not for everybody';
  }
}

const endsOf = ({ remoteAddress, remotePort, localAddress, localPort }: Socket): Ends => ({
  ip: remoteAddress ?? '',
  port: remotePort ?? 0,
  ownIp: localAddress ?? '',
  ownPort: localPort ?? 0,
});

const one = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value.join(',') : value;

const headOf = ({ method = 'GET', headers }: IncomingMessage): RequestHead => ({
  method,
  host: headers.host,
  origin: one(headers.origin),
  site: one(headers['sec-fetch-site']),
  dest: one(headers['sec-fetch-dest']),
});

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';

const pathOf = ({ url = '/' }: IncomingMessage): string => url.split('?', 1)[0] ?? '/';

function sendText(response: ServerResponse, status: number, text: string): void {
  const body = `${text}\n`;
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    // Whatever more comes on this connection is not read.
    Connection: 'close',
  });
  response.end(body);
}

function sendFile(request: IncomingMessage, response: ServerResponse, file: StaticFile): void {
  const isZipped = /\bgzip\b/.test(one(request.headers['accept-encoding']) ?? '');
  const body = isZipped ? file.gzip : file.bytes;
  response.writeHead(200, {
    'Content-Type': file.type,
    'Content-Length': body.length,
    'Cache-Control': cacheControl(file.isImmutable),
    Vary: 'Accept-Encoding',
    ...(isZipped && { 'Content-Encoding': 'gzip' }),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}
