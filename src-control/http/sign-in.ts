/** GET and POST /register/<id>: shows what machine asks, and lets it in for a one-time code or for somebody who is signed in. */
import { Hono } from 'hono';
import { networkOf } from '../auth/network-of.ts';
import type { PendingMachine } from '../auth/pending.ts';
import { approve, type RegisterDeps } from '../auth/register.ts';
import { hashAdminCode } from '../auth/secrets.ts';
import { findAdminCode, usedAdminCode } from '../state/admin-codes.ts';
import type { AdminCodeRecord, NodeRecord } from '../store/records.ts';
import { confirmPage } from '../web/oidc-pages.ts';
import { type ApprovalForm, approvalPage, endPage, PAGE_HEADERS } from '../web/page.ts';
import type { Visitor } from '../web-auth/console-auth.ts';
import { FormGuard } from '../web-auth/form-guard.ts';
import { loginHref } from '../web-auth/next.ts';
import { type Ctx, factsOf, limit, type OuterEnv, requestOf, TEXT, tooMany } from '../web-auth/visitor.ts';
import type { WebAuth } from '../web-auth/web-auth.ts';
import { isAnswer, letInPage } from './let-in-page.ts';
import type { OidcPages } from './oidc-pages.ts';

type Answer = Response | Promise<Response>;

/** `?with=code` and `?with=other` on the page: the form for a code, and all ways even for who is signed in. */
const CODE_ID = 'code';
const OTHER_ID = 'other';
const COOKIE = 'rhumb-sign-in';
const PAGES_PER_ADDRESS = { burst: 60, refillMs: 1_000 };
const FAILURES_PER_ADDRESS = { burst: 10, refillMs: 6_000 };
/** After so many wrong codes the machine must begin anew; the limit refills slower than a request lives. */
const FAILURES_PER_REQUEST = { burst: 5, refillMs: 3_600_000 };

const WRONG_CODE = 'This code is not valid. Codes work once and only for a short time: ask for a new one.';
const TOO_MANY = 'Too many wrong codes. Wait a minute, or start the sign-in on the machine again.';
const DISOWNED_TEXT = 'the person who was asked does not know this machine: start the sign-in again';
const DISOWNED = 'The machine was turned away. Whoever sent you the link does not get in with your name.';

/** With `oidc` people sign in at a provider, unless they ask for the form for a code. */
export function signInRoutes(deps: RegisterDeps, web: WebAuth, oidc?: OidcPages): Hono<OuterEnv> {
  const guard = new FormGuard(deps.serverUrl, COOKIE, '/register');
  const pages = limit(deps.clock, PAGES_PER_ADDRESS);
  const failuresByAddress = limit(deps.clock, FAILURES_PER_ADDRESS);
  const failuresByRequest = limit(deps.clock, FAILURES_PER_REQUEST);
  const app = new Hono<OuterEnv>();

  const form = (c: Ctx, machine: PendingMachine, problem?: string): Answer => {
    const content: ApprovalForm = {
      machine: factsOf(machine),
      csrfToken: guard.token(c, machine.id),
      problem,
      passkeyHref: web.passkeys.isOffered ? loginHref(`/register/${machine.id}`) : undefined,
    };
    return c.html(approvalPage(content), problem === undefined ? 200 : 400, PAGE_HEADERS);
  };

  /** Whoever is signed in here without a provider; others are asked there, where it is known whether they may. */
  const personOf = (c: Ctx): Visitor | undefined => {
    const visitor = web.auth.visitorOf(requestOf(c));
    return visitor?.user.identity === undefined || oidc === undefined ? visitor : undefined;
  };

  const question = (c: Ctx, machine: PendingMachine, { user, csrf }: Visitor, problem?: string): Answer =>
    c.html(
      confirmPage({
        machine: factsOf(machine),
        isKnown: deps.network.nodeOfMachine(machine.machineKey, user.id) !== undefined,
        person: user.displayName || user.name,
        email: user.identity?.email,
        how: 'signed in here',
        csrfToken: csrf,
        problem,
        otherHref: `/register/${machine.id}?with=${OTHER_ID}`,
      }),
      problem === undefined ? 200 : 400,
      PAGE_HEADERS,
    );

  app.get('/register/:id', (c) => {
    if (!pages.take(networkOf(c.env.remoteAddress))) return tooMany(c, TOO_MANY);
    const id = c.req.param('id');
    const machine = deps.pending.get(id);
    if (machine === undefined) return ended(c, id);
    const way = c.req.query('with');
    const person = way === undefined ? personOf(c) : undefined;
    if (person !== undefined) return question(c, machine, person);
    return oidc === undefined || way === CODE_ID ? form(c, machine) : oidc.begin(c, machine);
  });

  const ended = (c: Ctx, id: string): Answer => {
    const verdict = deps.pending.verdictOf(id);
    const node = verdict?.kind === 'approved' ? deps.network.node(verdict.nodeId) : undefined;
    if (node !== undefined) return c.html(letInPage(node.record), 200, PAGE_HEADERS);
    return c.html(endPage('Nothing to approve', TEXT.over), 404, PAGE_HEADERS);
  };

  app.post('/register/:id', async (c) => {
    const id = c.req.param('id');
    if (!pages.take(networkOf(c.env.remoteAddress))) return tooMany(c, TOO_MANY);
    const machine = deps.pending.get(id);
    if (machine === undefined) return c.html(endPage('Nothing to approve', TEXT.over), 404, PAGE_HEADERS);
    const fields = new URLSearchParams(await c.req.text());
    return fields.has('answer') ? byPerson(c, machine, fields) : byCode(c, machine, fields);
  });

  const byPerson = async (c: Ctx, machine: PendingMachine, fields: URLSearchParams): Promise<Response> => {
    const person = personOf(c);
    if (person === undefined) return c.redirect(loginHref(`/register/${machine.id}`), 303);
    const { user } = person;
    if (!web.auth.isOwnDoing(requestOf(c), person, fields.get('csrf') ?? ''))
      return question(c, machine, person, TEXT.stale);
    if (fields.get('answer') !== 'yes') {
      deps.pending.settle(machine.id, { kind: 'refused', text: DISOWNED_TEXT });
      deps.log('warn', 'sign-in.disowned', { user: user.name, hostname: machine.hostinfo.Hostname });
      return c.html(endPage('Nothing was added', DISOWNED), 200, PAGE_HEADERS);
    }
    // However the session began: a code that an administrator gave for it was for no machine.
    return tell(c, () => approve(deps, machine, user.id, 'passkey', undefined, person.actor));
  };

  const byCode = async (c: Ctx, machine: PendingMachine, fields: URLSearchParams): Promise<Response> => {
    const { id } = machine;
    const from = networkOf(c.env.remoteAddress);
    if (!guard.isOurs(c, fields.get('csrf'), id)) return form(c, machine, TEXT.stale);
    if (!failuresByAddress.allows(from) || !failuresByRequest.allows(id)) return tooMany(c, TOO_MANY);
    const code = findCode(deps, fields.get('code'));
    if (code === undefined) {
      failuresByAddress.take(from);
      failuresByRequest.take(id);
      deps.log('warn', 'sign-in.wrong-code', {
        from: c.env.remoteAddress,
        hostname: machine.hostinfo.Hostname,
      });
      return form(c, machine, WRONG_CODE);
    }
    await deps.network.save({ writes: [usedAdminCode(code, deps.clock.now())] });
    return tell(c, () => approve(deps, machine, code.userId, 'code'));
  };
  return app;
}

async function tell(c: Ctx, act: () => Promise<NodeRecord>): Promise<Response> {
  try {
    return await c.html(letInPage(await act()), 200, PAGE_HEADERS);
  } catch (error) {
    if (!isAnswer(error)) throw error;
    return c.html(endPage('The machine could not be let in', error.message), 409, PAGE_HEADERS);
  }
}

function findCode(deps: RegisterDeps, text: unknown): AdminCodeRecord | undefined {
  const hash = typeof text === 'string' ? hashAdminCode(text) : undefined;
  return hash === undefined ? undefined : findAdminCode(deps.network, hash, 'machine', deps.clock.now());
}
