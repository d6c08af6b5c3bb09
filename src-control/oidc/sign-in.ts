/** Signing a machine in through a provider: browser out, browser back, a person confirms, the machine is theirs. */
import * as oidc from 'openid-client';
import type { Log } from '#shared/log/log.ts';
import { networkOf } from '../auth/network-of.ts';
import { PENDING_MS } from '../auth/pending.ts';
import { approve, type RegisterDeps } from '../auth/register.ts';
import { rememberPerson } from '../state/people.ts';
import type { NodeRecord, UserRecord } from '../store/records.ts';
import { type Person, type Refusal, refusalOf, vouchedPerson } from './claims.ts';
import type { ProviderFailure } from './failure.ts';
import type { GrantKeeper } from './grants.ts';
import type { Challenge, Provider } from './provider.ts';
import { hashSecret, mintSecret, Tickets } from './tickets.ts';

/** What a browser signs in for. */
export type Purpose =
  /** A person adds a machine that waits. */
  | { readonly kind: 'machine'; readonly pendingId: string }
  /** A person signs in to the console, and goes on to `next`. */
  | { readonly kind: 'console'; readonly next: string };

/** A browser was sent to a provider and is expected back. */
interface Attempt {
  readonly purpose: Purpose;
  readonly provider: Provider;
  readonly challenge: Challenge;
  /** Hash of the cookie that only this browser has. */
  readonly browser: string;
  /** The provider was told to ask even those who are signed in there. */
  readonly asksAnew: boolean;
}

/** A person has signed in and is asked whether the machine is theirs. */
export interface Confirmation {
  readonly pendingId: string;
  readonly provider: Provider;
  readonly person: Person;
  readonly refreshToken: string | undefined;
  readonly tokenEndsAt: number | undefined;
  readonly vouchedAt: number;
}

export type Departure =
  | { readonly kind: 'go'; readonly url: URL; readonly state: string; readonly cookie: string }
  | { readonly kind: 'provider-down' };

export type WhyNot =
  | 'no-state'
  | 'over'
  | 'other-browser'
  | 'machine-gone'
  | 'needs-approval'
  | 'suspended'
  | ProviderFailure['kind']
  | Refusal;

export type Arrival =
  | { readonly kind: 'confirm'; readonly pendingId: string; readonly cookie: string }
  | {
      readonly kind: 'known';
      readonly user: UserRecord;
      readonly next: string;
      /** The person was asked just now; otherwise the provider may only have recognized the browser. */
      readonly isProvenAnew: boolean;
    }
  | {
      readonly kind: 'refused';
      readonly why: WhyNot;
      readonly purpose: Purpose | undefined;
      readonly provider: Provider | undefined;
    };

export interface SignInDeps {
  readonly register: RegisterDeps;
  readonly providers: readonly Provider[];
  readonly grants: GrantKeeper;
  readonly log: Log;
}

export type Outcome = 'begun' | 'signed-in' | 'admitted' | 'disowned' | WhyNot;

export class SignIn {
  readonly #deps: SignInDeps;
  readonly #attempts: Tickets<Attempt>;
  readonly #confirmations: Tickets<Confirmation>;
  readonly #counts = new Map<Outcome, number>();

  constructor(deps: SignInDeps) {
    this.#deps = deps;
    this.#attempts = new Tickets(deps.register.clock, PENDING_MS);
    this.#confirmations = new Tickets(deps.register.clock, PENDING_MS);
  }

  get providers(): readonly Provider[] {
    return this.#deps.providers;
  }

  /** How many sign-ins went which way since the start. */
  get counts(): ReadonlyMap<Outcome, number> {
    return this.#counts;
  }

  get redirectUri(): string {
    return `${this.#deps.register.serverUrl}/oidc/callback`;
  }

  /** Sends a browser to a provider. */
  async depart(
    purpose: Purpose,
    provider: Provider,
    from: string,
    account: 'any' | 'other' = 'any',
  ): Promise<Departure> {
    const challenge = {
      nonce: mintSecret(),
      verifier: provider.settings.usesPkce ? oidc.randomPKCECodeVerifier() : undefined,
    };
    const cookie = mintSecret();
    const state = this.#attempts.issue(networkOf(from), (own) => ({
      purpose,
      provider,
      challenge: { ...challenge, state: own },
      browser: hashSecret(cookie),
      asksAnew: account === 'other',
    }));
    const url = await provider.authorizationUrl({ ...challenge, state }, this.redirectUri, account);
    if (url === undefined) {
      this.#attempts.take(state);
      this.#count('provider-down');
      return { kind: 'provider-down' };
    }
    this.#count('begun');
    return { kind: 'go', url, state, cookie };
  }

  /** The browser is back. `cookieOf` gives the cookie that was set for a state. */
  async arrive(
    query: URLSearchParams,
    cookieOf: (state: string) => string | undefined,
    from: string,
  ): Promise<Arrival> {
    const [state, ...more] = query.getAll('state');
    if (state === undefined || more.length > 0) return this.#refuse('no-state', undefined, from);
    const attempt = this.#attempts.get(state);
    if (attempt === undefined) return this.#refuse('over', undefined, from);
    // Not used up by this: whoever got hold of the address must not be able to end the real sign-in.
    if (hashSecret(cookieOf(state) ?? '') !== attempt.browser)
      return this.#refuse('other-browser', undefined, from);
    // Before anything is waited for: a second callback with the same state finds nothing.
    this.#attempts.take(state);
    const { purpose, provider } = attempt;
    if (!this.#isWaited(purpose)) return this.#refuse('machine-gone', attempt, from);
    const callback = new URL(this.redirectUri);
    callback.search = query.toString();
    const vouched = await provider.redeem(callback, attempt.challenge);
    if (vouched.kind !== 'vouched') return this.#refuse(vouched.kind, attempt, from, vouched.detail);
    const refusal = refusalOf(provider.settings, vouched.person);
    if (refusal !== undefined) return this.#refuse(refusal, attempt, from, vouched.person.subject);
    if (!this.#isWaited(purpose)) return this.#refuse('machine-gone', attempt, from);
    const { person, refreshToken, tokenEndsAt } = vouched;
    this.#count('signed-in');
    this.#deps.log('info', 'oidc.signed-in', {
      provider: provider.settings.id,
      subject: person.subject,
      from,
    });
    if (purpose.kind === 'console') return this.#know(attempt, person, refreshToken, purpose.next, from);
    const { pendingId } = purpose;
    const cookie = this.#confirmations.issue(networkOf(from), () => ({
      ...{ pendingId, provider, person, refreshToken, tokenEndsAt },
      vouchedAt: this.#deps.register.clock.now(),
    }));
    return { kind: 'confirm', pendingId, cookie };
  }

  /** The console needs no second question: signing in there adds nothing and gives nothing away. */
  async #know(
    attempt: Attempt,
    person: Person,
    refreshToken: string | undefined,
    next: string,
    from: string,
  ): Promise<Arrival> {
    const { register, grants } = this.#deps;
    const { provider } = attempt;
    const user = await rememberPerson(
      register.network,
      vouchedPerson(provider.settings, person),
      register.clock.now(),
    );
    if (user.approvedAt === undefined) return this.#refuse('needs-approval', attempt, from, user.name);
    if (user.suspendedAt !== undefined) return this.#refuse('suspended', attempt, from, user.name);
    await grants.keep(user.id, provider, refreshToken);
    return { kind: 'known', user, next, isProvenAnew: attempt.asksAnew };
  }

  #isWaited(purpose: Purpose): boolean {
    return purpose.kind !== 'machine' || this.#deps.register.pending.get(purpose.pendingId) !== undefined;
  }

  /** What the browser with this cookie is to confirm for the machine. */
  confirmation(pendingId: string, cookie: string): Confirmation | undefined {
    const found = this.#confirmations.get(cookie);
    return found?.pendingId === pendingId ? found : undefined;
  }

  /** The person said yes. Undefined when that came too late. Throws `conflict` when the machine may not join. */
  async admit(pendingId: string, cookie: string): Promise<NodeRecord | undefined> {
    const confirmation = this.confirmation(pendingId, cookie);
    if (confirmation === undefined) return undefined;
    this.#confirmations.take(cookie);
    const { register, grants } = this.#deps;
    const { person, provider, refreshToken } = confirmation;
    const machine = register.pending.get(pendingId);
    const now = register.clock.now();
    const lifetime = lifetimeOf(confirmation, now);
    if (machine === undefined || (lifetime?.endsAt ?? Number.POSITIVE_INFINITY) <= now) return undefined;
    const known = register.network.userByIdentity(person.issuer, person.subject);
    // Since the sign-in the provider has changed its mind.
    if ((known?.suspendedAt ?? Number.NEGATIVE_INFINITY) >= confirmation.vouchedAt) return undefined;
    const user = await rememberPerson(register.network, vouchedPerson(provider.settings, person), now);
    const node = await approve(register, machine, user.id, 'oidc', lifetime);
    await grants.keep(user.id, provider, refreshToken);
    this.#count('admitted');
    return node;
  }

  /** The person does not know this machine: it is turned away at once. */
  disown(pendingId: string, cookie: string): boolean {
    const confirmation = this.confirmation(pendingId, cookie);
    if (confirmation === undefined) return false;
    this.#confirmations.take(cookie);
    const text = 'the person who signed in does not know this machine: start the sign-in again';
    this.#deps.register.pending.settle(pendingId, { kind: 'refused', text });
    this.#count('disowned');
    this.#deps.log('warn', 'oidc.disowned', { subject: confirmation.person.subject });
    return true;
  }

  #count(outcome: Outcome): void {
    this.#counts.set(outcome, (this.#counts.get(outcome) ?? 0) + 1);
    this.#deps.register.meter?.count('oidc_sign_ins', { outcome });
  }

  #refuse(why: WhyNot, attempt: Attempt | undefined, from: string, detail = ''): Arrival {
    this.#count(why);
    const provider = attempt?.provider.settings;
    this.#deps.log('warn', 'oidc.refused', { why, provider: provider?.id, detail, from });
    return { kind: 'refused', why, purpose: attempt?.purpose, provider: attempt?.provider };
  }
}

/** Undefined = as long as the server's configuration says. */
function lifetimeOf(
  { provider, tokenEndsAt }: Confirmation,
  nowMs: number,
): { readonly endsAt: number | undefined } | undefined {
  const { expiry } = provider.settings;
  if (expiry.kind === 'server') return undefined;
  if (expiry.kind === 'token') return { endsAt: tokenEndsAt };
  return { endsAt: expiry.ms === 0 ? undefined : nowMs + expiry.ms };
}
