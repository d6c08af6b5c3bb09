/** GET and POST /register/<id>: shows what machine asks, and lets it in for an administrator's one-time code. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { type Context, Hono } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';
import { RhumbError } from '#shared/errors.ts';
import { shortKey } from '#shared/key/key.ts';
import { networkOf } from '../auth/network-of.ts';
import type { PendingMachine } from '../auth/pending.ts';
import { approve, type RegisterDeps } from '../auth/register.ts';
import { hashAdminCode, sameHash } from '../auth/secrets.ts';
import { useAdminCode } from '../state/users.ts';
import type { AdminCodeRecord } from '../store/records.ts';
import {
  type ApprovalForm,
  approvalPage,
  approvedPage,
  endPage,
  type MachineFacts,
  PAGE_HEADERS,
} from '../web/page.ts';
import { RateLimit } from './rate-limit.ts';

/** What the connection knows beside the request. */
export interface OuterEnv {
  Bindings: { readonly remoteAddress: string };
}

type Ctx = Context<OuterEnv>;

const COOKIE = 'rhumb-sign-in';
const COOKIE_BYTES = 16;
const PAGES_PER_ADDRESS = { burst: 60, refillMs: 1_000 };
const FAILURES_PER_ADDRESS = { burst: 10, refillMs: 6_000 };
/** After so many wrong codes the machine must begin anew; the limit refills slower than a request lives. */
const FAILURES_PER_REQUEST = { burst: 5, refillMs: 3_600_000 };

const WRONG_CODE = 'This code is not valid. Codes work once and only for a short time: ask for a new one.';
const TOO_MANY = 'Too many wrong codes. Wait a minute, or start the sign-in on the machine again.';
const OVER = 'This sign-in is over: it was used, or older than 15 minutes. Start it again on the machine.';
const STALE = 'The page was open for too long, or was sent by another site. Try again.';

export function signInRoutes(deps: RegisterDeps): Hono<OuterEnv> {
  const csrfKey = randomBytes(32);
  const isSecure = deps.serverUrl.startsWith('https:');
  const pages = limit(deps, PAGES_PER_ADDRESS);
  const failuresByAddress = limit(deps, FAILURES_PER_ADDRESS);
  const failuresByRequest = limit(deps, FAILURES_PER_REQUEST);
  const app = new Hono<OuterEnv>();

  const tokenFor = (cookie: string, id: string): string =>
    createHmac('sha256', csrfKey).update(`${cookie} ${id}`).digest('base64url');

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
    if (!pages.take(networkOf(c.env.remoteAddress))) return tooMany(c);
    const id = c.req.param('id');
    const machine = deps.pending.get(id);
    if (machine !== undefined) return form(c, machine);
    const verdict = deps.pending.verdictOf(id);
    const node = verdict?.kind === 'approved' ? deps.network.node(verdict.nodeId) : undefined;
    if (node !== undefined) return c.html(approvedPage(node.record.givenName), 200, PAGE_HEADERS);
    return c.html(endPage('Nothing to approve', OVER), 404, PAGE_HEADERS);
  });

  app.post('/register/:id', async (c) => {
    const id = c.req.param('id');
    if (!pages.take(networkOf(c.env.remoteAddress))) return tooMany(c);
    const machine = deps.pending.get(id);
    if (machine === undefined) return c.html(endPage('Nothing to approve', OVER), 404, PAGE_HEADERS);
    const fields = new URLSearchParams(await c.req.text());
    const isOurs =
      comesFromUs(c, deps.serverUrl) &&
      sameText(fields.get('csrf'), tokenFor(getCookie(c, COOKIE) ?? '', id));
    if (!isOurs) return form(c, machine, STALE);
    if (!failuresByAddress.allows(networkOf(c.env.remoteAddress)) || !failuresByRequest.allows(id))
      return tooMany(c);
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
  await useAdminCode(deps.network, code, deps.clock.now());
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
  if (hash === undefined) return undefined;
  const now = deps.clock.now();
  let found: AdminCodeRecord | undefined;
  // Every code is compared, so that the time taken says nothing.
  for (const code of deps.network.adminCodes())
    if (sameHash(code.hash, hash) && code.usedAt === undefined && code.expiresAt > now) found = code;
  return found;
}

/** Browsers say where a form came from; one from elsewhere is refused even with a good token. */
function comesFromUs(c: Ctx, serverUrl: string): boolean {
  const site = c.req.header('sec-fetch-site');
  const origin = c.req.header('origin');
  const isOurSite = site === undefined || site === 'same-origin';
  // A proxy may put its own idea of the host name in place of the browser's.
  const isOurOrigin =
    origin === undefined ||
    origin === serverUrl ||
    origin.replace(/^https?:\/\//, '') === c.req.header('host');
  return isOurSite && isOurOrigin;
}

function sameText(given: unknown, want: string): boolean {
  if (typeof given !== 'string') return false;
  const a = Buffer.from(given);
  const b = Buffer.from(want);
  return a.length === b.length && timingSafeEqual(a, b);
}

function factsOf(machine: PendingMachine): MachineFacts {
  const { hostinfo } = machine;
  return {
    pendingId: machine.id,
    hostname: hostinfo.Hostname || 'unnamed',
    system: [hostinfo.OS, hostinfo.OSVersion].filter(Boolean).join(' ') || 'unknown',
    client: hostinfo.IPNVersion || 'unknown',
    address: machine.remoteAddress ?? 'unknown',
    key: shortKey(machine.nodeKey),
  };
}

const limit = (deps: RegisterDeps, rate: { readonly burst: number; readonly refillMs: number }): RateLimit =>
  new RateLimit(deps.clock, rate.burst, rate.refillMs);

const tooMany = (c: Ctx): Response | Promise<Response> =>
  c.html(endPage('Please wait', TOO_MANY), 429, { ...PAGE_HEADERS, 'retry-after': '60' });
