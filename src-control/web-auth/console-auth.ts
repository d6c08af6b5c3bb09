/** Who a browser is signed in as, by its cookie; and whether a request is really that browser's own doing (coordination-server.md §23). */
import { createHmac } from 'node:crypto';
import { parse, serialize } from 'hono/utils/cookie';
import type { Clock } from '#shared/async/clock.ts';
import type { Log } from '#shared/log/log.ts';
import { mintSecret } from '../oidc/tickets.ts';
import type { Meter } from '../state/meter.ts';
import type { Network } from '../state/network.ts';
import {
  beginSession,
  consoleActor,
  endSession,
  findSession,
  type NewSession,
  SESSION_LIFE_MS,
  type SignedIn,
  touchSession,
} from '../state/sessions.ts';
import type { Actor, UserRecord } from '../store/records.ts';
import { comesFromUs, type RequestFacts, sameText } from './visitor.ts';

export interface ConsoleAuthDeps {
  readonly network: Network;
  readonly clock: Clock;
  readonly log: Log;
  readonly serverUrl: string;
  readonly meter?: Meter | undefined;
}

export interface Visitor extends SignedIn {
  /** Goes with every request that changes something: as the header `x-csrf-token`, or in a form. */
  readonly csrf: string;
  readonly actor: Actor;
}

const CSRF_HEADER = 'x-csrf-token';
/** What must not be done with a session that somebody left open asks for a proof that is younger. */
const FRESH_MS = 10 * 60_000;

export class ConsoleAuth {
  readonly #deps: ConsoleAuthDeps;
  readonly #isSecure: boolean;
  /** The prefix binds it to this very host and to the encrypted web; browsers refuse it elsewhere. */
  readonly cookieName: string;

  constructor(deps: ConsoleAuthDeps) {
    this.#deps = deps;
    this.#isSecure = deps.serverUrl.startsWith('https:');
    this.cookieName = this.#isSecure ? '__Host-rhumb-session' : 'rhumb-session';
  }

  /** Undefined when nobody is signed in (any more). Finding somebody keeps the session from growing idle. */
  visitorOf(request: RequestFacts): Visitor | undefined {
    const { network, clock, log } = this.#deps;
    const secret = this.#secretOf(request);
    const now = clock.now();
    const found = secret === undefined ? undefined : findSession(network, secret, now);
    if (secret === undefined || found === undefined) return undefined;
    touchSession(network, found.session, now).catch((error: unknown) =>
      log('warn', 'session.not-touched', { error }),
    );
    return { ...found, csrf: csrfOf(secret), actor: consoleActor(found.user, request.remoteAddress) };
  }

  /** For whatever changes something. `token` is what the form brought; without one the header counts. */
  isOwnDoing(request: RequestFacts, visitor: Visitor, token = request.header(CSRF_HEADER)): boolean {
    return comesFromUs(request, this.#deps.serverUrl) && sameText(token, visitor.csrf);
  }

  isFresh(visitor: Visitor): boolean {
    return this.#deps.clock.now() - visitor.session.authAt < FRESH_MS;
  }

  /** Somebody has just proved who they are; the result is the cookie to set. The browser's old session ends. */
  async begin(
    request: RequestFacts,
    user: UserRecord,
    facts: Pick<NewSession, 'way' | 'isProvenAnew' | 'writes' | 'audit'>,
  ): Promise<string> {
    const { network, clock, log } = this.#deps;
    const old = this.#secretOf(request);
    const now = clock.now();
    const secret = mintSecret();
    await beginSession(
      network,
      user,
      {
        ...facts,
        secret,
        address: request.remoteAddress,
        userAgent: request.header('user-agent') ?? '',
        replaces: old === undefined ? undefined : findSession(network, old, now)?.session,
      },
      now,
    );
    log('info', 'session.begun', { user: user.name, way: facts.way, from: request.remoteAddress });
    return this.#cookie(secret, SESSION_LIFE_MS / 1_000);
  }

  /** The result is the cookie that takes the old one away. */
  async end(visitor: Visitor): Promise<string> {
    await endSession(this.#deps.network, visitor.session, this.#deps.clock.now(), visitor.actor);
    return this.#cookie('', 0);
  }

  #secretOf(request: RequestFacts): string | undefined {
    const secret = parse(request.header('cookie') ?? '', this.cookieName)[this.cookieName];
    return secret !== undefined && /^[\w-]{43}$/.test(secret) ? secret : undefined;
  }

  /** Lax: links from elsewhere find people signed in; what changes anything also needs the token. */
  #cookie(value: string, maxAge: number): string {
    const flags = { path: '/', httpOnly: true, secure: this.#isSecure, sameSite: 'Lax', maxAge } as const;
    return serialize(this.cookieName, value, flags);
  }
}

/** Follows from the cookie, so nothing is kept; the cookie does not follow from it. */
const csrfOf = (secret: string): string => createHmac('sha256', secret).update('csrf').digest('base64url');
