/** The web console's side of the server: its files, who is signed in, the calls of administrators, live events. */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { gzip as gzipCallback } from 'node:zlib';
import type { Session } from '#shared/console/live.ts';
import { RhumbError } from '#shared/errors.ts';
import { MAX_ARG_BYTES } from '../admin/call.ts';
import { type Caller, callerOfUser, may } from '../admin/caller.ts';
import { type CallName, calls, carryOutUnknown, isCallName } from '../admin/calls.ts';
import type { AdminDeps } from '../admin/deps.ts';
import { STATUS } from '../admin/status.ts';
import type { PendingMachines } from '../auth/pending.ts';
import { parseBody, readBody, TooLarge } from '../http/body.ts';
import { isAlive } from '../state/sessions.ts';
import { isActive } from '../state/user-state.ts';
import type { ConsoleAuth, Visitor } from '../web-auth/console-auth.ts';
import type { RequestFacts } from '../web-auth/visitor.ts';
import { type Assets, NONCE_PLACE, readAssets } from './assets.ts';
import { Events, type Watcher } from './events.ts';
import { apiHeaders, assetHeaders, pageHeaders } from './headers.ts';
import { notBuilt } from './not-built.ts';

export interface ConsoleDeps {
  readonly admin: AdminDeps;
  readonly auth: ConsoleAuth;
  readonly pending: PendingMachines;
  readonly serverUrl: string;
  readonly version: string;
  /** Where the built console lies. */
  readonly folder: string;
}

const BASE = '/admin';
const API = `${BASE}/api/`;
/** Below it compression gains nothing. */
const MIN_GZIP = 2_048;
const gzip = promisify(gzipCallback);

export class Console implements Disposable {
  readonly #deps: ConsoleDeps;
  readonly #events: Events;
  #assets: Assets | undefined;

  constructor(deps: ConsoleDeps) {
    this.#deps = deps;
    this.#events = new Events({
      network: deps.admin.network,
      pending: deps.pending,
      clock: deps.admin.clock,
    });
  }

  [Symbol.dispose](): void {
    this.#events[Symbol.dispose]();
  }

  /** Live events for others than the console's pages; false when there are too many who listen. */
  listen(response: ServerResponse, watcher: Watcher): boolean {
    return this.#events.open(response, watcher);
  }

  /** Whether the request was the console's; then it is answered. `remoteAddress` is the client's, behind whatever proxies. */
  request(request: IncomingMessage, response: ServerResponse, remoteAddress: string): boolean {
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    if (path !== BASE && !path.startsWith(`${BASE}/`)) return false;
    const facts = factsOf(request, remoteAddress);
    const work = path.startsWith(API)
      ? this.#api(path.slice(API.length), facts, request, response)
      : Promise.resolve(this.#file(path.slice(BASE.length + 1), request, response));
    work.catch((error: unknown) => this.#fail(response, error));
    return true;
  }

  #file(name: string, request: IncomingMessage, response: ServerResponse): void {
    if (request.method !== 'GET' && request.method !== 'HEAD')
      throw new RhumbError('not-found', 'pages are only read');
    // Read when it is first asked for, so that a console built later needs no restart.
    this.#assets ??= readAssets(this.#deps.folder);
    const nonce = randomBytes(16).toString('base64');
    if (this.#assets === undefined) {
      response.writeHead(503, { ...notBuilt.headers, 'content-type': 'text/html; charset=utf-8' });
      response.end(notBuilt.html);
      return;
    }
    const file = this.#assets.files.get(name);
    if (file !== undefined) {
      const zipped = acceptsGzip(request);
      response.writeHead(200, {
        ...assetHeaders(file.type),
        vary: 'accept-encoding',
        ...(zipped ? { 'content-encoding': 'gzip' } : {}),
      });
      response.end(zipped ? file.gzip : file.bytes);
    } else if (name.startsWith('assets/')) {
      response.writeHead(404, apiHeaders);
      response.end('{"error":{"code":"not-found","message":"no such file: reload the page"}}\n');
    } else {
      response.writeHead(200, pageHeaders(nonce));
      response.end(this.#assets.page.replaceAll(NONCE_PLACE, nonce));
    }
  }

  async #api(
    name: string,
    facts: RequestFacts,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const visitor = this.#deps.auth.visitorOf(facts);
    if (visitor === undefined) return send(response, 401, signedOut, false);
    if (name === 'session' && request.method === 'GET')
      return send(response, 200, this.#session(visitor), acceptsGzip(request));
    if (name === 'events' && request.method === 'GET') return this.#watch(visitor, response);
    if (!name.startsWith('call/') || request.method !== 'POST')
      throw new RhumbError('not-found', 'the console has no such address: reload the page');
    if (!this.#deps.auth.isOwnDoing(facts, visitor))
      throw new RhumbError('not-allowed', 'this page is of another session, or another site: reload it');
    if (!/^application\/json\b/.test(facts.header('content-type') ?? ''))
      throw new RhumbError('bad-argument', 'calls are made in JSON');
    const call = name.slice('call/'.length);
    if (!isCallName(call))
      throw new RhumbError('not-found', `the server knows no call ${call.slice(0, 64)}: reload the page`);
    const arg = parseBody(await readBody(request, MAX_ARG_BYTES));
    // Who sends slowly may have lost the session, or the role, meanwhile.
    const still = this.#deps.auth.visitorOf(facts);
    if (still === undefined) return send(response, 401, signedOut, false);
    const result = await carryOutUnknown(this.#deps.admin, call, arg, callerOf(still));
    await send(response, 200, result ?? null, acceptsGzip(request));
  }

  #session(visitor: Visitor): Session {
    const { user, csrf } = visitor;
    const { serverUrl, version, admin } = this.#deps;
    const by = callerOf(visitor);
    return {
      user: {
        id: user.id,
        name: user.name,
        displayName: user.displayName,
        pictureUrl: user.identity?.pictureUrl ?? '',
      },
      role: user.role,
      calls: Object.keys(calls).filter((name) => may(by, calls[name as CallName].scope)),
      csrf,
      server: { url: serverUrl, version, baseDomain: admin.baseDomain },
      links: { signOut: '/logout', passkeys: '/account' },
    };
  }

  #watch(visitor: Visitor, response: ServerResponse): void {
    const { network, clock } = this.#deps.admin;
    const watcher = {
      // Not by the cookie: a page that only listens must not keep its session from growing idle.
      userNow: () => {
        const session = network.sessions.get(visitor.session.id);
        const user = network.user(visitor.user.id);
        if (session === undefined || user === undefined) return undefined;
        if (!isAlive(session, clock.now()) || !isActive(user)) return undefined;
        return { id: user.id, seesAll: may(callerOf({ ...visitor, user }), 'devices:core:read') };
      },
    };
    if (!this.#events.open(response, watcher))
      throw new RhumbError('unavailable', 'too many consoles are open: close some');
  }

  #fail(response: ServerResponse, error: unknown): void {
    const known = error instanceof TooLarge ? new RhumbError('bad-argument', error.message) : error;
    if (!(known instanceof RhumbError)) this.#deps.admin.log('error', 'console.failed', { error });
    const { code, message } =
      known instanceof RhumbError ? known : new RhumbError('internal', 'the server failed; its log says why');
    if (response.headersSent) response.destroy();
    else {
      response.writeHead(STATUS[code], apiHeaders);
      response.end(`${JSON.stringify({ error: { code, message } })}\n`);
    }
  }
}

const signedOut = { error: { code: 'signed-out', message: 'nobody is signed in: sign in first' } };

const callerOf = ({ user, actor }: Visitor): Caller =>
  callerOfUser(user, 'console', actor.remoteAddress ?? '');

const factsOf = ({ headers }: IncomingMessage, remoteAddress: string): RequestFacts => ({
  header: (name) => {
    const value = headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  },
  remoteAddress,
});

const acceptsGzip = ({ headers }: IncomingMessage): boolean =>
  /\bgzip\b/.test(String(headers['accept-encoding'] ?? ''));

async function send(response: ServerResponse, status: number, body: unknown, zip: boolean): Promise<void> {
  const bytes = Buffer.from(`${JSON.stringify(body)}\n`);
  const isZipped = zip && bytes.length >= MIN_GZIP;
  const sent = isZipped ? await gzip(bytes, { level: 1 }) : bytes;
  response.writeHead(status, { ...apiHeaders, ...(isZipped ? { 'content-encoding': 'gzip' } : {}) });
  response.end(sent);
}
