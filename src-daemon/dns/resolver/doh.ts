/** DNS over HTTPS (RFC 8484): one connection per server, kept for a while; and over HTTP to PeerAPIs inside the network. */
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { type ClientHttp2Session, connect as http2Connect, type IncomingHttpHeaders } from 'node:http2';
import { Duplex, type Readable } from 'node:stream';
import { type TLSSocket, connect as tlsConnect } from 'node:tls';
import { RhumbError } from '#shared/errors.ts';
import type { Server } from './attempts.ts';
import type { Asked, ExchangeDeps } from './exchange.ts';
import { answers, type Response, readResponse } from './response.ts';
import { MAX_MESSAGE_BYTES, put16 } from './wire.ts';

export interface DohDeps extends ExchangeDeps {
  readonly resolveHost: (host: string, signal: AbortSignal) => Promise<readonly string[]>;
  /** Certificate authorities in place of the system's, for tests. */
  readonly ca?: string | undefined;
}

const MESSAGE_TYPE = 'application/dns-message';
/** Long enough for a burst of questions; an idle connection costs both sides something. */
const IDLE_MS = 10_000;
const CONNECT_MS = 10_000;
/** An answer to a ping needs no work of the server. */
const PING_MS = 3_000;
/** Between two addresses of one server (RFC 8305 §5 says 150 to 250; these are known to work mostly). */
const NEXT_ADDRESS_MS = 300;
const MAX_ADDRESSES = 8;

/** Over HTTP/2, or a connection for one request of HTTP/1.1 where the server knows no other. */
type Connection =
  | { readonly kind: 'h2'; readonly session: ClientHttp2Session }
  | { readonly kind: 'h1'; readonly socket: TLSSocket };

export class DohClients implements AsyncDisposable {
  readonly #deps: DohDeps;
  readonly #sessions = new Map<string, Promise<ClientHttp2Session | undefined>>();
  /** Those asked whether they still live. */
  readonly #pinged = new WeakSet<ClientHttp2Session>();
  readonly #ended = new AbortController();
  readonly #agent: Agent;

  constructor(deps: DohDeps) {
    this.#deps = deps;
    this.#agent = peerAgent(deps, this.#ended.signal);
  }

  async ask(
    server: Extract<Server, { kind: 'https' | 'http' }>,
    { query, question }: Asked,
    signal: AbortSignal,
  ): Promise<Response> {
    // RFC 8484 §4.1: the same question is the same message for everybody.
    const message = Uint8Array.prototype.slice.call(query);
    put16(message, 0, 0);
    const answer =
      server.kind === 'http'
        ? await this.#askPeer(server, message, signal)
        : await this.#askHttps(server, message, signal);
    const response = answers(answer, message, question) ? readResponse(answer, question) : undefined;
    if (response === undefined) throw new RhumbError('protocol', `${server.url} answered another question`);
    return response;
  }

  /** Connections of the network that was. */
  flush(): void {
    for (const session of this.#sessions.values()) session.then((one) => one?.close(), ignore);
    this.#sessions.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort(new RhumbError('unavailable', 'the resolver has ended'));
    this.#agent.destroy();
    const open = [...this.#sessions.values()];
    this.#sessions.clear();
    for (const session of await Promise.allSettled(open))
      if (session.status === 'fulfilled') session.value?.destroy();
  }

  #askPeer(
    { url, addr }: Extract<Server, { kind: 'http' }>,
    message: Uint8Array,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const { pathname, search } = new URL(url);
    return exchange(
      httpRequest({
        host: addr.ip,
        port: addr.port,
        path: `${pathname}${search}`,
        method: 'POST',
        headers: headersFor(message),
        agent: this.#agent,
        signal,
      }),
      message,
    );
  }

  async #askHttps(
    server: Extract<Server, { kind: 'https' }>,
    message: Uint8Array,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const url = new URL(server.url);
    const open = this.#sessions.get(server.url);
    const known = open === undefined ? undefined : await abortable(open, signal);
    if (known !== undefined && !known.closed && !known.destroyed)
      return await this.#overHttp2(known, url, message, signal);
    const connecting = this.#connect(server, url);
    const session = connecting.then((one) => (one.kind === 'h2' ? one.session : undefined));
    this.#sessions.set(server.url, session);
    session.then(undefined, () => this.#forget(server.url, session));
    const connection = await abortable(connecting, signal);
    if (connection.kind === 'h2') {
      connection.session.once('close', () => this.#forget(server.url, session));
      return await this.#overHttp2(connection.session, url, message, signal);
    }
    this.#forget(server.url, session);
    return await overHttp1(connection.socket, url, message, signal);
  }

  async #overHttp2(
    session: ClientHttp2Session,
    url: URL,
    message: Uint8Array,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    try {
      return await overHttp2(session, url, message, signal);
    } catch (error) {
      if (signal.aborted) this.#probe(session);
      throw error;
    }
  }

  /** Where a way has broken silently, each new question would keep the connection for as long as the kernel tries: a quarter of an hour. */
  #probe(session: ClientHttp2Session): void {
    if (session.closed || session.destroyed || this.#pinged.has(session)) return;
    this.#pinged.add(session);
    const cancel = this.#deps.clock.after(PING_MS, () => session.destroy());
    session.ping(() => {
      cancel();
      this.#pinged.delete(session);
    });
  }

  #forget(url: string, session: Promise<ClientHttp2Session | undefined>): void {
    if (this.#sessions.get(url) === session) this.#sessions.delete(url);
  }

  /** Shared by all who ask meanwhile, so no one's patience but its own ends it. */
  async #connect({ ips }: Extract<Server, { kind: 'https' }>, url: URL): Promise<Connection> {
    const { clock } = this.#deps;
    const late = new AbortController();
    const cancel = clock.after(CONNECT_MS, () => late.abort(timeout(url)));
    const signal = AbortSignal.any([late.signal, this.#ended.signal]);
    try {
      const found = ips.length > 0 ? ips : await this.#deps.resolveHost(url.hostname, signal);
      const socket = await this.#firstSocket(found.slice(0, MAX_ADDRESSES), url, signal);
      if (socket.alpnProtocol !== 'h2') return { kind: 'h1', socket };
      const session = http2Connect(url.origin, { createConnection: () => socket });
      session.on('error', ignore); // each request hears of it
      session.setTimeout(IDLE_MS, () => session.close());
      session.unref();
      return { kind: 'h2', session };
    } finally {
      cancel();
    }
  }

  /** The first finished TLS handshake among the addresses, begun one after another. */
  async #firstSocket(ips: readonly string[], url: URL, signal: AbortSignal): Promise<TLSSocket> {
    if (ips.length === 0) throw new RhumbError('unavailable', `no address of ${url.hostname} is known`);
    const won = new AbortController();
    const both = AbortSignal.any([signal, won.signal]);
    let winner: TLSSocket | undefined;
    const attempts = ips.map(async (ip, i) => {
      if (i > 0) await this.#deps.clock.sleep(i * NEXT_ADDRESS_MS, both);
      const socket = await this.#tls(ip, url, both);
      if (winner !== undefined) socket.destroy();
      winner ??= socket;
      return winner;
    });
    try {
      return await Promise.any(attempts);
    } catch (error) {
      throw error instanceof AggregateError ? error.errors[0] : error;
    } finally {
      won.abort();
    }
  }

  async #tls(ip: string, url: URL, signal: AbortSignal): Promise<TLSSocket> {
    const port = url.port === '' ? 443 : Number(url.port);
    const { sockets, marks, ca } = this.#deps;
    const raw = await sockets.connectTcp({ ip, port }, { mark: marks(ip), signal });
    return await new Promise((resolve, reject) => {
      const host = url.hostname.replace(/^\[|\]$/g, '');
      const socket = tlsConnect({
        socket: raw,
        // A certificate of an address is judged by the address, which goes into no handshake (RFC 6066 §3).
        host,
        ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }),
        ALPNProtocols: ['h2', 'http/1.1'],
        minVersion: 'TLSv1.2',
        ...(ca === undefined ? {} : { ca }),
      });
      const abort = (): void => {
        socket.destroy();
        reject(signal.reason);
      };
      signal.addEventListener('abort', abort, { once: true });
      socket.once('error', reject);
      socket.once('close', () => reject(new RhumbError('unavailable', `${ip} ended the connection`)));
      socket.once('secureConnect', () => {
        signal.removeEventListener('abort', abort);
        socket.on('error', ignore);
        resolve(socket);
      });
    });
  }
}

const ignore = (): void => undefined;
/** Beside an error nobody looks at the second argument, but the types want one. */
const NO_SOCKET: Duplex = new Duplex();
const timeout = (url: URL): RhumbError => new RhumbError('timeout', `no connection to ${url.host} in time`);

const headersFor = (message: Uint8Array): Record<string, string | number> => ({
  'content-type': MESSAGE_TYPE,
  accept: MESSAGE_TYPE,
  'content-length': message.length,
});

function peerAgent({ sockets, marks, clock }: DohDeps, ended: AbortSignal): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: 8, timeout: IDLE_MS });
  agent.createConnection = (options, done) => {
    const ip = options.host ?? '';
    const port = Number(options.port);
    const late = new AbortController();
    const cancel = clock.after(CONNECT_MS, () =>
      late.abort(new RhumbError('timeout', `no connection to ${ip} in time`)),
    );
    const signal = AbortSignal.any([ended, late.signal]);
    sockets
      .connectTcp({ ip, port }, { mark: marks(ip), signal })
      .then(
        (socket) => done?.(null, socket),
        (error: Error) => done?.(error, NO_SOCKET),
      )
      .finally(cancel);
    return undefined;
  };
  return agent;
}

async function overHttp2(
  session: ClientHttp2Session,
  url: URL,
  message: Uint8Array,
  signal: AbortSignal,
): Promise<Uint8Array> {
  signal.throwIfAborted();
  const stream = session.request(
    { ':method': 'POST', ':path': `${url.pathname}${url.search}`, ...headersFor(message) },
    { signal },
  );
  const head = new Promise<IncomingHttpHeaders>((resolve, reject) => {
    stream.once('response', resolve);
    stream.once('error', reject);
    stream.once('close', () => reject(new RhumbError('unavailable', `${url.host} ended the request`)));
  });
  stream.end(message);
  const headers = await head;
  const status = Number(headers[':status']);
  return await bodyOf(stream, status, headers['content-type'], url.host);
}

function overHttp1(
  socket: TLSSocket,
  url: URL,
  message: Uint8Array,
  signal: AbortSignal,
): Promise<Uint8Array> {
  return exchange(
    httpRequest({
      createConnection: () => socket,
      host: url.host,
      setHost: false,
      path: `${url.pathname}${url.search}`,
      method: 'POST',
      headers: { host: url.host, connection: 'close', ...headersFor(message) },
      signal,
    }),
    message,
  ).finally(() => socket.destroy());
}

async function exchange(request: ReturnType<typeof httpRequest>, message: Uint8Array): Promise<Uint8Array> {
  const head = new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve);
    request.once('error', reject);
  });
  request.end(message);
  const response = await head;
  const type = response.headers['content-type'];
  return await bodyOf(response, response.statusCode ?? 0, type, request.host);
}

async function bodyOf(
  body: Readable,
  status: number,
  type: string | undefined,
  host: string,
): Promise<Uint8Array> {
  if (status !== 200 || type !== MESSAGE_TYPE) {
    body.destroy();
    throw new RhumbError('protocol', `${host} answered with status ${status} and ${type ?? 'no type'}`);
  }
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    if (!Buffer.isBuffer(chunk)) throw new RhumbError('internal', 'a body of bytes gave text');
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_MESSAGE_BYTES) throw new RhumbError('protocol', `${host} sent more than a message`);
  }
  return Buffer.concat(chunks);
}

async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
