/** What every page needs to know of its visitor: from where, how often, and whether a form is really ours. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Context } from 'hono';
import type { Clock } from '#shared/async/clock.ts';
import { shortKey } from '#shared/key/key.ts';
import type { PendingMachine } from '../auth/pending.ts';
import { endPage, type MachineFacts, PAGE_HEADERS } from '../web/page.ts';
import { RateLimit } from './rate-limit.ts';

/** What the connection knows beside the request. */
export interface OuterEnv {
  Bindings: { readonly remoteAddress: string };
}

export type Ctx = Context<OuterEnv>;

/** As much of a request as the checks need, whatever serves it. */
export interface RequestFacts {
  /** By its name in lower case. */
  header(name: string): string | undefined;
  readonly remoteAddress: string;
}

export const requestOf = (c: Ctx): RequestFacts => ({
  header: (name) => c.req.header(name),
  remoteAddress: c.env.remoteAddress,
});

export const TEXT = {
  over: 'This sign-in is over: it was used, or older than 15 minutes. Start it again on the machine.',
  stale: 'The page was open for too long, or was sent by another site. Try again.',
} as const;

/** Goes into a form and comes back with it; only who holds the cookie can have it. */
export const formToken = (key: Uint8Array, cookie: string, id: string): string =>
  createHmac('sha256', key).update(`${cookie} ${id}`).digest('base64url');

/** Browsers say where a form came from; one from elsewhere is refused even with a good token. */
export function comesFromUs(request: RequestFacts, serverUrl: string): boolean {
  const site = request.header('sec-fetch-site');
  const origin = request.header('origin');
  const isOurSite = site === undefined || site === 'same-origin';
  // A proxy may put its own idea of the host name in place of the browser's.
  const isOurOrigin =
    origin === undefined ||
    origin === serverUrl ||
    origin.replace(/^https?:\/\//, '') === request.header('host');
  return isOurSite && isOurOrigin;
}

export function sameText(given: unknown, want: string): boolean {
  if (typeof given !== 'string') return false;
  const a = Buffer.from(given);
  const b = Buffer.from(want);
  return a.length === b.length && timingSafeEqual(a, b);
}

export function factsOf(machine: PendingMachine): MachineFacts {
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

export const limit = (clock: Clock, rate: { readonly burst: number; readonly refillMs: number }): RateLimit =>
  new RateLimit(clock, rate.burst, rate.refillMs);

export const tooMany = (c: Ctx, text: string): Response | Promise<Response> =>
  c.html(endPage('Please wait', text), 429, { ...PAGE_HEADERS, 'retry-after': '60' });
