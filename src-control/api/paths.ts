/** The API's side of the outer server: takes what begins with /api, reads its body, answers. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Hono } from 'hono';
import { readBody, TooLarge } from '../http/body.ts';
import { type ApiContext, type ApiDeps, type ApiEnv, failureOf, mount, refuse } from './app.ts';
import { mountDocs } from './docs.ts';
import type { Style } from './errors.ts';
import { Answered, idempotent } from './idempotency.ts';
import { mountOauth } from './oauth.ts';
import { v1Endpoints } from './v1/endpoints.ts';
import { v2Endpoints } from './v2/endpoints.ts';
import { mountX } from './x.ts';
import { xEndpoints } from './x-endpoints.ts';

const BASE = '/api/';
/** A policy of 1 MiB with every character escaped once, as JSON has it. */
const MAX_BODY = 2 << 20;
/** Bodies that are being read or worked on at once: each may hold so much memory. */
const MAX_BODIES = 32;
/** Who has no key yet asks for a token, with a form. */
const MAX_STRANGERS_BODY = 16 * 1_024;
/** Requests that wait for their turn; more would wait longer than their senders do. */
const MAX_WAITING = 1_024;

export class ApiPaths {
  readonly #deps: ApiDeps;
  readonly #app: Hono<ApiEnv>;
  readonly #defer: (fn: () => void) => void;
  #bodies = 0;
  #waiting = 0;
  #lastTurn: Promise<void> = Promise.resolve();

  /** `defer` runs a function once whatever else is at hand was served; `setImmediate` in production. */
  constructor(deps: ApiDeps, defer: (fn: () => void) => void) {
    this.#deps = deps;
    this.#app = apiApp(deps);
    this.#defer = defer;
  }

  /** Whether the request was the API's; then it is answered. `remoteAddress` is the client's, behind whatever proxies. */
  request(request: IncomingMessage, response: ServerResponse, remoteAddress: string): boolean {
    if (!(request.url ?? '').startsWith(BASE)) return false;
    this.#serve(request, response, remoteAddress).catch((error: unknown) => {
      if (!(error instanceof TooLarge)) this.#deps.admin.log('debug', 'api.broke', { error });
      if (response.headersSent) return void response.destroy();
      response.writeHead(error instanceof TooLarge ? 413 : 400, { connection: 'close' }).end();
    });
    return true;
  }

  async #serve(request: IncomingMessage, response: ServerResponse, remoteAddress: string): Promise<void> {
    const method = request.method ?? 'GET';
    const hasBody = method !== 'GET' && method !== 'HEAD';
    // Strangers take no places: they could hold all of them by sending slowly.
    const isKnown = this.#deps.credentials.isKnown(request.headers.authorization);
    const early = hasBody && !isKnown ? await readBody(request, MAX_STRANGERS_BODY) : undefined;
    const takesPlace = hasBody && isKnown;
    if (this.#waiting >= MAX_WAITING || (takesPlace && this.#bodies >= MAX_BODIES)) {
      response.writeHead(503, { 'retry-after': '1', connection: 'close' }).end();
      return;
    }
    this.#bodies += takesPlace ? 1 : 0;
    this.#waiting += 1;
    try {
      const body = early ?? (hasBody ? await readBody(request, MAX_BODY) : new Uint8Array());
      await this.#turn();
      const asked = new Request(new URL(request.url ?? '/', 'http://server.invalid'), {
        method,
        headers: headersOf(request),
      });
      const answer = await this.#app.fetch(asked, {
        ...{ remoteAddress, body },
        listen: (watcher) => this.#deps.events?.(response, watcher) ?? false,
      });
      if (response.headersSent) return;
      response.writeHead(answer.status, Object.fromEntries(answer.headers));
      response.end(Buffer.from(await answer.arrayBuffer()));
    } finally {
      this.#bodies -= takesPlace ? 1 : 0;
      this.#waiting -= 1;
    }
  }

  /**
   * One request begins in each turn of the event loop: machines, the console and the administrator's socket get theirs
   * in between, however many programs ask for long lists at once.
   */
  #turn(): Promise<void> {
    this.#lastTurn = this.#lastTurn.then(() => new Promise((resolve) => this.#defer(resolve)));
    return this.#lastTurn;
  }
}

function headersOf(request: IncomingMessage): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers))
    if (value !== undefined && !name.startsWith(':'))
      headers.set(name, Array.isArray(value) ? value.join(', ') : value);
  return headers;
}

export function apiApp(deps: ApiDeps): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>();
  app.use(idempotent(new Answered(deps.admin.clock), deps.credentials));
  mountOauth(app, deps);
  mountDocs(app, deps, 'API v1 (compatible with Headscale)', '/api/v1', v1Endpoints);
  mountDocs(app, deps, 'API v2', '/api/v2', v2Endpoints);
  mount(app, deps, 'v1', v1Endpoints);
  mount(app, deps, 'v2', v2Endpoints);
  mount(app, deps, 'x', xEndpoints);
  mountX(app, deps);
  app.notFound((c) =>
    refuse(c, deps, styleOf(c), {
      status: 404,
      code: 'not-found',
      message: `there is nothing at ${c.req.path}`,
    }),
  );
  app.onError((error, c) => refuse(c, deps, styleOf(c), failureOf(deps, error)));
  return app;
}

const styleOf = (c: ApiContext): Style =>
  c.req.path.startsWith('/api/v1/') ? 'v1' : c.req.path.startsWith('/api/v2/') ? 'v2' : 'x';
