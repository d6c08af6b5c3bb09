/** A daemon for tests: the local API's contract on a real unix socket, with no network behind it. */

import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RhumbError } from '#shared/errors.ts';
import {
  API_PREFIX,
  encodeError,
  HEADER_RHUMB,
  isAdmitted,
  SECURITY_HEADERS,
} from '#shared/localapi/http.ts';
import { encodePingResult, type PingResult } from '#shared/localapi/misc.ts';
import { encodeNotify, type Notify, parseWatchMask } from '#shared/localapi/notify.ts';
import {
  applyPrefsEdit,
  encodePrefs,
  newPrefs,
  type Prefs,
  parseMaskedPrefs,
  parsePrefs,
  parseStartOptions,
  type StartOptions,
} from '#shared/localapi/prefs.ts';
import { encodeStatus, NO_STATUS, State, type StateName, type Status } from '#shared/localapi/status.ts';
import { VERSION } from '#shared/version.ts';
import { parseJson, stringifyJson } from '#shared/wire/json.ts';

export interface FakeCall {
  readonly method: string;
  /** Without the common prefix. */
  readonly path: string;
  readonly body: unknown;
  readonly headers: IncomingMessage['headers'];
}

interface Reply {
  readonly status: number;
  readonly json?: unknown;
  readonly text?: string;
}

/** What happens behind the API; each may send messages and change the status. */
export interface Behaviour {
  readonly start?: (daemon: FakeDaemon, options: StartOptions) => void;
  readonly login?: (daemon: FakeDaemon) => void;
  /** Undefined: no reply ever comes. */
  readonly ping?: (daemon: FakeDaemon, ip: string) => PingResult | undefined;
  /** Replies instead of the fake's own. */
  readonly reply?: (call: FakeCall) => Reply | undefined;
  /** Somebody began to watch. */
  readonly watch?: (daemon: FakeDaemon) => void;
  /** What a connection through the daemon carries back; undefined where it leads nowhere. */
  readonly dial?: (host: string, port: number) => ((sent: string) => string) | undefined;
  /** Why preferences are refused. */
  readonly check?: (prefs: Prefs) => string;
}

export class FakeDaemon implements AsyncDisposable {
  readonly socketPath: string;
  readonly calls: FakeCall[] = [];
  status: Status = { ...NO_STATUS, Version: VERSION, BackendState: 'NeedsLogin' };
  prefs: Prefs = newPrefs();
  version: string = VERSION;
  readonly #behaviour: Behaviour;
  readonly #folder: string;
  readonly #server: Server;
  readonly #watches = new Set<ServerResponse>();

  private constructor(folder: string, behaviour: Behaviour) {
    this.#folder = folder;
    this.#behaviour = behaviour;
    this.socketPath = join(folder, 'rhumbd.sock');
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((error: unknown) => response.destroy(error as Error));
    });
    this.#server.on('upgrade', (request, socket) => {
      const { 'dial-host': host = '', 'dial-port': port = '' } = request.headers;
      const answer = behaviour.dial?.(String(host), Number(port));
      if (answer === undefined) {
        socket.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 13\r\n\r\ndial failure\n');
        return;
      }
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: ts-dial\r\nConnection: upgrade\r\n\r\n');
      socket.on('data', (bytes: Buffer) => socket.end(answer(bytes.toString('utf8'))));
      socket.on('error', () => socket.destroy());
    });
  }

  static async listen(behaviour: Behaviour = {}): Promise<FakeDaemon> {
    const daemon = new FakeDaemon(await mkdtemp(join(tmpdir(), 'rhumb-cli-')), behaviour);
    await new Promise<void>((resolve) => daemon.#server.listen(daemon.socketPath, resolve));
    return daemon;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** `METHOD path` of each call so far. */
  get sequence(): readonly string[] {
    return this.calls.map(({ method, path }) => `${method} ${path}`);
  }

  get watching(): number {
    return this.#watches.size;
  }

  /** A message to every watch. */
  send(message: Notify): void {
    for (const watch of this.#watches)
      watch.write(`${stringifyJson(encodeNotify({ Version: VERSION, ...message }))}\n`);
  }

  /** Changes the state and tells the watches. */
  enter(state: StateName): void {
    if (this.status.BackendState === state) return;
    this.status = { ...this.status, BackendState: state };
    this.send({ State: State[state] });
  }

  endWatches(): void {
    for (const watch of this.#watches) watch.end();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { host, origin, referer } = request.headers;
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
    response.setHeader(HEADER_RHUMB, this.version);
    if (!isAdmitted({ host, origin, referer }))
      return send(response, { status: 403, text: 'invalid localapi request' });
    const url = request.url ?? '';
    if (!url.startsWith(API_PREFIX)) return send(response, { status: 404, text: 'not found' });
    const text = await bodyOf(request);
    const call: FakeCall = {
      method: request.method ?? '',
      path: url.slice(API_PREFIX.length),
      body: text === '' ? undefined : parseJson(text),
      headers: request.headers,
    };
    this.calls.push(call);
    const own = this.#behaviour.reply?.(call);
    if (own !== undefined) return send(response, own);
    const at = new URL(call.path, 'http://fake/');
    if (at.pathname === '/watch-ipn-bus') return this.#watch(at.searchParams, response);
    if (at.pathname === '/ping') return this.#ping(at.searchParams, response);
    send(response, this.#answer(call, at));
  }

  #answer(call: FakeCall, at: URL): Reply {
    switch (`${call.method} ${at.pathname}`) {
      case 'GET /status': {
        const hasPeers = at.searchParams.get('peers') !== 'false';
        return {
          status: 200,
          json: encodeStatus(hasPeers ? this.status : { ...this.status, Peer: undefined }),
        };
      }
      case 'GET /prefs':
        return { status: 200, json: encodePrefs(this.prefs) };
      case 'PATCH /prefs':
        return this.#edit(call.body);
      case 'POST /check-prefs': {
        const refusal = this.#behaviour.check?.(parsePrefs(call.body)) ?? '';
        return { status: 200, json: refusal === '' ? {} : encodeError(refusal) };
      }
      case 'POST /start':
        return this.#start(call.body);
      case 'POST /login-interactive':
        this.#behaviour.login?.(this);
        return { status: 204 };
      case 'POST /logout':
        this.prefs = newPrefs();
        this.enter('NeedsLogin');
        return { status: 204 };
      case 'PUT /profiles/':
        this.prefs = newPrefs();
        this.status = { ...this.status, BackendState: 'NeedsLogin', HaveNodeKey: false };
        return { status: 201 };
      default:
        return { status: 404, text: '404 page not found' };
    }
  }

  #edit(body: unknown): Reply {
    try {
      this.prefs = applyPrefsEdit(this.prefs, parseMaskedPrefs(body));
    } catch (error) {
      if (!(error instanceof RhumbError)) throw error;
      return { status: 400, json: encodeError(error.message) };
    }
    const state = this.status.BackendState;
    if (!this.prefs.WantRunning) this.enter('Stopped');
    else if (state === 'Stopped') {
      this.enter('Starting');
      this.enter('Running');
    }
    return { status: 200, json: encodePrefs(this.prefs) };
  }

  #start(body: unknown): Reply {
    const options = parseStartOptions(body);
    this.prefs = { ...(options.UpdatePrefs ?? this.prefs), Config: this.prefs.Config };
    this.#behaviour.start?.(this, options);
    return { status: 204 };
  }

  #watch(query: URLSearchParams, response: ServerResponse): void {
    const mask = parseWatchMask(query.get('mask') ?? undefined);
    if (typeof mask === 'string') {
      send(response, { status: 400, text: mask });
      return;
    }
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.flushHeaders();
    this.#watches.add(response);
    response.on('close', () => this.#watches.delete(response));
    this.#behaviour.watch?.(this);
  }

  #ping(query: URLSearchParams, response: ServerResponse): void {
    const ip = query.get('ip') ?? '';
    const result = this.#behaviour.ping?.(this, ip);
    if (result !== undefined) send(response, { status: 200, json: encodePingResult({ ...result, IP: ip }) });
  }
}

function send(response: ServerResponse, { status, json, text }: Reply): void {
  response.statusCode = status;
  if (json === undefined) response.end(text === undefined ? undefined : `${text}\n`);
  else {
    response.setHeader('Content-Type', 'application/json');
    response.end(`${stringifyJson(json)}\n`);
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
  return Buffer.concat(parts).toString('utf8');
}
