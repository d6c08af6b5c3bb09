/** What a relay answers to plain HTTP: probes, captive-portal check, bootstrap DNS, home page, metrics (nat-traversal.md §1.11). */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isTailnetIp, parseIp, unmap } from '#shared/ip/address.ts';
import type { BootstrapDns } from './bootstrap-dns.ts';

/** What `/` shows: a page of ours, an empty one, or a way elsewhere. */
export type Home =
  | { readonly kind: 'page' }
  | { readonly kind: 'blank' }
  | { readonly kind: 'redirect'; readonly to: string };

export interface PageDeps {
  readonly home: Home;
  readonly bootstrapDns: BootstrapDns | undefined;
  /** False = the relay itself is switched off; the rest is served all the same. */
  readonly servesDerp: boolean;
  /** Text of the metrics; undefined = not offered here. */
  readonly metrics: (() => string) | undefined;
}

const MAX_CHALLENGE = 64;
/** What goes into a header must not be able to end it. */
const CHALLENGE = /^[A-Za-z0-9._:-]+$/;
const BROWSER_HEADERS = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; form-action 'none'",
  'strict-transport-security': 'max-age=63072000',
  'x-content-type-options': 'nosniff',
} as const;

export const pathOf = (request: IncomingMessage): string => (request.url ?? '/').split('?', 1)[0] ?? '/';

/** Answers `request` when it is one of the relay's own paths; false leaves it to somebody else. */
export function relayPage(deps: PageDeps, request: IncomingMessage, response: ServerResponse): boolean {
  switch (pathOf(request)) {
    case '/derp':
      // An upgrade never comes here.
      if (deps.servesDerp) text(response, 426, 'DERP requires connection upgrade\n');
      else text(response, 404, 'derp server disabled\n');
      return true;
    case '/derp/probe':
    case '/derp/latency-check':
      probe(request, response);
      return true;
    case '/generate_204':
      noContent(request, response);
      return true;
    case '/bootstrap-dns':
      bootstrap(deps, request, response);
      return true;
    default:
      return false;
  }
}

/** The rest of a relay's own server: home page, robots, metrics. */
export function ownPage(deps: PageDeps, request: IncomingMessage, response: ServerResponse): void {
  switch (pathOf(request)) {
    case '/':
      home(deps, response);
      return;
    case '/robots.txt':
      text(response, 200, 'User-agent: *\nDisallow: /\n', BROWSER_HEADERS);
      return;
    case '/metrics':
    case '/debug/varz':
      metrics(deps, request, response);
      return;
    default:
      text(response, 404, 'not found\n', BROWSER_HEADERS);
  }
}

/** Browsers without UDP measure latency here, from any origin. */
function probe(request: IncomingMessage, response: ServerResponse): void {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    text(response, 405, 'bogus probe method\n');
    return;
  }
  response.writeHead(200, { 'access-control-allow-origin': '*', 'content-length': 0 }).end();
}

/** The echo of the challenge proves that no portal answered in our place. */
export function noContent(request: IncomingMessage, response: ServerResponse): void {
  const challenge = request.headers['x-tailscale-challenge'];
  if (typeof challenge === 'string' && challenge.length <= MAX_CHALLENGE && CHALLENGE.test(challenge))
    response.setHeader('X-Tailscale-Response', `response ${challenge}`);
  response.setHeader('cache-control', 'no-cache, no-store, must-revalidate, no-transform, max-age=0');
  response.writeHead(204).end();
}

function bootstrap(deps: PageDeps, request: IncomingMessage, response: ServerResponse): void {
  const query = new URL(request.url ?? '/', 'http://relay.invalid').searchParams.get('q');
  const body = deps.bootstrapDns?.answer(query ?? undefined) ?? '{}';
  // Everybody asks once: an open connection would only cost.
  response.writeHead(200, { ...BROWSER_HEADERS, 'content-type': 'application/json', connection: 'close' });
  response.end(request.method === 'HEAD' ? undefined : body);
}

function home(deps: PageDeps, response: ServerResponse): void {
  if (deps.home.kind === 'redirect') {
    response.writeHead(302, { ...BROWSER_HEADERS, location: deps.home.to }).end();
    return;
  }
  const page =
    '<!doctype html><title>Relay</title><h1>Rhumb relay</h1>' +
    '<p>This is a DERP relay and STUN server. It passes end-to-end encrypted packets between machines of a private' +
    ' network that have no direct path to each other, and can read none of them.</p>' +
    (deps.servesDerp ? '' : '<p>Relaying is switched off here.</p>');
  response.writeHead(200, { ...BROWSER_HEADERS, 'content-type': 'text/html; charset=utf-8' });
  response.end(deps.home.kind === 'blank' ? '' : page);
}

function metrics(deps: PageDeps, request: IncomingMessage, response: ServerResponse): void {
  // Who comes through a proxy on this machine has its address; that alone is reason enough to say no.
  const isPassedOn = ['x-forwarded-for', 'forwarded', 'via'].some(
    (name) => request.headers[name] !== undefined,
  );
  if (deps.metrics === undefined || isPassedOn || !isNear(request.socket.remoteAddress)) {
    text(response, 403, 'metrics are for this machine and its private network only\n', BROWSER_HEADERS);
    return;
  }
  text(response, 200, deps.metrics(), { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
}

/** Whether an address is this machine's own or one of the private network. Never taken from a header. */
export function isNear(address: string | undefined): boolean {
  const parsed = address === undefined ? undefined : parseIp(address);
  if (parsed === undefined) return false;
  const ip = unmap(parsed);
  const isLoopback = ip.length === 4 ? ip[0] === 127 : ip.every((byte, at) => byte === (at === 15 ? 1 : 0));
  return isLoopback || isTailnetIp(ip);
}

export function text(
  response: ServerResponse,
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    ...headers,
  });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}
