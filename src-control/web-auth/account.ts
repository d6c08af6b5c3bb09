/** /account: what somebody who is signed in can do about their own passkeys and sessions. */
import { Hono } from 'hono';
import { z } from 'zod';
import type { Clock } from '#shared/async/clock.ts';
import { RhumbError } from '#shared/errors.ts';
import { networkOf } from '../auth/network-of.ts';
import type { Network } from '../state/network.ts';
import { passkeysOf, removePasskey, renamePasskey } from '../state/passkeys.ts';
import { endSession, sessionsOf } from '../state/sessions.ts';
import type { SessionRecord } from '../store/records.ts';
import { accountPage } from '../web/account-page.ts';
import { SCRIPT_PAGE_HEADERS } from '../web/page.ts';
import type { ConsoleAuth, Visitor } from './console-auth.ts';
import { asking, away, isJsonOfOurs, offerOf, parsedBody, refuse, takeTicket } from './login.ts';
import { loginHref, safeNext } from './next.ts';
import type { Passkeys } from './passkeys.ts';
import { type Ctx, limit, type OuterEnv, requestOf, TEXT, tooMany } from './visitor.ts';

export interface AccountDeps {
  readonly network: Network;
  readonly clock: Clock;
  readonly serverUrl: string;
  readonly auth: ConsoleAuth;
  readonly passkeys: Passkeys;
}

type Answer = Response | Promise<Response>;

const PATH = '/account';
const TICKET_PATH = '/account/passkeys';
const PAGES_PER_ADDRESS = { burst: 60, refillMs: 1_000 };
const WAIT = 'Too many requests from your address. Wait a minute and try again.';
const SIGN_IN_AGAIN = 'Sign in again before you add a passkey: your sign-in is too long ago.';

const newPasskey = z.object({
  name: z.string().max(256),
  next: z.string().max(1_024).optional(),
  answer: z.unknown(),
});

export function accountRoutes(deps: AccountDeps): Hono<OuterEnv> {
  const { network, clock, auth, passkeys } = deps;
  const pages = limit(clock, PAGES_PER_ADDRESS);
  const isSecure = deps.serverUrl.startsWith('https:');
  const app = new Hono<OuterEnv>();

  const show = (c: Ctx, visitor: Visitor, problem?: string): Answer => {
    const { user, session } = visitor;
    const now = clock.now();
    const offer = offerOf(c, passkeys);
    const next = c.req.query('next');
    return c.html(
      accountPage({
        person: user.displayName || user.name,
        role: user.role,
        email: user.identity?.email,
        csrf: visitor.csrf,
        passkeys: passkeysOf(network, user.id).map((one) => ({
          ...{ id: one.id, name: one.name, made: day(one.createdAt) },
          used: one.lastUsedAt === undefined ? 'never used' : `last used ${day(one.lastUsedAt)}`,
        })),
        sessions: sessionsOf(network, user.id, now).map((one) => ({
          ...{ id: one.id, browser: browserOf(one), address: one.address },
          used: `last used ${ago(now - one.lastUsedAt)}`,
          isThis: one.id === session.id,
        })),
        noPasskeys: offer.problem,
        elsewhere: offer.elsewhere,
        signInAgainHref: auth.isFresh(visitor) ? undefined : loginHref(PATH, true),
        next: next === undefined ? undefined : safeNext(next),
        problem,
      }),
      problem === undefined ? 200 : 409,
      SCRIPT_PAGE_HEADERS,
    );
  };

  /** The page, or what a form there wants to have done; then the page again. */
  const formOf = async (
    c: Ctx,
    act: (visitor: Visitor, fields: URLSearchParams) => Promise<void>,
  ): Promise<Response> => {
    if (!pages.take(networkOf(c.env.remoteAddress))) return tooMany(c, WAIT);
    const request = requestOf(c);
    const visitor = auth.visitorOf(request);
    if (visitor === undefined) return away(c, loginHref(PATH));
    const fields = new URLSearchParams(await c.req.text());
    if (!auth.isOwnDoing(request, visitor, fields.get('csrf') ?? '')) return show(c, visitor, TEXT.stale);
    try {
      await act(visitor, fields);
    } catch (error) {
      if (!(error instanceof RhumbError) || (error.code !== 'conflict' && error.code !== 'bad-argument'))
        throw error;
      return show(c, visitor, error.message);
    }
    return away(c, PATH);
  };

  app.get(PATH, (c) => {
    if (!pages.take(networkOf(c.env.remoteAddress))) return tooMany(c, WAIT);
    const visitor = auth.visitorOf(requestOf(c));
    return visitor === undefined ? away(c, loginHref(PATH)) : show(c, visitor);
  });

  app.post('/account/passkeys/ask', async (c) => {
    const visitor = mayAdd(c);
    if (visitor instanceof Response) return visitor;
    return asking(c, await passkeys.askNew(visitor.user, c.env.remoteAddress), TICKET_PATH, isSecure);
  });

  app.post('/account/passkeys', async (c) => {
    const visitor = mayAdd(c);
    if (visitor instanceof Response) return visitor;
    const body = newPasskey.safeParse(parsedBody(await c.req.text()));
    if (!body.success) return refuse(c, 400, 'What the browser sent does not hold. Try again.');
    try {
      const { answer, name, next } = body.data;
      await passkeys.keepNew(visitor.user, takeTicket(c, TICKET_PATH), answer, name, visitor.actor);
      return c.json({ next: safeNext(next ?? PATH) }, 200, { 'cache-control': 'no-store' });
    } catch (error) {
      if (!(error instanceof RhumbError) || (error.code !== 'conflict' && error.code !== 'bad-argument'))
        throw error;
      return refuse(c, error.code === 'conflict' ? 409 : 400, error.message);
    }
  });

  app.post('/account/passkeys/:id{\\d{1,15}}', (c) =>
    formOf(c, async ({ user, actor }, fields) => {
      const passkey = passkeysOf(network, user.id).find(({ id }) => id === Number(c.req.param('id')));
      if (passkey === undefined) return;
      const now = clock.now();
      if (fields.get('do') === 'remove') await removePasskey(network, user, passkey, now, actor);
      else await renamePasskey(network, passkey, fields.get('name') ?? '', now, actor);
    }),
  );

  app.post('/account/sessions/:id{\\d{1,15}}', (c) =>
    formOf(c, async ({ user, actor }) => {
      const now = clock.now();
      const session = sessionsOf(network, user.id, now).find(({ id }) => id === Number(c.req.param('id')));
      if (session !== undefined) await endSession(network, session, now, actor);
    }),
  );

  function mayAdd(c: Ctx): Visitor | Response {
    if (!pages.take(networkOf(c.env.remoteAddress))) return refuse(c, 429, WAIT);
    const request = requestOf(c);
    const visitor = auth.visitorOf(request);
    if (visitor === undefined) return refuse(c, 401, 'You are no longer signed in. Sign in again.');
    if (!isJsonOfOurs(c, deps.serverUrl) || !auth.isOwnDoing(request, visitor))
      return refuse(c, 403, TEXT.stale);
    if (passkeys.site.kind === 'unusable') return refuse(c, 503, passkeys.site.why);
    return auth.isFresh(visitor) ? visitor : refuse(c, 403, SIGN_IN_AGAIN);
  }
  return app;
}

const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

function ago(ms: number): string {
  const minutes = Math.max(0, Math.round(ms / 60_000));
  if (minutes < 2) return 'just now';
  return minutes < 120 ? `${minutes} minutes ago` : `${Math.round(minutes / 60)} hours ago`;
}

/** Enough to tell one's own browsers apart. */
function browserOf({ userAgent }: SessionRecord): string {
  const name = /(Edg|OPR|Firefox|Chrome|Safari)\/?/.exec(userAgent)?.[1];
  const system = /(Windows|Android|iPhone|iPad|Mac OS X|Linux)/.exec(userAgent)?.[1];
  const known = { Edg: 'Edge', OPR: 'Opera' }[name ?? ''] ?? name;
  return [known ?? 'A browser', system === undefined ? '' : `on ${system}`].join(' ').trim();
}
