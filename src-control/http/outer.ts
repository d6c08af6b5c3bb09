/** The server that everybody can reach: /key, /ts2021, the sign-in page, health and version (control-protocol.md §2, §3). */
import type http from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { Hono } from 'hono';
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { type MachineKey, type NodeKey, parseNodeKey, ZERO_MACHINE_KEY } from '#shared/key/key.ts';
import type { Log } from '#shared/log/log.ts';
import { refuseUpgrade } from '#shared/node/ts2021-server.ts';
import type { RegisterDeps } from '../auth/register.ts';
import type { SignIn } from '../oidc/sign-in.ts';
import type { SshCheck } from '../ssh-check/ssh-check.ts';
import type { OuterEnv } from '../web-auth/visitor.ts';
import type { WebAuth } from '../web-auth/web-auth.ts';
import { readBody, TooLarge } from './body.ts';
import { oidcPages } from './oidc-pages.ts';
import { signInRoutes } from './sign-in.ts';
import { sshPages } from './ssh-pages.ts';

export interface OuterDeps {
  readonly register: RegisterDeps;
  readonly log: Log;
  readonly publicKey: MachineKey;
  readonly version: string;
  /** A router came to the address of its probe; false when nobody asked, or not any more. */
  readonly probeAnswered?: ((id: string) => boolean) | undefined;
  /** Nothing is answered before. */
  readonly ready: Promise<void>;
  /** The paths of an embedded relay. */
  readonly relay?: RelayPaths | undefined;
  /** The web console's paths; `remoteAddress` is the client's. Undefined without a console. */
  readonly console?: (() => ConsolePaths | undefined) | undefined;
  /** Those of the HTTP API. */
  readonly api?: (() => ConsolePaths | undefined) | undefined;
  /** Signing in to the console. */
  readonly web: WebAuth;
  readonly sshCheck: SshCheck;
  /** Asked once everything is ready; undefined without identity providers. */
  readonly signIn?: (() => SignIn | undefined) | undefined;
  /** Whether the machine with this key may use relays. */
  readonly mayRelay: (key: NodeKey) => boolean;
  /** From where a request comes, behind proxies that are trusted. */
  readonly addressOf: (request: IncomingMessage) => string;
  readonly health: { live(): HealthAnswer; ready(): Promise<HealthAnswer> };
  /** Takes over the socket of a /ts2021 upgrade. */
  readonly onUpgrade: (request: IncomingMessage, socket: Duplex, head: Uint8Array) => void;
}

/** Both say whether what came was the relay's; then it is answered. */
export interface RelayPaths {
  request(request: IncomingMessage, response: ServerResponse): boolean;
  upgrade(request: IncomingMessage, socket: Duplex, head: Uint8Array): boolean;
}

/** Says whether what came was the console's, or the API's; then it is answered. */
export interface ConsolePaths {
  request(request: IncomingMessage, response: ServerResponse, remoteAddress: string): boolean;
}

export interface Listen {
  readonly host: string;
  readonly port: number;
  /** With or without TLS. */
  readonly makeServer: (limits: http.ServerOptions) => http.Server;
}

/** An answer for those who watch the server. */
export interface HealthAnswer {
  readonly status: 200 | 503;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Forms are a few hundred bytes. */
const MAX_FORM = 4_096;
const BAD_REQUEST = 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n';
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;

export function outerApp(deps: OuterDeps): Hono<OuterEnv> {
  const app = new Hono<OuterEnv>();
  // Whoever came by https once is not to be led back to plain HTTP.
  if (deps.register.serverUrl.startsWith('https:'))
    app.use(async (c, next) => {
      await next();
      c.header('strict-transport-security', 'max-age=31536000');
    });
  app.get('/key', (c) => {
    if (!/^\d{1,5}$/.test(c.req.query('v') ?? '')) return c.text('want /key?v=<capability version>\n', 400);
    const body = { legacyPublicKey: ZERO_MACHINE_KEY, publicKey: deps.publicKey };
    // Browser clients read it from another origin; it is public.
    return c.json(body, 200, { 'access-control-allow-origin': '*' });
  });
  app.all('/ts2021', (c) =>
    c.text('this address wants an upgrade; does a proxy in between remove it?\n', 400),
  );
  // HEAD as well, which is what machines send (control-protocol.md §4.1).
  app.get('/machine/ping-response', (c) => {
    const isKnown = deps.probeAnswered?.((c.req.query('id') ?? '').slice(0, 64)) ?? false;
    return c.body(null, isKnown ? 200 : 404);
  });
  app.post('/verify', async (c) => verify(deps, await c.req.text()));
  app.get('/health', (c) => {
    const { status, body } = deps.health.live();
    return c.json(body, status, { 'cache-control': 'no-store' });
  });
  app.get('/ready', async (c) => {
    const { status, body } = await deps.health.ready();
    return c.json(body, status, { 'cache-control': 'no-store' });
  });
  app.get('/version', (c) => c.json({ version: deps.version }));
  app.get('/robots.txt', (c) => c.text('User-agent: *\nDisallow: /\n'));
  const signIn = deps.signIn?.();
  const oidc = signIn === undefined ? undefined : oidcPages(deps.register, signIn, deps.web);
  app.route('/', signInRoutes(deps.register, deps.web, oidc));
  app.route(
    '/',
    deps.web.routes((next, again) => oidc?.waysTo(next, again) ?? []),
  );
  app.route('/', sshPages(deps.register.clock, deps.sshCheck, deps.web));
  if (oidc !== undefined) app.route('/', oidc.routes);
  app.notFound((c) => c.text('not found\n', 404));
  app.onError((error, c) => {
    deps.log('error', 'request.failed', { path: c.req.path, error });
    return c.text('the server failed; its log says why\n', 500);
  });
  return app;
}

/** Listens, or rejects with what to do about it; `serveOuter` must follow before anything else is awaited. */
export async function listenOuter(listen: Listen): Promise<http.Server> {
  const limits = {
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionsCheckingInterval: 5_000,
    maxHeaderSize: 16 * 1_024,
  };
  const server = listen.makeServer(limits);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => reject(listenError(listen, cause)));
    server.listen(listen.port, listen.host, resolve);
  });
  server.removeAllListeners('error');
  return server;
}

export function serveOuter(server: http.Server, deps: OuterDeps): void {
  let app: Hono<OuterEnv> | undefined;
  let builtFor: SignIn | undefined;
  server.on('error', (error) => deps.log('error', 'listener.failed', { error }));
  server.on('request', (request, response) => {
    deps.ready
      .then(async () => {
        // Not before: what it serves may open later than the listener; and anew when there are other providers.
        const providers = deps.signIn?.();
        if (app === undefined || providers !== builtFor) app = outerApp(deps);
        builtFor = providers;
        response.once('finish', () => count(deps, request, response));
        if (deps.relay?.request(request, response) === true) return;
        const remoteAddress = deps.addressOf(request);
        if (deps.console?.()?.request(request, response, remoteAddress) === true) return;
        if (deps.api?.()?.request(request, response, remoteAddress) === true) return;
        await serve(app, request, response, remoteAddress);
      })
      .catch((error: unknown) => {
        if (!(error instanceof TooLarge)) deps.log('debug', 'request.broke', { error });
        refuse(response, error instanceof TooLarge ? 413 : 400);
      });
  });
  server.on('upgrade', (request, socket, head) => {
    // Until somebody takes it, a reset must not end the program.
    socket.on('error', () => socket.destroy());
    void deps.ready.then(() => {
      if (pathOf(request) === '/ts2021') deps.onUpgrade(request, socket, head);
      else if (deps.relay?.upgrade(request, socket, head) !== true)
        refuseUpgrade(socket, 404, 'nothing to upgrade here');
    });
  });
  server.on('clientError', (_error, socket) => {
    // Its other end may never close.
    if (socket.writable) socket.end(BAD_REQUEST, () => socket.destroy());
    else socket.destroy();
  });
  server.on('tlsClientError', (error: Error, socket: Duplex) => {
    deps.log('debug', 'tls.failed', { error });
    // Also one that only never began: Node tells of the time limit and leaves the rest to us.
    socket.destroy();
  });
}

/** What the API does not count itself. */
function count({ register: { meter } }: OuterDeps, request: IncomingMessage, response: ServerResponse): void {
  const path = pathOf(request);
  const status = response.statusCode;
  if (path.startsWith('/admin/api/call/'))
    meter?.count('api_requests', { surface: 'console', status: String(status) });
  if (status === 429 && !path.startsWith('/api/')) meter?.count('rate_limited', { surface: 'web' });
}

const admission = z.looseObject({ NodePublic: z.string().max(256) });

/** What relays ask before they let somebody in (coordination-server.md §9); the source they tell is of no use here. */
function verify(deps: OuterDeps, body: string): Response {
  let key: NodeKey;
  try {
    key = parseNodeKey(admission.parse(JSON.parse(body)).NodePublic);
  } catch {
    return new Response('want {"NodePublic":"nodekey:…","Source":"…"}\n', { status: 400 });
  }
  return Response.json({ Allow: deps.mayRelay(key) });
}

export const portOf = (server: http.Server): number => (server.address() as AddressInfo).port;

function listenError(listen: Listen, cause: NodeJS.ErrnoException): RhumbError {
  const where = `${listen.host}:${listen.port}`;
  const why: Record<string, string> = {
    EADDRINUSE: 'the address is in use: stop the other program, or choose another with --listen',
    EACCES: 'not permitted: use a port above 1023, or run with the right to bind it',
    EADDRNOTAVAIL: 'this machine has no such address: choose another with --listen',
    ENOTFOUND: 'this host name has no address: choose another with --listen',
  };
  return new RhumbError(
    'unavailable',
    `can't listen on ${where}: ${why[cause.code ?? ''] ?? cause.message}`,
    { cause },
  );
}

const pathOf = (request: IncomingMessage): string => (request.url ?? '').split('?', 1)[0] ?? '';

async function serve(
  app: Hono<OuterEnv>,
  request: IncomingMessage,
  response: ServerResponse,
  remoteAddress: string,
): Promise<void> {
  const method = request.method ?? 'GET';
  const hasBody = method !== 'GET' && method !== 'HEAD';
  const body = hasBody ? await readBody(request, MAX_FORM) : undefined;
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers))
    if (value !== undefined && !name.startsWith(':'))
      headers.set(name, Array.isArray(value) ? value.join(', ') : value);
  const url = new URL(request.url ?? '/', 'http://server.invalid');
  const asked = new Request(url, {
    method,
    headers,
    ...(body === undefined ? {} : { body: Uint8Array.from(body) }),
  });
  const answer = await app.fetch(asked, { remoteAddress });
  response.statusCode = answer.status;
  answer.headers.forEach((value, name) => {
    if (name !== 'set-cookie') response.setHeader(name, value);
  });
  const cookies = answer.headers.getSetCookie();
  if (cookies.length > 0) response.setHeader('set-cookie', cookies);
  response.end(Buffer.from(await answer.arrayBuffer()));
}

function refuse(response: ServerResponse, status: number): void {
  if (response.headersSent) return void response.destroy();
  response.statusCode = status;
  response.setHeader('connection', 'close');
  response.end();
}
