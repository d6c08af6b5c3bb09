/** The HTTP API as a whole: every endpoint behind one check of who asks, how much, how often, and what they may. */
import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { Context, Hono } from 'hono';
import { RhumbError } from '#shared/errors.ts';
import { stringifyJson } from '#shared/wire/json.ts';
import { type Caller, may } from '../admin/caller.ts';
import type { AdminDeps } from '../admin/deps.ts';
import { STATUS } from '../admin/status.ts';
import { parseBody } from '../http/body.ts';
import type { Meter } from '../state/meter.ts';
import type { Credentials } from './credentials.ts';
import { askedBy, type Endpoint, RawAnswer } from './endpoint.ts';
import { type Failure, failureBody, HttpFailure, type Style } from './errors.ts';

export interface ApiEnv {
  Bindings: {
    readonly remoteAddress: string;
    readonly body: Uint8Array;
    /** Answers with live events instead; false when there are too many who listen. */
    readonly listen?: (watcher: Watcher) => boolean;
  };
}
/** Who listens to live events, asked again at every beat. */
export interface Watcher {
  readonly userNow: () => { readonly id: number; readonly seesAll: boolean } | undefined;
}

export type ApiContext = Context<ApiEnv>;

export interface ApiDeps {
  readonly admin: AdminDeps;
  readonly credentials: Credentials;
  readonly meter: Meter;
  readonly version: string;
  /** Live events, the same as the console's. */
  readonly events?: (response: ServerResponse, watcher: Watcher) => boolean;
}

/** Answers hold secrets and what is true for a moment (coordination-server.md §23). */
const HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
} as const;
/** Beyond it the hash costs more than the transfer that it may save. */
const MAX_TAGGED = 1 << 20;

const UNAUTHORIZED: Failure = {
  ...{ status: 401, code: 'unauthorized', message: 'unauthorized: send an API key as Bearer or Basic' },
};
const TOO_MANY: Failure = { status: 429, code: 'too-many', message: 'too many requests: wait a moment' };

export function mount(app: Hono<ApiEnv>, deps: ApiDeps, style: Style, endpoints: readonly Endpoint[]): void {
  for (const one of endpoints)
    app.on(one.method, one.path, async (c) => {
      try {
        return await answer(c, deps, one);
      } catch (error) {
        return refuse(c, deps, style, failureOf(deps, error));
      }
    });
}

async function answer(c: ApiContext, deps: ApiDeps, one: Endpoint): Promise<Response> {
  const by = callerOf(c, deps);
  if (one.need !== 'open' && !may(by, one.need)) {
    deps.admin.refusals.note(by, `${one.method} ${one.path}`, one.need);
    throw new RhumbError('not-allowed', `not allowed: this needs the scope ${one.need}`);
  }
  const params = read('', one.params, c.req.param());
  const query = read('', one.query, queryOf(c));
  const body = one.isRaw === true ? Buffer.from(c.env.body).toString('utf8') : jsonOf(c.env.body, one);
  const asked = askedBy(deps.admin, by, (name) => c.req.header(name));
  const result = await one.run(asked, { params, query, body: read('', one.body, body) });
  deps.meter.count('api_requests', { surface: 'api', status: '200' });
  return show(c, one, result);
}

/** Browsers keep what was typed for Basic, and send it for any site that asks: so it must not be another site that asks. */
function isForAnotherSite(c: ApiContext): boolean {
  if (!/^basic /i.test(c.req.header('authorization') ?? '')) return false;
  const site = c.req.header('sec-fetch-site') ?? 'none';
  const origin = c.req.header('origin');
  const isOurOrigin = origin === undefined || origin.replace(/^https?:\/\//, '') === c.req.header('host');
  return !['none', 'same-origin'].includes(site) || !isOurOrigin;
}

export function callerOf(c: ApiContext, deps: ApiDeps): Caller {
  if (isForAnotherSite(c)) throw new HttpFailure(UNAUTHORIZED);
  const verdict = deps.credentials.judge(c.req.header('authorization'), c.env.remoteAddress);
  if (verdict.kind === 'known') return verdict.by;
  throw new HttpFailure(verdict.kind === 'unknown' ? UNAUTHORIZED : TOO_MANY);
}

/** One value, or a list where it is there several times. */
function queryOf(c: ApiContext): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(c.req.queries()).map(([name, values]) => [name, values.length === 1 ? values[0] : values]),
  );
}

function jsonOf(bytes: Uint8Array, one: Endpoint): unknown {
  if (one.body === undefined) return undefined;
  return bytes.length === 0 ? undefined : parseBody(bytes);
}

function read(where: string, schema: Endpoint['body'], value: unknown): unknown {
  if (schema === undefined) return value;
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  const lines = read.error.issues
    .slice(0, 20)
    .map(({ path, message }) => [where, path.join('.'), message].filter(Boolean).join(': '));
  throw new HttpFailure({
    ...{ status: 400, code: 'bad-argument', message: lines[0] ?? 'malformed' },
    details: lines.length > 1 ? lines : undefined,
  });
}

function show(c: ApiContext, one: Endpoint, result: unknown): Response {
  if (result instanceof RawAnswer)
    return new Response(result.text, { status: 200, headers: { ...HEADERS, ...result.headers } });
  const text = stringifyJson(result ?? {});
  const headers: Record<string, string> = { ...HEADERS, 'content-type': 'application/json' };
  if (one.method === 'GET' && text.length <= MAX_TAGGED) {
    const tag = `"${createHash('sha256').update(text).digest('base64url').slice(0, 27)}"`;
    headers['etag'] = tag;
    if (c.req.header('if-none-match') === tag) return new Response(null, { status: 304, headers });
  }
  return new Response(text, { status: 200, headers });
}

export function failureOf(deps: ApiDeps, error: unknown): Failure {
  if (error instanceof HttpFailure) return error.failure;
  if (error instanceof RhumbError && error.code !== 'internal')
    return { status: STATUS[error.code], code: error.code, message: error.message };
  deps.admin.log('error', 'api.failed', { error });
  return { status: 500, code: 'internal', message: 'the server failed; its log says why' };
}

export function refuse(c: ApiContext, deps: ApiDeps, style: Style, failure: Failure): Response {
  deps.meter.count('api_requests', { surface: 'api', status: String(failure.status) });
  if (failure.status === 401) deps.meter.count('auth_failures', { surface: 'api', reason: 'unknown' });
  if (failure.status === 429) deps.meter.count('rate_limited', { surface: 'api' });
  const { type, body } = failureBody(style, failure);
  return c.body(`${JSON.stringify(body)}\n`, failure.status as 400, {
    ...HEADERS,
    'content-type': type,
    ...(failure.status === 401 ? { 'www-authenticate': 'Bearer, Basic realm="rhumb-control"' } : {}),
    ...(failure.status === 429 ? { 'retry-after': '5' } : {}),
  });
}
