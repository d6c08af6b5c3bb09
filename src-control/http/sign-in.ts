/** GET and POST /register/<id>: shows what machine asks, and lets it in for an administrator's one-time code. */
import { randomBytes } from 'node:crypto';
import { Hono } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';
import { RhumbError } from '#shared/errors.ts';
import { networkOf } from '../auth/network-of.ts';
import type { PendingMachine } from '../auth/pending.ts';
import { approve, type RegisterDeps } from '../auth/register.ts';
import { hashAdminCode } from '../auth/secrets.ts';
import { findAdminCode, usedAdminCode } from '../state/admin-codes.ts';
import type { AdminCodeRecord } from '../store/records.ts';
import { type ApprovalForm, approvalPage, approvedPage, endPage, PAGE_HEADERS } from '../web/page.ts';
import {
  type Ctx,
  comesFromUs,
  factsOf,
  formToken,
  limit,
  type OuterEnv,
  requestOf,
  sameText,
  TEXT,
  tooMany,
} from '../web-auth/visitor.ts';
import type { OidcPages } from './oidc-pages.ts';

/** `?with=code` on the page, where providers are configured. */
const CODE_ID = 'code';
const COOKIE = 'rhumb-sign-in';
const COOKIE_BYTES = 16;
const PAGES_PER_ADDRESS = { burst: 60, refillMs: 1_000 };
const FAILURES_PER_ADDRESS = { burst: 10, refillMs: 6_000 };
/** After so many wrong codes the machine must begin anew; the limit refills slower than a request lives. */
const FAILURES_PER_REQUEST = { burst: 5, refillMs: 3_600_000 };

const WRONG_CODE = 'This code is not valid. Codes work once and only for a short time: ask for a new one.';
const TOO_MANY = 'Too many wrong codes. Wait a minute, or start the sign-in on the machine again.';

/** With `oidc` people sign in at a provider, unless they ask for the form for a code. */
export function signInRoutes(deps: RegisterDeps, oidc?: OidcPages): Hono<OuterEnv> {
  const csrfKey = randomBytes(32);
  const isSecure = deps.serverUrl.startsWith('https:');
  const pages = limit(deps.clock, PAGES_PER_ADDRESS);
  const failuresByAddress = limit(deps.clock, FAILURES_PER_ADDRESS);
  const failuresByRequest = limit(deps.clock, FAILURES_PER_REQUEST);
  const app = new Hono<OuterEnv>();

  const tokenFor = (cookie: string, id: string): string => formToken(csrfKey, cookie, id);

  const form = (c: Ctx, machine: PendingMachine, problem?: string): Response | Promise<Response> => {
    const known = getCookie(c, COOKIE);
    const cookie =
      known !== undefined && /^[\w-]{22}$/.test(known)
        ? known
        : randomBytes(COOKIE_BYTES).toString('base64url');
    setCookie(c, COOKIE, cookie, { path: '/register', httpOnly: true, sameSite: 'Strict', secure: isSecure });
    const content: ApprovalForm = {
      machine: factsOf(machine),
      csrfToken: tokenFor(cookie, machine.id),
      problem,
    };
    return c.html(approvalPage(content), problem === undefined ? 200 : 400, PAGE_HEADERS);
  };

  app.get('/register/:id', (c) => {
    if (!pages.take(networkOf(c.env.remoteAddress))) return tooMany(c, TOO_MANY);
    const id = c.req.param('id');
    const machine = deps.pending.get(id);
    const isForCode = oidc === undefined || c.req.query('with') === CODE_ID;
    if (machine !== undefined) return isForCode ? form(c, machine) : oidc.begin(c, machine);
    const verdict = deps.pending.verdictOf(id);
    const node = verdict?.kind === 'approved' ? deps.network.node(verdict.nodeId) : undefined;
    if (node !== undefined) return c.html(approvedPage(node.record.givenName), 200, PAGE_HEADERS);
    return c.html(endPage('Nothing to approve', TEXT.over), 404, PAGE_HEADERS);
  });

  app.post('/register/:id', async (c) => {
    const id = c.req.param('id');
    if (!pages.take(networkOf(c.env.remoteAddress))) return tooMany(c, TOO_MANY);
    const machine = deps.pending.get(id);
    if (machine === undefined) return c.html(endPage('Nothing to approve', TEXT.over), 404, PAGE_HEADERS);
    const fields = new URLSearchParams(await c.req.text());
    const isOurs =
      comesFromUs(requestOf(c), deps.serverUrl) &&
      sameText(fields.get('csrf'), tokenFor(getCookie(c, COOKIE) ?? '', id));
    if (!isOurs) return form(c, machine, TEXT.stale);
    if (!failuresByAddress.allows(networkOf(c.env.remoteAddress)) || !failuresByRequest.allows(id))
      return tooMany(c, TOO_MANY);
    const code = findCode(deps, fields.get('code'));
    if (code === undefined) {
      failuresByAddress.take(networkOf(c.env.remoteAddress));
      failuresByRequest.take(id);
      deps.log('warn', 'sign-in.wrong-code', {
        from: c.env.remoteAddress,
        hostname: machine.hostinfo.Hostname,
      });
      return form(c, machine, WRONG_CODE);
    }
    return letIn(deps, c, machine, code);
  });
  return app;
}

async function letIn(
  deps: RegisterDeps,
  c: Ctx,
  machine: PendingMachine,
  code: AdminCodeRecord,
): Promise<Response> {
  await deps.network.save({ writes: [usedAdminCode(code, deps.clock.now())] });
  try {
    const node = await approve(deps, machine, code.userId, 'code');
    return await c.html(approvedPage(node.givenName), 200, PAGE_HEADERS);
  } catch (error) {
    if (!(error instanceof RhumbError) || error.code !== 'conflict') throw error;
    return c.html(endPage('The machine could not be let in', error.message), 409, PAGE_HEADERS);
  }
}

function findCode(deps: RegisterDeps, text: unknown): AdminCodeRecord | undefined {
  const hash = typeof text === 'string' ? hashAdminCode(text) : undefined;
  return hash === undefined ? undefined : findAdminCode(deps.network, hash, 'machine', deps.clock.now());
}
