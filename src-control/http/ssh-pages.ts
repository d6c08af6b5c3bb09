/** /auth/<id>: whoever is at the other end of an SSH session proves it and lets the session in, or does not (policy.md §11.4). */
import { Hono } from 'hono';
import type { Clock } from '#shared/async/clock.ts';
import { RhumbError } from '#shared/errors.ts';
import { networkOf } from '../auth/network-of.ts';
import type { SshCheck } from '../ssh-check/ssh-check.ts';
import type { WaitingSession } from '../ssh-check/waiting.ts';
import { endPage, PAGE_HEADERS } from '../web/page.ts';
import { sshPage } from '../web/ssh-page.ts';
import type { Visitor } from '../web-auth/console-auth.ts';
import { away } from '../web-auth/login.ts';
import { loginHref } from '../web-auth/next.ts';
import { type Ctx, limit, type OuterEnv, requestOf, TEXT, tooMany } from '../web-auth/visitor.ts';
import type { WebAuth } from '../web-auth/web-auth.ts';

const PAGES_PER_ADDRESS = { burst: 60, refillMs: 1_000 };
const WAIT = 'Too many requests from your address. Wait a minute and try again.';
const OVER = 'The session was answered already, gave up, or waited longer than 15 minutes. Connect again.';
const NOT_YOURS =
  'This session comes from a machine that is not yours, so you can’t answer for it. Sign in as the one whose it is.';

export function sshPages(clock: Clock, check: SshCheck, web: WebAuth): Hono<OuterEnv> {
  const pages = limit(clock, PAGES_PER_ADDRESS);
  const app = new Hono<OuterEnv>();

  const question = (c: Ctx, { session, number }: WaitingSession, { user, csrf }: Visitor, problem?: string) =>
    c.html(
      sshPage({
        person: user.displayName || user.name,
        source: session.source.givenName,
        sourceAddress: session.source.ipv4 || session.source.ipv6,
        destination: session.destination.givenName,
        ...{ login: session.login, number, csrf, problem },
      }),
      problem === undefined ? 200 : 400,
      PAGE_HEADERS,
    );

  const answer = async (c: Ctx, waiting: WaitingSession, visitor: Visitor): Promise<Response> => {
    const fields = new URLSearchParams(await c.req.text());
    if (!web.auth.isOwnDoing(requestOf(c), visitor, fields.get('csrf') ?? ''))
      return question(c, waiting, visitor, TEXT.stale);
    const isYes = fields.get('answer') === 'yes';
    try {
      await check.answer(waiting.id, isYes, visitor.user, visitor.actor);
    } catch (error) {
      if (!(error instanceof RhumbError) || error.code !== 'not-found') throw error;
      return c.html(endPage('No session waits here', OVER), 404, PAGE_HEADERS);
    }
    const said = isYes ? 'The session goes on in your terminal.' : 'The session was turned down.';
    return c.html(
      endPage(isYes ? 'Let in' : 'Turned down', `${said} You can close this page.`),
      200,
      PAGE_HEADERS,
    );
  };

  app.on(['GET', 'POST'], '/auth/:id', async (c) => {
    if (!pages.take(networkOf(c.env.remoteAddress))) return tooMany(c, WAIT);
    const id = c.req.param('id');
    const waiting = check.waiting.get(id);
    if (waiting === undefined) return c.html(endPage('No session waits here', OVER), 404, PAGE_HEADERS);
    const request = requestOf(c);
    const visitor = web.auth.visitorOf(request);
    // The proof must be younger than the question: a session that somebody left open proves nothing.
    if (visitor === undefined || visitor.session.authAt < waiting.createdAt)
      return away(c, loginHref(`/auth/${id}`, true));
    if (check.refusalFor(waiting.session, visitor.user) !== undefined) {
      web.refused.note(request, 'ssh', 'not the owner of the source', visitor.user.name);
      return c.html(endPage('Not yours', NOT_YOURS), 403, PAGE_HEADERS);
    }
    return c.req.method === 'GET' ? question(c, waiting, visitor) : answer(c, waiting, visitor);
  });
  return app;
}
