/** The relay's own listeners: HTTPS (or HTTP) with the relay on it, and the plain one for captive-portal checks and ACME. */
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '#shared/async/clock.ts';
import type { NodeKey } from '#shared/key/key.ts';
import type { Log } from '#shared/log/log.ts';
import type { ConnInfo, RelayConn } from '../core/conn.ts';
import { AcceptGate, DEFAULT_GATE, type GateLimits, type Passage } from './accept-gate.ts';
import { type CertificateSource, isHostName } from './certificates.ts';
import { type Address, listen } from './listen.ts';
import { metaCertificate } from './meta-certificate.ts';
import { noContent, ownPage, type PageDeps, pathOf, text } from './pages.ts';
import { relayRoutes } from './routes.ts';
import { makeTlsServer } from './tls.ts';
import { type UpgradeCounters, upgradeCounters, wantsRelay } from './upgrade.ts';

export interface RelayFrontOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly listen: Address;
  /** Undefined = plain HTTP, for development or behind something that does TLS. */
  readonly certificates: CertificateSource | undefined;
  /** The plain listener beside a TLS one; undefined = none. */
  readonly http: Address | undefined;
  /** Where the plain listener sends browsers; undefined = to the host they asked for. */
  readonly hostName: string | undefined;
  readonly publicKey: NodeKey;
  readonly accept: (conn: RelayConn, info: ConnInfo) => Promise<void>;
  readonly pages: PageDeps;
  readonly gate?: GateLimits;
  /** All connections together; what is above is closed at once. */
  readonly maxConnections?: number;
}

export interface RelayFront extends AsyncDisposable {
  readonly port: number;
  /** Undefined without a plain listener. */
  readonly httpPort: number | undefined;
  readonly counters: FrontCounters;
  /** Lets nobody new in; who is in stays. */
  stopListening(): void;
}

export interface FrontCounters {
  readonly upgrades: UpgradeCounters;
  readonly accepted: number;
  readonly rejected: number;
  readonly tlsVersions: ReadonlyMap<string, number>;
  readonly tlsFailures: number;
}

/** Until a connection has become a relay connection. */
const LIMITS: http.ServerOptions = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 5_000,
  maxHeaderSize: 16 * 1_024,
  noDelay: true,
};
const REQUESTS_PER_CONNECTION = 100;
const BAD_REQUEST = 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n';
const ACME_PATH = '/.well-known/acme-challenge/';

export async function openRelayFront(options: RelayFrontOptions): Promise<RelayFront> {
  const { clock, log, certificates } = options;
  const gate = new AcceptGate(clock, options.gate ?? DEFAULT_GATE);
  const upgrades = upgradeCounters();
  const tls = { versions: new Map<string, number>(), failures: 0 };
  const passages = new Map<string, Passage>();
  const sockets = new Set<Socket>();
  const routes = relayRoutes(options.pages, {
    publicKey: options.publicKey,
    log,
    accept: options.accept,
    counters: upgrades,
    open: new Set(),
  });

  await using stack = new AsyncDisposableStack();
  // An upgrade to anything else is answered like a request without one.
  const serverOptions = { ...LIMITS, shouldUpgradeCallback: wantsRelay };
  const server =
    certificates === undefined
      ? http.createServer(serverOptions)
      : makeTlsServer(serverOptions, certificates, metaCertificate(options.publicKey, clock.now()), log);
  stack.defer(() => closeServer(server, sockets));
  guard(server, { gate, passages, sockets }, options.maxConnections, log);
  server.on('request', (request, response) => {
    if (!routes.request(request, response)) ownPage(options.pages, request, response);
  });
  server.on('upgrade', (request, socket, head) => {
    passages.get(nameOf(request.socket))?.upgraded();
    routes.upgrade(request, socket, head);
  });
  server.on('secureConnection', (socket) => {
    const version = socket.getProtocol() ?? 'unknown';
    tls.versions.set(version, (tls.versions.get(version) ?? 0) + 1);
  });
  server.on('tlsClientError', (error: Error, socket: Socket) => {
    tls.failures++;
    log('debug', 'tls.failed', { error: error.message });
    // Also one that only never began: Node tells of the time limit and leaves the rest to us.
    socket.destroy();
  });
  const port = await listen(server, options.listen, certificates === undefined ? 'HTTP' : 'HTTPS');

  let plain: http.Server | undefined;
  let httpPort: number | undefined;
  if (options.http !== undefined) {
    plain = plainServer(options, port);
    const opened = plain;
    stack.defer(() => closeServer(opened, sockets));
    guard(plain, { gate, passages, sockets }, options.maxConnections, log);
    httpPort = await listen(plain, options.http, 'HTTP');
  }

  const owned = stack.move();
  return {
    port,
    httpPort,
    counters: {
      upgrades,
      get accepted() {
        return gate.accepted;
      },
      get rejected() {
        return gate.rejected;
      },
      tlsVersions: tls.versions,
      get tlsFailures() {
        return tls.failures;
      },
    },
    stopListening: () => {
      server.close();
      plain?.close();
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

interface Door {
  readonly gate: AcceptGate;
  readonly passages: Map<string, Passage>;
  readonly sockets: Set<Socket>;
}

/** What is common to all listeners: who gets in, what may go wrong before there is a request. */
function guard(server: http.Server, door: Door, maxConnections: number | undefined, log: Log): void {
  server.maxRequestsPerSocket = REQUESTS_PER_CONNECTION;
  // Before the server's own listener, so that a surplus connection costs no TLS.
  server.prependListener('connection', (socket: Socket) => {
    // Of both listeners together: they share the descriptors.
    const isFull = maxConnections !== undefined && door.sockets.size >= maxConnections;
    const passage = isFull ? undefined : door.gate.enter(socket.remoteAddress);
    if (passage === undefined) {
      socket.on('error', ignore);
      socket.destroy();
      return;
    }
    const name = nameOf(socket);
    door.passages.set(name, passage);
    door.sockets.add(socket);
    socket.once('close', () => {
      door.passages.delete(name);
      door.sockets.delete(socket);
      passage.closed();
    });
  });
  // Failing to open is the caller's to tell.
  server.once('listening', () => {
    server.on('error', (error) => log('error', 'listener.failed', { error }));
  });
  server.on('clientError', (_error, socket) => {
    // Its other end may never close.
    if (socket.writable) socket.end(BAD_REQUEST, () => socket.destroy());
    else socket.destroy();
  });
}

const ignore = (): void => undefined;

/** A TLS connection has the same ends as the TCP connection under it; one client may use one port for both listeners. */
const nameOf = (socket: Pick<Socket, 'remoteAddress' | 'remotePort' | 'localPort'>): string =>
  `${socket.remoteAddress} ${socket.remotePort} ${socket.localPort}`;

function plainServer(options: RelayFrontOptions, tlsPort: number): http.Server {
  const server = http.createServer(LIMITS);
  server.on('request', (request, response) => plainPage(options, tlsPort, request, response));
  return server;
}

/** Clients look for captive portals here, authorities for their tokens; everything else belongs on the secure side. */
function plainPage(
  options: RelayFrontOptions,
  tlsPort: number,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const path = pathOf(request);
  if (path === '/generate_204') {
    noContent(request, response);
    return;
  }
  if (path.startsWith(ACME_PATH)) {
    const answer = options.certificates?.httpChallenge?.(path.slice(ACME_PATH.length));
    if (answer === undefined) text(response, 404, 'not found\n');
    else text(response, 200, answer);
    return;
  }
  const asked = (request.headers.host ?? '').replace(/:\d+$/, '');
  const host = options.hostName ?? (isHostName(asked) ? asked : undefined);
  if (host === undefined || (request.method !== 'GET' && request.method !== 'HEAD')) {
    text(response, 400, 'use https\n');
    return;
  }
  // A whole URL in the request line would run into the host name.
  const rest = request.url?.startsWith('/') === true ? request.url : '/';
  const target = `https://${host}${tlsPort === 443 ? '' : `:${tlsPort}`}${rest}`;
  const location = URL.parse(target)?.href ?? `https://${host}/`;
  response.writeHead(302, { location, 'content-length': 0 }).end();
}

/** Ends what became a relay connection too, which the server itself has let go of. */
async function closeServer(server: http.Server, sockets: ReadonlySet<Socket>): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const socket of sockets) socket.destroy();
  await closed;
}
