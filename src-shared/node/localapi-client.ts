/** Client of the daemon's local API: HTTP over its unix socket (localapi-and-daemon.md §1.5, §1.6, §1.8, §2.1). */
import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { Clock } from '../async/clock.ts';
import { RhumbError } from '../errors.ts';
import {
  API_PREFIX,
  encodeReason,
  errorText,
  HEADER_CAP,
  HEADER_REASON,
  HEADER_RHUMB,
  LOCAL_HOST,
} from '../localapi/http.ts';
import type { PingKind, PingResult, WhoIsResponse } from '../localapi/misc.ts';
import type { Notify } from '../localapi/notify.ts';
import type { Prefs, PrefsEdit, StartOptions } from '../localapi/prefs.ts';
import { DEFAULT_SOCKET } from '../localapi/socket.ts';
import type { Status } from '../localapi/status.ts';
import type { LoginProfile } from '../localapi/user.ts';
import { CAPABILITY_VERSION } from '../wire/capability.ts';
import { parseJson, stringifyJson } from '../wire/json.ts';
import { type Dialled, dialThrough } from './localapi-dial.ts';

/** A daemon that is just starting gets this long to open its socket (§1.5). */
const DIAL_RETRY_MS = 2_000;
const DIAL_PAUSE_MS = 250;

/** A Status of 10 000 peers has about 20 MB. */
const MAX_BODY = 128 * 1024 * 1024;
const MAX_ERROR_BODY = 64 * 1024;
const MAX_LINE = 128 * 1024 * 1024;

export interface LocalApiOptions {
  readonly socketPath: string;
  readonly clock: Clock;
  /** Called once with the version of a rhumbd that answers. */
  readonly onDaemonVersion?: ((version: string) => void) | undefined;
  /** How long a socket that is not there is tried again; the default is that of the official client. */
  readonly dialRetryMs?: number | undefined;
}

interface Call {
  readonly method: string;
  /** Name of the endpoint with its query. */
  readonly path: string;
  /** The only status that counts as success; undefined for any. */
  readonly want: number | undefined;
  readonly body?: unknown;
  /** Sent as it is, instead of `body`. */
  readonly text?: string | undefined;
  readonly reason?: string | undefined;
  /** The reply has no end. */
  readonly isStream?: boolean;
  readonly signal?: AbortSignal | undefined;
}

interface Reader<T> {
  safeParse(
    value: unknown,
  ): { readonly success: true; readonly data: T } | { readonly success: false; readonly error: Error };
}

/**
 * The schemas are loaded when a reply is to be read by one, while the daemon makes it: a command that only prints what it
 * gets starts in half the time.
 */
type Load<T> = () => Promise<Reader<T>>;
const loadStatus: Load<Status> = async () => (await import('../localapi/status.ts')).status;
const loadPrefs: Load<Prefs> = async () => (await import('../localapi/prefs.ts')).prefs;
const loadNotify: Load<Notify> = async () => (await import('../localapi/notify.ts')).notify;
const loadProfile: Load<LoginProfile> = async () => (await import('../localapi/user.ts')).loginProfile;
const loadProfiles: Load<readonly LoginProfile[]> = async () =>
  (await import('../localapi/user.ts')).loginProfile.array();
const loadWhoIs: Load<WhoIsResponse> = async () => (await import('../localapi/misc.ts')).whoIsResponse;
const loadPing: Load<PingResult> = async () => (await import('../localapi/misc.ts')).pingResult;
const loadWarning: Load<{ readonly Warning: string }> = async () =>
  (await import('../localapi/misc.ts')).warningReply;

/** A stream of messages. Iterate it once; leaving the loop, disposing it or aborting its signal ends the watch. */
export interface Watch extends AsyncIterable<Notify>, AsyncDisposable {}

/** A reply of any status, for those who look for a fault. */
export interface RawReply {
  readonly status: number;
  /** Code and words: `404 Not Found`. */
  readonly line: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly text: string;
}

export class LocalApi implements Disposable {
  readonly #options: LocalApiOptions;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 4 });
  /** An endless reply keeps its connection: it must not be one of those that calls take turns with. */
  readonly #streams = new Agent();
  readonly #openedAt: number;
  #versionTold = false;
  #rhumbVersion: string | undefined;

  constructor(options: LocalApiOptions) {
    this.#options = options;
    this.#openedAt = options.clock.monotonic();
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
    this.#streams.destroy();
  }

  /** Of the daemon that answered last, when it was a rhumbd. */
  get rhumbVersion(): string | undefined {
    return this.#rhumbVersion;
  }

  /** Status as the daemon sent it, for printing: unknown fields and nanoseconds included. */
  statusJson(options: { peers: boolean }, signal?: AbortSignal): Promise<unknown> {
    return this.#json({ method: 'GET', path: statusPath(options.peers), want: 200, signal });
  }

  status(options: { peers: boolean }, signal?: AbortSignal): Promise<Status> {
    return this.#read(loadStatus, { method: 'GET', path: statusPath(options.peers), want: 200, signal });
  }

  prefs(signal?: AbortSignal): Promise<Prefs> {
    return this.#read(loadPrefs, { method: 'GET', path: 'prefs', want: 200, signal });
  }

  async editPrefs(edit: PrefsEdit, signal?: AbortSignal, reason?: string): Promise<Prefs> {
    const { encodeMaskedPrefs } = await import('../localapi/prefs.ts');
    const body = encodeMaskedPrefs(edit);
    return await this.#read(loadPrefs, { method: 'PATCH', path: 'prefs', want: 200, body, signal, reason });
  }

  /** Advisory: the official daemon answers 200 also when it refuses; the text is why, '' when all is well. */
  async checkPrefs(value: Prefs, signal?: AbortSignal): Promise<string> {
    const { encodePrefs } = await import('../localapi/prefs.ts');
    const body = encodePrefs(value);
    const text = await this.#text({ method: 'POST', path: 'check-prefs', want: 200, body, signal });
    return text.trim() === '{}' ? '' : errorText(text);
  }

  async start(options: StartOptions, signal?: AbortSignal): Promise<void> {
    const { encodeStartOptions } = await import('../localapi/prefs.ts');
    await this.#text({
      method: 'POST',
      path: 'start',
      want: 204,
      body: encodeStartOptions(options),
      signal,
    });
  }

  /** Returns at once; the URL to visit comes on the watch. */
  async loginInteractive(signal?: AbortSignal): Promise<void> {
    await this.#text({ method: 'POST', path: 'login-interactive', want: 204, signal });
  }

  async logout(signal?: AbortSignal, reason?: string): Promise<void> {
    await this.#text({ method: 'POST', path: 'logout', want: 204, signal, reason });
  }

  /** Makes an empty profile and switches to it. */
  async newProfile(signal?: AbortSignal): Promise<void> {
    await this.#text({ method: 'PUT', path: 'profiles/', want: 201, signal });
  }

  whoIsJson(addr: string, proto: string, signal?: AbortSignal): Promise<unknown> {
    return this.#json({ method: 'GET', path: whoIsPath(addr, proto), want: 200, signal });
  }

  whoIs(addr: string, proto: string, signal?: AbortSignal): Promise<WhoIsResponse> {
    return this.#read(loadWhoIs, { method: 'GET', path: whoIsPath(addr, proto), want: 200, signal });
  }

  /** Resolves when the reply came; without one it waits until the signal aborts. */
  ping(
    target: { readonly ip: string; readonly kind: PingKind; readonly size: number },
    signal: AbortSignal,
  ): Promise<PingResult> {
    const query = new URLSearchParams({ ip: target.ip, size: String(target.size), type: target.kind });
    return this.#read(loadPing, { method: 'POST', path: `ping?${query}`, want: 200, signal });
  }

  /** Text of `check-ip-forwarding` or `check-udp-gro-forwarding`; '' when all is well. */
  async warning(
    name: 'check-ip-forwarding' | 'check-udp-gro-forwarding',
    signal?: AbortSignal,
  ): Promise<string> {
    return (await this.#read(loadWarning, { method: 'GET', path: name, want: 200, signal })).Warning;
  }

  /** Any JSON endpoint whose reply only its caller understands. */
  get(path: string, signal?: AbortSignal): Promise<unknown> {
    return this.#json({ method: 'GET', path, want: 200, signal });
  }

  /** Any JSON endpoint that wants a POST; `body` is JSON, or nothing. */
  post(path: string, body: unknown, signal?: AbortSignal): Promise<unknown> {
    return this.#json({ method: 'POST', path, want: 200, body, signal });
  }

  /** The reply of any endpoint as text. */
  text(method: string, path: string, want: number, signal?: AbortSignal): Promise<string> {
    return this.#text({ method, path, want, signal });
  }

  /** The bytes of an endless reply as they come; leaving the loop ends it. */
  async *stream(method: string, path: string, signal: AbortSignal): AsyncGenerator<Uint8Array, undefined> {
    const response = await this.#open({ method, path, want: 200, signal, isStream: true });
    try {
      yield* response as AsyncIterable<Buffer>;
    } catch (error) {
      throw streamError(error, signal);
    } finally {
      response.destroy();
    }
  }

  /** Whatever the daemon says to a request, refusals included. `path` begins behind the common prefix. */
  async raw(
    call: { readonly method: string; readonly path: string; readonly text: string | undefined },
    signal?: AbortSignal,
  ): Promise<RawReply> {
    const response = await this.#open({ ...call, want: undefined, signal });
    return {
      status: response.statusCode ?? 0,
      line: `${response.statusCode ?? 0} ${response.statusMessage ?? ''}`.trim(),
      headers: response.headers,
      text: await bodyText(response, MAX_BODY, signal),
    };
  }

  currentProfile(signal?: AbortSignal): Promise<LoginProfile> {
    return this.#read(loadProfile, { method: 'GET', path: 'profiles/current', want: 200, signal });
  }

  profiles(signal?: AbortSignal): Promise<readonly LoginProfile[]> {
    return this.#read(loadProfiles, { method: 'GET', path: 'profiles/', want: 200, signal });
  }

  async switchProfile(id: string, signal?: AbortSignal): Promise<void> {
    await this.#text({ method: 'POST', path: profilePath(id), want: 204, signal });
  }

  async deleteProfile(id: string, signal?: AbortSignal): Promise<void> {
    await this.#text({ method: 'DELETE', path: profilePath(id), want: 204, signal });
  }

  /** A TCP connection that the daemon makes; see there. */
  dial(host: string, port: number, signal: AbortSignal): Promise<Dialled> {
    return dialThrough(this.#options.socketPath, { host, port }, signal);
  }

  /** The messages of the bus as they were sent, for printing. */
  async *watchJson(mask: number, signal: AbortSignal): AsyncGenerator<unknown, undefined> {
    const path = `watch-ipn-bus?mask=${mask}`;
    for await (const line of lines(this.stream('GET', path, signal), MAX_LINE))
      if (line.trim() !== '') yield parseReply(line, 'watch-ipn-bus');
    signal.throwIfAborted();
    throw new RhumbError('unavailable', 'rhumbd ended the watch; has it just stopped?');
  }

  /** Resolves when the daemon has subscribed us: what happens from now on arrives. */
  async watch(mask: number, signal: AbortSignal): Promise<Watch> {
    const response = await this.#open({
      method: 'GET',
      path: `watch-ipn-bus?mask=${mask}`,
      want: 200,
      signal,
      isStream: true,
    });
    return {
      [Symbol.asyncIterator]: () => messages(response, signal),
      [Symbol.asyncDispose]: async () => {
        response.destroy();
      },
    };
  }

  async #read<T>(load: Load<T>, call: Call): Promise<T> {
    const [json, reader] = await Promise.all([this.#json(call), load()]);
    return decode(reader, json, endpointOf(call));
  }

  async #json(call: Call): Promise<unknown> {
    return parseReply(await this.#text(call), endpointOf(call));
  }

  async #text(call: Call): Promise<string> {
    const response = await this.#open(call);
    return await bodyText(response, MAX_BODY, call.signal);
  }

  /** Sends a call and gives its reply once the header is there and has the wanted status. */
  async #open(call: Call): Promise<IncomingMessage> {
    const response = await this.#dial(call);
    const version = response.headers[HEADER_RHUMB.toLowerCase()];
    this.#rhumbVersion = typeof version === 'string' ? version : undefined;
    if (!this.#versionTold && typeof version === 'string') {
      this.#versionTold = true;
      this.#options.onDaemonVersion?.(version);
    }
    if (call.want === undefined || response.statusCode === call.want) return response;
    const text = errorText(await bodyText(response, MAX_ERROR_BODY, call.signal));
    throw replyError(response, text, endpointOf(call));
  }

  async #dial(call: Call): Promise<IncomingMessage> {
    const { clock, socketPath, dialRetryMs = DIAL_RETRY_MS } = this.#options;
    let resend = call.method === 'GET';
    while (true) {
      call.signal?.throwIfAborted();
      const agent = call.isStream === true ? this.#streams : this.#agent;
      const result = await exchange(agent, socketPath, call);
      if (result.kind === 'reply') return result.response;
      call.signal?.throwIfAborted();
      if (result.stale && resend) {
        // The daemon closed an idle connection just as we used it: not a failure, once.
        resend = false;
        continue;
      }
      const isAbsent = result.code === 'ENOENT' || result.code === 'ECONNREFUSED';
      if (!isAbsent || clock.monotonic() - this.#openedAt >= dialRetryMs)
        throw dialError(socketPath, result.code, result.error);
      await clock.sleep(DIAL_PAUSE_MS, call.signal);
    }
  }
}

type Exchange =
  | { readonly kind: 'reply'; readonly response: IncomingMessage }
  | { readonly kind: 'failed'; readonly code: string; readonly stale: boolean; readonly error: Error };

function exchange(agent: Agent, socketPath: string, call: Call): Promise<Exchange> {
  const sent = call.text ?? (call.body === undefined ? undefined : stringifyJson(call.body));
  const payload = sent === undefined ? undefined : Buffer.from(sent, 'utf8');
  return new Promise((resolve) => {
    let outgoing: ClientRequest;
    try {
      outgoing = request({
        agent,
        socketPath,
        method: call.method,
        path: `${API_PREFIX}${call.path}`,
        headers: {
          Host: LOCAL_HOST,
          [HEADER_CAP]: String(CAPABILITY_VERSION),
          ...(call.reason !== undefined &&
            call.reason !== '' && { [HEADER_REASON]: encodeReason(call.reason) }),
          ...(payload !== undefined && {
            'Content-Type': 'application/json',
            'Content-Length': payload.length,
          }),
        },
        ...(call.signal !== undefined && { signal: call.signal }),
      });
    } catch (error) {
      resolve({ kind: 'failed', code: codeOf(error), stale: false, error: asError(error) });
      return;
    }
    outgoing.on('response', (response) => resolve({ kind: 'reply', response }));
    outgoing.on('error', (error) => {
      const code = codeOf(error);
      const stale = outgoing.reusedSocket && (code === 'ECONNRESET' || code === 'EPIPE');
      resolve({ kind: 'failed', code, stale, error });
    });
    outgoing.end(payload);
  });
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));

function codeOf(error: unknown): string {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : '';
}

const endpointOf = (call: Call): string => call.path.split('?', 1)[0] ?? call.path;

const statusPath = (peers: boolean): string => (peers ? 'status' : 'status?peers=false');

const profilePath = (id: string): string => `profiles/${encodeURIComponent(id)}`;

function whoIsPath(addr: string, proto: string): string {
  const query = new URLSearchParams({ addr });
  if (proto !== '') query.set('proto', proto);
  return `whois?${query}`;
}

/** Why the socket does not answer, and what to do about it. */
function dialError(path: string, code: string, cause: Error): RhumbError {
  const how = `start it with: sudo rhumbd${path === DEFAULT_SOCKET ? '' : ` --socket ${path}`}`;
  switch (code) {
    case 'ENOENT':
      return new RhumbError('unavailable', `rhumbd isn't running: there is no socket ${path}; ${how}`, {
        cause,
      });
    case 'ECONNREFUSED':
      return new RhumbError('unavailable', `rhumbd isn't running: nothing answers at ${path}; ${how}`, {
        cause,
      });
    case 'EACCES':
    case 'EPERM':
      return new RhumbError(
        'not-allowed',
        `permission denied on ${path}: run this command with sudo, or as the user who runs rhumbd`,
        { cause },
      );
    case 'ENOTSOCK':
    case 'EINVAL':
    case 'ENOTDIR':
      return new RhumbError('bad-argument', `${path} isn't a socket of rhumbd: check --socket`, { cause });
    case 'ECONNRESET':
    case 'EPIPE':
      return new RhumbError('unavailable', `rhumbd at ${path} closed the connection; has it just stopped?`, {
        cause,
      });
    default:
      return new RhumbError('unavailable', `can't reach rhumbd at ${path}: ${cause.message}`, { cause });
  }
}

/** Classes of errors as the official client has them (§1.8). */
function replyError(response: IncomingMessage, text: string, endpoint: string): RhumbError {
  const code = response.statusCode ?? 0;
  switch (code) {
    case 401:
    case 403:
      return new RhumbError('not-allowed', `Access denied: ${text}`);
    case 404:
      return new RhumbError('not-found', text === '' ? `the daemon doesn't know ${endpoint}` : text);
    case 412:
      return new RhumbError('conflict', `Preconditions failed: ${text}`);
    default: {
      const line = `${code} ${response.statusMessage ?? ''}`.trim();
      if (code >= 200 && code < 300)
        return new RhumbError('protocol', `${endpoint}: unexpected reply ${line}`);
      return new RhumbError(code === 400 ? 'bad-argument' : 'internal', text === '' ? line : text);
    }
  }
}

function tooLong(what: string, max: number): RhumbError {
  return new RhumbError('protocol', `${what} of more than ${max} bytes from the daemon`);
}

/** Failures while a body arrives: the caller's abort, else a daemon that went away. */
function streamError(error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted === true) return signal.reason;
  if (error instanceof RhumbError) return error;
  return new RhumbError('unavailable', 'rhumbd closed the connection; has it just stopped?', {
    cause: error,
  });
}

async function bodyText(response: IncomingMessage, max: number, signal?: AbortSignal): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const part of response as AsyncIterable<Buffer>) {
      size += part.length;
      if (size > max) throw tooLong('a reply', max);
      parts.push(part);
    }
  } catch (error) {
    throw streamError(error, signal);
  }
  return Buffer.concat(parts).toString('utf8');
}

function parseReply(text: string, endpoint: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    throw new RhumbError('protocol', `${endpoint}: the daemon's reply is not JSON`, { cause: error });
  }
}

function decode<T>(reader: Reader<T>, value: unknown, endpoint: string): T {
  const result = reader.safeParse(value);
  if (result.success) return result.data;
  throw new RhumbError('protocol', `${endpoint}: the daemon's reply is malformed`, { cause: result.error });
}

/** Splits a stream into lines, each bounded; what follows the last newline is dropped (the daemon died in it). */
export async function* lines(source: AsyncIterable<Uint8Array>, max: number): AsyncGenerator<string> {
  let held: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source) {
    let from = 0;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      held.push(chunk.subarray(from, at));
      yield Buffer.concat(held).toString('utf8');
      held = [];
      size = 0;
      from = at + 1;
    }
    const rest = chunk.subarray(from);
    size += rest.length;
    if (size > max) throw tooLong('a message', max);
    if (rest.length > 0) held.push(rest);
  }
}

async function* messages(response: IncomingMessage, signal: AbortSignal): AsyncGenerator<Notify, undefined> {
  try {
    const notify = await loadNotify();
    for await (const line of lines(response, MAX_LINE)) {
      if (line.trim() !== '') yield decode(notify, parseReply(line, 'watch-ipn-bus'), 'watch-ipn-bus');
    }
  } catch (error) {
    throw streamError(error, signal);
  } finally {
    response.destroy();
  }
  throw new RhumbError('unavailable', 'rhumbd ended the watch; has it just stopped?');
}
