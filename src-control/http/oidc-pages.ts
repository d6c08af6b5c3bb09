/** /register/<id> with providers, /oidc/callback and /register/confirm/<id>: the sign-in flow as browsers see it. */
import { createHash, randomBytes } from 'node:crypto';
import { Hono } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { networkOf } from '../auth/network-of.ts';
import { PENDING_MS, type PendingMachine } from '../auth/pending.ts';
import type { RegisterDeps } from '../auth/register.ts';
import type { Provider } from '../oidc/provider.ts';
import type { Confirmation, Purpose, SignIn, WhyNot } from '../oidc/sign-in.ts';
import { type Choice, choicePage, confirmPage, failedPage } from '../web/oidc-pages.ts';
import { endPage, PAGE_HEADERS } from '../web/page.ts';
import { loginHref, safeNext } from '../web-auth/next.ts';
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
import type { WebAuth } from '../web-auth/web-auth.ts';
import { isAnswer, letInPage } from './let-in-page.ts';
import { REASONS } from './oidc-reasons.ts';

type Answer = Response | Promise<Response>;

export interface OidcPages {
  /** What a browser gets that opens the address a machine showed. */
  begin(c: Ctx, machine: PendingMachine): Answer;
  /** The providers, each with the address at which a sign-in to the console begins. */
  waysTo(next: string, again: boolean): readonly Choice[];
  readonly routes: Hono<OuterEnv>;
}

const CALLBACK = '/oidc/callback';
const CONFIRM_COOKIE = 'rhumb-confirm';
const DEPARTURES_PER_ADDRESS = { burst: 30, refillMs: 2_000 };
const PAGES_PER_ADDRESS = { burst: 60, refillMs: 1_000 };
/** Callbacks that lead nowhere: forged, replayed, or somebody who tries. */
const FAILURES_PER_ADDRESS = { burst: 20, refillMs: 6_000 };
const WAIT = 'Too many sign-ins from your address. Wait a minute and try again.';
const CONFIRM_OVER =
  'This page was open for too long, or was answered already. Start the sign-in again on the machine.';
const DISOWNED = 'The machine was turned away. Whoever sent you the link does not get in with your name.';

/** One per sign-in, so that several tabs don't disturb each other; the name tells nothing of the state. */
const attemptCookie = (state: string): string =>
  `rhumb-oidc-${createHash('sha256').update(`name ${state}`).digest('hex').slice(0, 12)}`;

export function oidcPages(deps: RegisterDeps, signIn: SignIn, web: WebAuth): OidcPages {
  const csrfKey = randomBytes(32);
  const departures = limit(deps.clock, DEPARTURES_PER_ADDRESS);
  const pages = limit(deps.clock, PAGES_PER_ADDRESS);
  const failures = limit(deps.clock, FAILURES_PER_ADDRESS);
  const cookieAt = (path: string) => ({
    path,
    httpOnly: true,
    secure: deps.serverUrl.startsWith('https:'),
    // Not strict: the browser comes back from another site.
    sameSite: 'Lax' as const,
    maxAge: PENDING_MS / 1_000,
  });

  const begin = (c: Ctx, machine: PendingMachine): Answer => {
    const wanted = c.req.query('with');
    const [first, ...more] = signIn.providers;
    const chosen = signIn.providers.find(({ settings }) => settings.id === wanted);
    // With another way to choose there is something to choose.
    const isOnly = more.length === 0 && !web.passkeys.isOffered;
    const provider = chosen ?? (isOnly ? first : undefined);
    if (provider !== undefined) return depart(c, { kind: 'machine', pendingId: machine.id }, provider);
    const ways = choices(machine.id);
    const passkey = { name: 'a passkey', href: loginHref(`/register/${machine.id}`) };
    return c.html(
      choicePage(
        factsOf(machine).hostname,
        web.passkeys.isOffered ? [...ways, passkey] : ways,
        codeHref(machine.id),
      ),
      200,
      PAGE_HEADERS,
    );
  };

  const choices = (id: string): readonly Choice[] =>
    signIn.providers.map(({ settings }) => ({ name: settings.name, href: hrefWith(id, settings.id) }));

  const depart = async (c: Ctx, purpose: Purpose, provider: Provider): Promise<Response> => {
    if (!departures.take(networkOf(c.env.remoteAddress))) return tooMany(c, WAIT);
    const departure = await signIn.depart(
      purpose,
      provider,
      c.env.remoteAddress,
      c.req.query('as') === 'other' ? 'other' : 'any',
    );
    if (departure.kind !== 'go') return failed(c, departure.kind, purpose, provider);
    setCookie(c, attemptCookie(departure.state), departure.cookie, cookieAt(CALLBACK));
    return withHeaders(c.redirect(departure.url.href, 302));
  };

  const failed = (c: Ctx, why: WhyNot, purpose?: Purpose, provider?: Provider): Answer => {
    const { status, title, text, isAboutPerson } = REASONS[why];
    const other =
      isAboutPerson === true && purpose !== undefined && provider !== undefined
        ? [{ name: 'Sign in with another account', href: `${wayTo(purpose, provider)}&as=other` }]
        : undefined;
    const ways = purpose === undefined ? [] : waysOn(purpose, other);
    return c.html(
      failedPage(title, text(provider?.settings.name ?? 'the provider'), ways),
      status,
      PAGE_HEADERS,
    );
  };

  const waysOn = (purpose: Purpose, other: readonly Choice[] | undefined): readonly Choice[] => {
    if (purpose.kind === 'console')
      return [...(other ?? []), { name: 'Back to the sign-in page', href: loginHref(purpose.next) }];
    const { pendingId } = purpose;
    if (deps.pending.get(pendingId) === undefined) return [];
    return [
      ...(other ?? [{ name: 'Try again', href: `/register/${pendingId}` }]),
      { name: 'Use a one-time code of an administrator', href: codeHref(pendingId) },
    ];
  };

  const confirmForm = (
    c: Ctx,
    machine: PendingMachine,
    found: Confirmation,
    cookie: string,
    problem?: string,
  ): Answer => {
    const { person, provider } = found;
    const known = deps.network.userByIdentity(person.issuer, person.subject);
    const isKnown =
      known !== undefined && deps.network.nodeOfMachine(machine.machineKey, known.id) !== undefined;
    const form = {
      ...{
        machine: factsOf(machine),
        isKnown,
        problem,
        how: `signed in with ${provider.settings.name}`,
        email: person.email,
      },
      person: person.displayName || person.email || known?.name || person.subject,
      csrfToken: formToken(csrfKey, cookie, machine.id),
    };
    return c.html(confirmPage(form), problem === undefined ? 200 : 400, PAGE_HEADERS);
  };

  const answer = async (c: Ctx, id: string, cookie: string, isYes: boolean): Promise<Response> => {
    deleteCookie(c, CONFIRM_COOKIE, cookieAt(`/register/confirm/${id}`));
    if (!isYes) {
      signIn.disown(id, cookie);
      return c.html(endPage('Nothing was added', DISOWNED), 200, PAGE_HEADERS);
    }
    try {
      const node = await signIn.admit(id, cookie);
      if (node === undefined) return c.html(endPage('Nothing to confirm', CONFIRM_OVER), 410, PAGE_HEADERS);
      return c.html(letInPage(node), 200, PAGE_HEADERS);
    } catch (error) {
      if (!isAnswer(error)) throw error;
      return c.html(endPage('The machine could not be let in', error.message), 409, PAGE_HEADERS);
    }
  };

  const routes = new Hono<OuterEnv>();
  routes.get(CALLBACK, async (c) => {
    const network = networkOf(c.env.remoteAddress);
    if (!pages.take(network) || !failures.allows(network)) return tooMany(c, WAIT);
    const query = new URL(c.req.url).searchParams;
    const arrival = await signIn.arrive(
      query,
      (state) => getCookie(c, attemptCookie(state)),
      c.env.remoteAddress,
    );
    if (arrival.kind === 'refused') {
      failures.take(network);
      if (arrival.purpose?.kind === 'console')
        web.refused.note(requestOf(c), arrival.provider?.settings.id ?? 'provider', arrival.why);
      return failed(c, arrival.why, arrival.purpose, arrival.provider);
    }
    deleteCookie(c, attemptCookie(query.get('state') ?? ''), cookieAt(CALLBACK));
    if (arrival.kind === 'known') {
      const { user, isProvenAnew } = arrival;
      c.header('set-cookie', await web.auth.begin(requestOf(c), user, { way: 'provider', isProvenAnew }), {
        append: true,
      });
      return withHeaders(c.redirect(arrival.next, 303));
    }
    const path = `/register/confirm/${arrival.pendingId}`;
    setCookie(c, CONFIRM_COOKIE, arrival.cookie, cookieAt(path));
    // Away from an address with a code in it.
    return withHeaders(c.redirect(path, 303));
  });

  routes.get('/login/oidc/:provider', (c) => {
    const provider = signIn.providers.find(({ settings }) => settings.id === c.req.param('provider'));
    if (provider === undefined)
      return c.html(endPage('No such provider', 'Go back to the sign-in page.'), 404, PAGE_HEADERS);
    return depart(c, { kind: 'console', next: safeNext(c.req.query('next')) }, provider);
  });

  routes.on(['GET', 'POST'], '/register/confirm/:id', async (c) => {
    if (!pages.take(networkOf(c.env.remoteAddress))) return tooMany(c, WAIT);
    const id = c.req.param('id');
    const cookie = getCookie(c, CONFIRM_COOKIE) ?? '';
    const machine = deps.pending.get(id);
    const found = signIn.confirmation(id, cookie);
    if (machine === undefined || found === undefined)
      return c.html(endPage('Nothing to confirm', CONFIRM_OVER), 410, PAGE_HEADERS);
    if (c.req.method === 'GET') return confirmForm(c, machine, found, cookie);
    const fields = new URLSearchParams(await c.req.text());
    const isOurs =
      comesFromUs(requestOf(c), deps.serverUrl) &&
      sameText(fields.get('csrf'), formToken(csrfKey, cookie, id));
    if (!isOurs) return confirmForm(c, machine, found, cookie, TEXT.stale);
    return answer(c, id, cookie, fields.get('answer') === 'yes');
  });
  const waysTo = (next: string, again: boolean): readonly Choice[] =>
    signIn.providers.map((provider) => ({
      name: provider.settings.name,
      // Signed in there already, the provider would otherwise not ask.
      href: `${wayTo({ kind: 'console', next }, provider)}${again ? '&as=other' : ''}`,
    }));
  return { begin, waysTo, routes };
}

const wayTo = (purpose: Purpose, { settings }: Provider): string =>
  purpose.kind === 'machine'
    ? hrefWith(purpose.pendingId, settings.id)
    : `/login/oidc/${encodeURIComponent(settings.id)}?next=${encodeURIComponent(purpose.next)}`;

const hrefWith = (id: string, by: string): string => `/register/${id}?with=${encodeURIComponent(by)}`;
const codeHref = (id: string): string => hrefWith(id, 'code');

function withHeaders(response: Response): Response {
  for (const [name, value] of Object.entries(PAGE_HEADERS)) response.headers.set(name, value);
  return response;
}
