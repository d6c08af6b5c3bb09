/** The local API's HTTP server: admission, credentials, dispatch, errors (localapi-and-daemon.md §1). */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { toRhumbError } from '#shared/errors.ts';
import {
  API_PREFIX,
  HEADER_CAP,
  HEADER_VERSION,
  isAdmitted,
  SECURITY_HEADERS,
} from '#shared/localapi/http.ts';
import { actorOf, type PeerCredentials } from './access.ts';
import type { ApiParts } from './call.ts';
import { listenUnix } from './listen.ts';
import type { UidOf } from './operator.ts';
import { sendText, statusOf } from './reply.ts';
import type { Route } from './route.ts';
import { routes } from './routes.ts';

export interface ServerOptions extends ApiParts {
  readonly socketPath: string;
  readonly daemonUid: number;
  /** Reads SO_PEERCRED; undefined when it can't, and then that connection may only read. */
  readonly credentialsOf: (socket: Socket) => PeerCredentials | undefined;
  readonly uidOf: UidOf;
}

/** The socket may be opened by everyone, because every connection's credentials are checked. */
const SOCKET_MODE = 0o666;
const KEEP_ALIVE_MS = 75_000;
const HEADERS_TIMEOUT_MS = 10_000;
const MAX_HEADER_BYTES = 16 * 1_024;
/**
 * Connections of one user, root aside. Everyone on the machine may connect, and one that never reads holds a whole network
 * map in our memory.
 */
const MAX_PER_USER = 64;

export class LocalApiServer implements AsyncDisposable {
  readonly #options: ServerOptions;
  readonly #server: Server;
  /** Taken at accept, never again: the process behind a socket may hand it on. */
  readonly #credentials = new WeakMap<Socket, PeerCredentials>();
  /** Connections of each user. */
  readonly #open = new Map<number | undefined, number>();
  readonly #ending = new AbortController();

  static async listen(options: ServerOptions): Promise<LocalApiServer> {
    const api = new LocalApiServer(options);
    await listenUnix(api.#server, options.socketPath, SOCKET_MODE);
    options.log('info', 'localapi.listening', { path: options.socketPath });
    return api;
  }

  private constructor(options: ServerOptions) {
    this.#options = options;
    this.#server = createServer(
      { keepAliveTimeout: KEEP_ALIVE_MS, maxHeaderSize: MAX_HEADER_BYTES },
      (request, response) => {
        this.#serve(request, response).catch((error: unknown) => {
          options.log('error', 'localapi.unanswered', { error });
          request.socket.destroy();
        });
      },
    );
    // Streams last as long as their client; only the headers have a deadline.
    this.#server.requestTimeout = 0;
    this.#server.timeout = 0;
    this.#server.headersTimeout = HEADERS_TIMEOUT_MS;
    this.#server.on('connection', (socket: Socket) => {
      const credentials = options.credentialsOf(socket);
      if (credentials !== undefined) this.#credentials.set(socket, credentials);
      if (credentials?.uid !== 0) this.#count(socket, credentials?.uid);
    });
    this.#server.on('connect', (_request, socket) => socket.end('HTTP/1.1 405 Method Not Allowed\r\n\r\n'));
    this.#server.on('upgrade', (_request, socket) => socket.end('HTTP/1.1 404 Not Found\r\n\r\n'));
  }

  /** Ends every stream, then the listener; the socket file goes with it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    this.#server.closeAllConnections();
    await closed;
  }

  /** Users without credentials share one count. */
  #count(socket: Socket, uid: number | undefined): void {
    const count = this.#open.get(uid) ?? 0;
    if (count >= MAX_PER_USER) {
      this.#options.log('debug', 'localapi.too-many', { uid });
      socket.destroy();
      return;
    }
    this.#open.set(uid, count + 1);
    socket.once('close', () => {
      const left = (this.#open.get(uid) ?? 1) - 1;
      if (left > 0) this.#open.set(uid, left);
      else this.#open.delete(uid);
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { host, origin, referer } = request.headers;
    if (!isAdmitted({ host, origin: text(origin), referer: text(referer) })) {
      sendText(response, 'invalid localapi request', 403);
      return;
    }
    response.setHeader(HEADER_VERSION, this.#options.version);
    response.setHeader(HEADER_CAP, String(this.#options.capability));
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
    const url = URL.parse(request.url ?? '', 'http://local/');
    if (url === null) sendText(response, 'bad request', 400);
    else if (url.pathname === '/') sendText(response, 'rhumbd');
    else await this.#dispatch(url, request, response);
  }

  async #dispatch(url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const found = findRoute(url.pathname);
    if (found === undefined) {
      sendText(response, '404 page not found', 404);
      return;
    }
    const { backend, daemonUid, uidOf, log } = this.#options;
    const method = request.method ?? 'GET';
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    try {
      const operatorUid = await uidOf(backend.prefs().OperatorUser);
      const actor = actorOf(this.#credentials.get(request.socket), { daemonUid, operatorUid });
      if (!(found.route.needs === 'write' ? actor.canWrite : actor.canRead)) {
        sendText(response, `${found.route.thing} access denied`, 403);
        return;
      }
      if (!found.route.methods.includes(method)) {
        const { status, text: body } = found.route.wrongMethod ?? { status: 405, text: 'method not allowed' };
        sendText(response, body, status);
        return;
      }
      const signal = AbortSignal.any([gone.signal, this.#ending.signal]);
      const query = url.searchParams;
      await found.route.handle({
        ...this.#options,
        actor,
        method,
        query,
        rest: found.rest,
        request,
        response,
        signal,
      });
    } catch (error) {
      if (gone.signal.aborted) return; // nobody is left to tell
      const { code, message } = toRhumbError(error);
      log(code === 'internal' ? 'error' : 'debug', 'localapi.failed', { path: url.pathname, method, error });
      if (response.headersSent) request.socket.destroy();
      else sendText(response, message, statusOf(code));
    }
  }
}

const text = (header: string | string[] | undefined): string | undefined =>
  Array.isArray(header) ? header.join(',') : header;

/** By the exact name first, then by its first part with the slash. */
export function findRoute(path: string): { readonly route: Route; readonly rest: string } | undefined {
  if (!path.startsWith(API_PREFIX)) return undefined;
  const name = path.slice(API_PREFIX.length);
  if (Object.hasOwn(routes, name)) return { route: routes[name] as Route, rest: '' };
  const slash = name.indexOf('/');
  if (slash < 0) return undefined;
  const prefix = name.slice(0, slash + 1);
  return Object.hasOwn(routes, prefix)
    ? { route: routes[prefix] as Route, rest: decode(name.slice(slash + 1)) }
    : undefined;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
