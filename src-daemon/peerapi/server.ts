/** Listens for peers on this machine's own addresses, and closes what is no peer's (localapi-and-daemon.md §8.1). */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '#shared/async/clock.ts';
import { canonicalIp, formatIp, parseIp, type SockAddr, unmap } from '#shared/ip/address.ts';
import type { Log } from '#shared/log/log.ts';
import type { Caller, PeerApiWorld } from './caller.ts';
import { PORT_ATTEMPTS, peerApiPort } from './port.ts';
import { answer } from './requests.ts';

const KEEP_ALIVE_MS = 75_000;
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
const MAX_HEADER_BYTES = 8 * 1_024;
const MAX_REQUESTS_PER_CONNECTION = 10_000;
/** Open connections of one machine, and of all. */
const MAX_PER_CALLER = 64;
const MAX_CONNECTIONS = 1_024;
/** An address may be a moment late on the interface. */
const RETRY_MS = 5_000;

export interface PeerApiDeps {
  readonly world: PeerApiWorld;
  readonly clock: Clock;
  readonly log: Log;
  /** What listens now, `ip` and port of each. */
  readonly changed: (at: readonly SockAddr[]) => void;
}

interface Listener {
  readonly ip: string;
  readonly port: number;
  readonly server: Server;
}

export class PeerApi implements AsyncDisposable {
  readonly #deps: PeerApiDeps;
  #own: readonly string[] = [];
  #listeners: readonly Listener[] = [];
  readonly #open = new Map<string, number>();
  /** Questions about names under way, by caller. */
  readonly #questions = new Map<string, number>();
  readonly #callers = new WeakMap<Socket, { readonly caller: Caller; readonly ip: string }>();
  readonly #counts = { requests: 0, refused: 0, unknown: 0, tooMany: 0 };
  #cancelRetry: (() => void) | undefined;
  /** One change at a time. */
  #turn: Promise<void> = Promise.resolve();

  constructor(deps: PeerApiDeps) {
    this.#deps = deps;
  }

  /** Listens on these addresses and no others; without any nothing listens. What can't be listened on is tried again later. */
  configure(own: readonly string[]): Promise<void> {
    this.#turn = this.#turn.then(() => this.#listenOn(own));
    return this.#turn;
  }

  async #listenOn(own: readonly string[]): Promise<void> {
    this.#own = own;
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    const before = this.#listeners;
    const kept = before.filter(({ ip }) => own.includes(ip));
    for (const { server } of before) if (!kept.some((one) => one.server === server)) await close(server);
    const opened: Listener[] = [];
    for (const ip of own) {
      if (kept.some((one) => one.ip === ip)) continue;
      const listener = await this.#listen(ip);
      if (listener !== undefined) opened.push(listener);
    }
    this.#listeners = [...kept, ...opened];
    if (this.#listeners.length < own.length)
      this.#cancelRetry = this.#deps.clock.after(RETRY_MS, () => void this.configure(this.#own));
    if (opened.length > 0 || kept.length < before.length) this.#deps.changed(this.listening);
  }

  get listening(): readonly SockAddr[] {
    return this.#listeners.map(({ ip, port }) => ({ ip, port }));
  }

  counters(): Readonly<Record<string, number>> {
    return {
      requests: this.#counts.requests,
      refused: this.#counts.refused,
      'unknown-callers': this.#counts.unknown,
      'too-many-connections': this.#counts.tooMany,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.configure([]);
  }

  /** The port that belongs to the address, the next ones, or any. */
  async #listen(ip: string): Promise<Listener | undefined> {
    let error: unknown;
    for (let attempt = 0; attempt <= PORT_ATTEMPTS; attempt++) {
      const server = this.#newServer();
      try {
        server.on('error', (error) => this.#deps.log('warn', 'peerapi.error', { ip, error: error.message }));
        const port = await listen(server, ip, attempt < PORT_ATTEMPTS ? peerApiPort(ip, attempt) : 0);
        this.#deps.log('info', 'peerapi.listening', { ip, port });
        return { ip, port, server };
      } catch (failure) {
        error = failure;
        await close(server);
        if (codeOf(failure) !== 'EADDRINUSE') break;
      }
    }
    this.#deps.log('warn', 'peerapi.cannot-listen', { ip, error: codeOf(error) });
    return undefined;
  }

  #newServer(): Server {
    const server = createServer(
      {
        maxHeaderSize: MAX_HEADER_BYTES,
        keepAliveTimeout: KEEP_ALIVE_MS,
        connectionsCheckingInterval: 5_000,
      },
      (request, response) => this.#request(request, response),
    );
    server.headersTimeout = HEADERS_TIMEOUT_MS;
    server.requestTimeout = REQUEST_TIMEOUT_MS;
    server.maxRequestsPerSocket = MAX_REQUESTS_PER_CONNECTION;
    server.maxConnections = MAX_CONNECTIONS;
    server.on('connection', (socket: Socket) => this.#connection(socket));
    // Neither tunnels nor other protocols are offered.
    server.on('connect', (_request, socket) => socket.destroy());
    server.on('upgrade', (_request, socket) => socket.destroy());
    return server;
  }

  /** The whole of who somebody is: the source address, which the packet engine has proven to be the peer's. */
  #connection(socket: Socket): void {
    const ip = plainIp(socket.remoteAddress);
    const caller = ip === undefined ? undefined : this.#deps.world.caller(ip);
    if (ip === undefined || caller === undefined) {
      this.#counts.unknown++;
      this.#deps.log('debug', 'peerapi.unknown-caller', { ip });
      socket.destroy();
      return;
    }
    const count = this.#open.get(caller.id) ?? 0;
    if (count >= MAX_PER_CALLER) {
      this.#counts.tooMany++;
      socket.destroy();
      return;
    }
    this.#open.set(caller.id, count + 1);
    socket.once('close', () => {
      const left = (this.#open.get(caller.id) ?? 1) - 1;
      if (left > 0) this.#open.set(caller.id, left);
      else this.#open.delete(caller.id);
    });
    this.#callers.set(socket, { caller, ip });
  }

  #request(request: IncomingMessage, response: ServerResponse): void {
    this.#counts.requests++;
    const at = this.#callers.get(request.socket);
    // Rights may have changed since the connection was made.
    const caller = at === undefined ? undefined : this.#deps.world.caller(at.ip);
    if (at === undefined || caller === undefined || caller.id !== at.caller.id) {
      request.socket.destroy();
      return;
    }
    const { world, log } = this.#deps;
    answer({ request, response, caller, ip: at.ip, own: this.#own, world, questions: this.#questions }).then(
      (outcome) => {
        if (outcome === 'answered') return;
        this.#counts.refused++;
        log('debug', 'peerapi.refused', { ip: at.ip, host: request.headers.host });
      },
      (error: unknown) => {
        // The client went away in the middle, or a bug of ours: in either case it gets nothing more.
        log('debug', 'peerapi.unanswered', { ip: at.ip, error: codeOf(error) });
        request.socket.destroy();
      },
    );
  }
}

function plainIp(address: string | undefined): string | undefined {
  const bytes = address === undefined ? undefined : parseIp(address);
  return bytes === undefined ? undefined : canonicalIp(formatIp(unmap(bytes)));
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : String(error);

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, ipv6Only: true }, () => {
      server.off('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}

async function close(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  server.closeAllConnections();
  await closed;
}
