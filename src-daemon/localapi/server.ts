/** The local API's HTTP server: admission, credentials, dispatch, errors (localapi-and-daemon.md §1). */
import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { RhumbError, toRhumbError } from '#shared/errors.ts';
import {
  API_PREFIX,
  decodeReason,
  HEADER_CAP,
  HEADER_REASON,
  HEADER_RHUMB,
  HEADER_VERSION,
  isAdmitted,
  SECURITY_HEADERS,
} from '#shared/localapi/http.ts';
import { type Actor, actorOf, type PeerCredentials } from './access.ts';
import type { ApiParts, Call } from './call.ts';
import { DIAL_PROTOCOL, DialError } from './dial.ts';
import { listenUnix } from './listen.ts';
import { NoMap } from './map.ts';
import { NotifyLines } from './notify-line.ts';
import type { UidOf } from './operator.ts';
import { withForm } from './params.ts';
import { sendJson, sendText, statusOf } from './reply.ts';
import type { Route } from './route.ts';
import { routes } from './routes.ts';
import { Turns } from './turns.ts';

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
/** For the whole of a reply that is ready; those without an end look after themselves. */
const MAX_SENDING_MS = 60_000;

export class LocalApiServer implements AsyncDisposable {
  readonly #options: ServerOptions;
  readonly #server: Server;
  /** Taken at accept, never again: the process behind a socket may hand it on. */
  readonly #credentials = new WeakMap<Socket, PeerCredentials>();
  /** Connections of each user. */
  readonly #open = new Map<number | undefined, number>();
  readonly #ending = new AbortController();
  readonly #lines: NotifyLines;
  readonly #turns = new Turns();

  static async listen(options: ServerOptions): Promise<LocalApiServer> {
    const api = new LocalApiServer(options);
    await listenUnix(api.#server, options.socketPath, SOCKET_MODE);
    options.log('info', 'localapi.listening', { path: options.socketPath });
    return api;
  }

  private constructor(options: ServerOptions) {
    this.#options = options;
    this.#lines = new NotifyLines(options.version);
    this.#server = createServer(
      {
        keepAliveTimeout: KEEP_ALIVE_MS,
        maxHeaderSize: MAX_HEADER_BYTES,
        // Clients that offer another HTTP version beside their request get their answer all the same.
        shouldUpgradeCallback: ({ headers }) => headers.upgrade === DIAL_PROTOCOL,
      },
      (request, response) =>
        this.#turns.take(request.socket, response, () => this.#answer(request, response)),
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
    // Node lets go of the sockets of both kinds, so that nobody else hears of their errors: their end is all that matters.
    this.#server.on('connect', (_request, socket) => {
      socket.on('error', () => undefined);
      socket.end('HTTP/1.1 405 Method Not Allowed\r\n\r\n');
    });
    this.#server.on('upgrade', (request, socket, head) => {
      socket.on('error', () => undefined);
      // The stream would begin amid the answers to what was asked before.
      if (this.#turns.isTaken(socket)) {
        socket.destroy();
        return;
      }
      const response = new ServerResponse(request);
      response.shouldKeepAlive = false;
      // Node's own field for the socket of a connection is a net.Socket; on ours it is one.
      response.assignSocket(socket as Socket);
      response.once('finish', () => socket.end());
      this.#answer(request, response, { socket, head });
    });
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

  /** A reply that is not taken would stay in our memory for as long as its connection. */
  #limitSending(request: IncomingMessage, response: ServerResponse): void {
    if (response.writableFinished || response.destroyed) return;
    const cancel = this.#options.clock.after(MAX_SENDING_MS, () => request.socket.destroy());
    response.once('close', cancel);
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

  #answer(request: IncomingMessage, response: ServerResponse, upgrade?: Call['upgrade']): void {
    // Whoever writes after its end has a bug, which must not end the daemon.
    response.on('error', (error) => this.#options.log('error', 'localapi.reply-failed', { error }));
    this.#serve(request, response, upgrade).catch((error: unknown) => {
      this.#options.log('error', 'localapi.unanswered', { error });
      request.socket.destroy();
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse, upgrade: Call['upgrade']): Promise<void> {
    const { host, origin, referer } = request.headers;
    if (!isAdmitted({ host, origin: text(origin), referer: text(referer) })) {
      sendText(response, 'invalid localapi request', 403);
      return;
    }
    response.setHeader(HEADER_VERSION, this.#options.version);
    response.setHeader(HEADER_RHUMB, this.#options.version);
    response.setHeader(HEADER_CAP, String(this.#options.capability));
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
    const url = URL.parse(request.url ?? '', 'http://local/');
    if (url === null) sendText(response, 'bad request', 400);
    else if (url.pathname === '/') sendText(response, 'rhumbd');
    // Answered by official daemons before they are ready; ours listens only when it is.
    else if (url.pathname === '/server-status') sendJson(response, {});
    else await this.#dispatch(url, request, response, upgrade);
  }

  async #dispatch(
    url: URL,
    request: IncomingMessage,
    response: ServerResponse,
    upgrade: Call['upgrade'],
  ): Promise<void> {
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
      const refusal = refuse(found.route, actor, method);
      if (refusal !== undefined) {
        sendText(response, refusal, 403);
        return;
      }
      if (!found.route.methods.includes(method)) {
        const { status, text: body } = found.route.wrongMethod ?? { status: 405, text: 'method not allowed' };
        sendText(response, body, status);
        return;
      }
      const reason = request.headers[HEADER_REASON.toLowerCase()];
      if (decodeReason(text(reason)) === false) throw new RhumbError('bad-argument', 'invalid reason header');
      const signal = AbortSignal.any([gone.signal, this.#ending.signal]);
      const query = await withForm(request, url.searchParams);
      const call = { actor, method, query, rest: found.rest, request, response, upgrade, signal };
      await found.route.handle({ ...this.#options, lines: this.#lines, ...call });
      if (upgrade === undefined) this.#limitSending(request, response);
    } catch (error) {
      if (gone.signal.aborted) return; // nobody is left to tell
      const { code, message } = toRhumbError(error);
      log(code === 'internal' ? 'error' : 'debug', 'localapi.failed', { path: url.pathname, method, error });
      if (response.headersSent) request.socket.destroy();
      else sendText(response, message, statusFor(error) ?? statusOf(code));
    }
  }
}

const text = (header: string | string[] | undefined): string | undefined =>
  Array.isArray(header) ? header.join(',') : header;

/** Some errors have a status of their own, whatever their code is elsewhere. */
function statusFor(error: unknown): number | undefined {
  if (error instanceof NoMap) return 503;
  return error instanceof DialError ? 502 : undefined;
}

/** Why this caller may not; undefined when it may. */
function refuse({ needs, thing, writes }: Route, actor: Actor, method: string): string | undefined {
  if (!(needs === 'write' ? actor.canWrite : actor.canRead)) return `${thing} access denied`;
  if (writes?.includes(method) === true && !actor.canWrite) return `${thing} write access denied`;
  return undefined;
}

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
