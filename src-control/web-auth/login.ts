/** /login: by provider, passkey or one-time code to a session of the console; /login/setup for the first person; /logout. */
import { readFileSync } from 'node:fs';
import { Hono } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { z } from 'zod';
import type { Clock } from '#shared/async/clock.ts';
import { RhumbError } from '#shared/errors.ts';
import type { Log } from '#shared/log/log.ts';
import { parseJson } from '#shared/wire/json.ts';
import { networkOf } from '../auth/network-of.ts';
import { hashAdminCode } from '../auth/secrets.ts';
import { findAdminCode, usedAdminCode } from '../state/admin-codes.ts';
import type { Network } from '../state/network.ts';
import { usedPasskey } from '../state/passkeys.ts';
import type { NewSession } from '../state/sessions.ts';
import { inactiveText, isActive } from '../state/user-state.ts';
import { newUser, userEntry } from '../state/users.ts';
import type { UserRecord } from '../store/records.ts';
import { loginPage, setupPage } from '../web/login-pages.ts';
import type { Choice } from '../web/oidc-pages.ts';
import { endPage, PAGE_HEADERS, PASSKEY_SCRIPT_PATH, SCRIPT_PAGE_HEADERS } from '../web/page.ts';
import type { ConsoleAuth } from './console-auth.ts';
import { FormGuard } from './form-guard.ts';
import { safeNext } from './next.ts';
import type { Asked, Passkeys, ProofRefusal } from './passkeys.ts';
import type { RefusedSignIns } from './refused.ts';
import type { Setup } from './setup.ts';
import { type Ctx, comesFromUs, limit, type OuterEnv, requestOf, TEXT, tooMany } from './visitor.ts';

export interface LoginDeps {
  readonly network: Network;
  readonly clock: Clock;
  readonly log: Log;
  readonly serverUrl: string;
  readonly auth: ConsoleAuth;
  readonly passkeys: Passkeys;
  readonly setup: Setup;
  readonly refused: RefusedSignIns;
  /** Of the configured identity providers, with the address at which each begins a sign-in that comes back to `next`. */
  readonly providers: (next: string, again: boolean) => readonly Choice[];
}

type Answer = Response | Promise<Response>;

const PAGES_PER_ADDRESS = { burst: 60, refillMs: 1_000 };
const FAILURES_PER_ADDRESS = { burst: 10, refillMs: 6_000 };
const TICKET_COOKIE = 'rhumb-passkey';
const TICKET_PATH = '/login/passkey';
const TICKET_LIFE_S = 300;
const SCRIPT = readFileSync(new URL('../web/passkey.js', import.meta.url), 'utf8');

const WAIT = 'Too many attempts from your address. Wait a minute and try again.';
const WRONG_CODE =
  'This code does not sign anybody in. Codes work once and only for a short time: ask for a new one, made for the console.';
const NOT_NEW = 'This network has users already. Sign in, or ask its administrator.';

const REFUSALS: Readonly<Record<ProofRefusal, { readonly status: 400 | 403 | 410; readonly text: string }>> =
  {
    over: { status: 410, text: 'This took too long, or was answered already. Try again.' },
    unknown: { status: 403, text: 'This passkey is not known here (any more). Sign in another way.' },
    'bad-answer': { status: 403, text: 'What the browser sent does not hold. Try again.' },
    'not-active': {
      status: 403,
      text: 'You may not sign in here at the moment. Ask the administrator of this network.',
    },
  };

const passkeyAnswer = z.object({ next: z.string().max(512).optional(), answer: z.unknown() });

export function loginRoutes(deps: LoginDeps): Hono<OuterEnv> {
  const { auth, passkeys, setup, clock, network } = deps;
  const guard = new FormGuard(deps.serverUrl, 'rhumb-login', '/login');
  const pages = limit(clock, PAGES_PER_ADDRESS);
  const failures = limit(clock, FAILURES_PER_ADDRESS);
  const isSecure = deps.serverUrl.startsWith('https:');
  const app = new Hono<OuterEnv>();

  const mayTry = (c: Ctx): boolean => {
    const from = networkOf(c.env.remoteAddress);
    return pages.take(from) && failures.allows(from);
  };
  const failed = (c: Ctx, way: string, why: string, who?: string): void => {
    failures.take(networkOf(c.env.remoteAddress));
    deps.refused.note(requestOf(c), way, why, who);
  };

  const form = (c: Ctx, next: string, problem?: string, asksAgain?: string): Answer =>
    c.html(
      loginPage({
        ...{ next, problem, asksAgain },
        // An SSH session wants a proof that is younger than itself, also from who is only recognized at the provider.
        providers: deps.providers(next, asksAgain !== undefined || next.startsWith('/auth/')),
        passkey: passkeys.isOffered ? offerOf(c, deps.passkeys) : undefined,
        csrfToken: guard.token(c, 'code'),
        setupHref: setup.isOpen ? '/login/setup' : undefined,
      }),
      problem === undefined ? 200 : 400,
      SCRIPT_PAGE_HEADERS,
    );

  const begin = async (
    c: Ctx,
    user: UserRecord,
    facts: Pick<NewSession, 'way' | 'writes' | 'audit'>,
  ): Promise<void> => {
    c.header('set-cookie', await auth.begin(requestOf(c), user, facts), { append: true });
  };

  app.get('/login', (c) => {
    if (!pages.take(networkOf(c.env.remoteAddress))) return tooMany(c, WAIT);
    const next = safeNext(c.req.query('next'));
    const visitor = auth.visitorOf(requestOf(c));
    const again = c.req.query('again') === '1' ? visitor?.user.displayName : undefined;
    if (visitor !== undefined && again === undefined) return away(c, next);
    return form(c, next, undefined, again);
  });

  app.post('/login/code', async (c) => {
    if (!mayTry(c)) return tooMany(c, WAIT);
    const fields = new URLSearchParams(await c.req.text());
    const next = safeNext(fields.get('next'));
    if (!guard.isOurs(c, fields.get('csrf'), 'code')) return form(c, next, TEXT.stale);
    const hash = hashAdminCode(fields.get('code') ?? '');
    const now = clock.now();
    const code = hash === undefined ? undefined : findAdminCode(network, hash, 'console', now);
    const user = code === undefined ? undefined : network.user(code.userId);
    if (code === undefined || user === undefined) {
      failed(c, 'code', 'wrong code');
      return form(c, next, WRONG_CODE);
    }
    if (!isActive(user)) {
      failed(c, 'code', 'user not active', user.name);
      return form(c, next, inactiveText(user));
    }
    const made = firstOwner(network, user, now);
    await begin(c, made.user, {
      way: 'code',
      writes: [usedAdminCode(code, now), ...made.writes],
      audit: made.audit,
    });
    return away(c, firstStop(network, made.user, passkeys, next));
  });

  app.on(['GET', 'POST'], '/login/setup', async (c) => {
    if (!mayTry(c)) return tooMany(c, WAIT);
    if (!setup.isOpen) return c.html(endPage('Nothing to set up', NOT_NEW), 404, PAGE_HEADERS);
    const show = (name: string, problem?: string): Answer =>
      c.html(
        setupPage({ name, problem, csrfToken: guard.token(c, 'setup') }),
        problem === undefined ? 200 : 400,
        PAGE_HEADERS,
      );
    if (c.req.method === 'GET') return show('');
    const fields = new URLSearchParams(await c.req.text());
    const name = (fields.get('name') ?? '').trim();
    if (!guard.isOurs(c, fields.get('csrf'), 'setup')) return show(name, TEXT.stale);
    if (!setup.fits(fields.get('code') ?? '')) {
      failed(c, 'setup code', 'wrong code');
      return show(name, 'This is not the code that the server printed when it started last.');
    }
    try {
      const by = { origin: 'console', id: '', name, remoteAddress: c.env.remoteAddress } as const;
      const made = newUser(network, { name, displayName: name, role: 'owner' }, clock.now(), by);
      await begin(c, made.value, { way: 'setup code', writes: made.writes, audit: made.audit });
      return away(c, firstStop(network, made.value, passkeys, safeNext(undefined)));
    } catch (error) {
      if (!(error instanceof RhumbError) || (error.code !== 'bad-argument' && error.code !== 'conflict'))
        throw error;
      return show(name, error.message);
    }
  });

  app.get(PASSKEY_SCRIPT_PATH, (c) =>
    c.body(SCRIPT, 200, {
      'content-type': 'text/javascript; charset=utf-8',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-cache',
    }),
  );

  app.post('/login/passkey/ask', async (c) => {
    if (!mayTry(c)) return refuse(c, 429, WAIT);
    if (!isJsonOfOurs(c, deps.serverUrl)) return refuse(c, 403, TEXT.stale);
    if (passkeys.site.kind === 'unusable') return refuse(c, 503, passkeys.site.why);
    const asked = await passkeys.askSignIn(c.env.remoteAddress);
    return asking(c, asked, TICKET_PATH, isSecure);
  });

  app.post('/login/passkey', async (c) => {
    if (!mayTry(c)) return refuse(c, 429, WAIT);
    if (!isJsonOfOurs(c, deps.serverUrl)) return refuse(c, 403, TEXT.stale);
    const body = passkeyAnswer.safeParse(parsedBody(await c.req.text()));
    if (!body.success) return refuse(c, 400, REFUSALS['bad-answer'].text);
    const proof = await passkeys.proveSignIn(takeTicket(c, TICKET_PATH), body.data.answer);
    if (proof.kind === 'refused') {
      failed(c, 'passkey', proof.why);
      const { status, text } = REFUSALS[proof.why];
      return refuse(c, status, text);
    }
    const now = clock.now();
    await begin(c, proof.user, {
      way: 'passkey',
      writes: [usedPasskey(proof.passkey, proof.signCount, now)],
    });
    return c.json({ next: safeNext(body.data.next) }, 200, { 'cache-control': 'no-store' });
  });

  app.post('/logout', async (c) => {
    const request = requestOf(c);
    const visitor = auth.visitorOf(request);
    const isScript = request.header('x-csrf-token') !== undefined;
    if (visitor !== undefined) {
      const token = isScript ? undefined : (new URLSearchParams(await c.req.text()).get('csrf') ?? '');
      if (!auth.isOwnDoing(request, visitor, token)) return refuse(c, 403, TEXT.stale);
      c.header('set-cookie', await auth.end(visitor), { append: true });
    }
    return isScript ? c.body(null, 204) : away(c, '/login');
  });
  return app;
}

/** Somebody has to be able to give others their roles: the first who signs in by an administrator's code. */
function firstOwner(
  network: Network,
  user: UserRecord,
  nowMs: number,
): { readonly user: UserRecord } & Required<Pick<NewSession, 'writes' | 'audit'>> {
  // Also one who is suspended for now: otherwise a code would be enough to take their place.
  const hasOwner = [...network.users()].some(({ role }) => role === 'owner');
  if (hasOwner) return { user, writes: [], audit: [] };
  const value: UserRecord = { ...user, role: 'owner' };
  const by = { origin: 'system', id: '', name: 'first sign-in' } as const;
  const change = { property: 'role', old: user.role, new: 'owner' };
  return {
    user: value,
    writes: [{ put: 'user', value }],
    audit: [userEntry('update', value, nowMs, by, change)],
  };
}

/** Who came by a code that is used up now should first get a way to come back. */
function firstStop(network: Network, user: UserRecord, passkeys: Passkeys, next: string): string {
  const hasNone = [...network.passkeys.values()].every(({ userId }) => userId !== user.id);
  const isOffered = user.identity === undefined && passkeys.site.kind === 'usable';
  return hasNone && isOffered ? `/account?next=${encodeURIComponent(next)}` : next;
}

/** Away from what was sent, so that going back or reloading sends nothing again. */
export function away(c: Ctx, next: string): Response {
  const answer = c.redirect(next, 303);
  for (const [name, value] of Object.entries(PAGE_HEADERS)) answer.headers.set(name, value);
  return answer;
}

export const refuse = (c: Ctx, status: 400 | 401 | 403 | 409 | 410 | 429 | 503, message: string): Response =>
  c.json({ message }, status, { 'cache-control': 'no-store' });

/** Other sites can't send this type without asking first, and we never say yes. */
export const isJsonOfOurs = (c: Ctx, serverUrl: string): boolean =>
  comesFromUs(requestOf(c), serverUrl) &&
  (c.req.header('content-type') ?? '').split(';', 1)[0] === 'application/json';

export function parsedBody(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

export function asking(c: Ctx, { ticket, options }: Asked, path: string, isSecure: boolean): Response {
  setCookie(c, TICKET_COOKIE, ticket, {
    ...{ path, httpOnly: true, sameSite: 'Strict', maxAge: TICKET_LIFE_S },
    secure: isSecure,
  });
  return c.json({ options }, 200, { 'cache-control': 'no-store' });
}

export function takeTicket(c: Ctx, path: string): string {
  const ticket = getCookie(c, TICKET_COOKIE) ?? '';
  deleteCookie(c, TICKET_COOKIE, { path });
  return ticket;
}

/** Passkeys belong to one name; somebody who came by another is told. */
export function offerOf(
  c: Ctx,
  { site }: Passkeys,
): { readonly problem: string | undefined; readonly elsewhere: string | undefined } {
  if (site.kind === 'unusable') return { problem: site.why, elsewhere: undefined };
  const isHere = c.req.header('host') === new URL(site.origin).host;
  const { pathname, search } = new URL(c.req.url);
  return { problem: undefined, elsewhere: isHere ? undefined : `${site.origin}${pathname}${search}` };
}
