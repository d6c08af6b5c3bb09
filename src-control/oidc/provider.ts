/** One identity provider: found and kept up to date in the background, asked for sign-ins and refreshes (openid-client). */
import * as oidc from 'openid-client';
import { backoffMs } from '#shared/async/backoff.ts';
import type { Clock, Random } from '#shared/async/clock.ts';
import { RhumbError } from '#shared/errors.ts';
import type { Log } from '#shared/log/log.ts';
import { type Person, readPerson } from './claims.ts';
import { asFailure, type ProviderFailure } from './failure.ts';
import { boundedFetch } from './fetch.ts';
import { isLoopback, issuerText, type ProviderSettings } from './settings.ts';

export interface ProviderDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** What one sign-in must come back with. */
export interface Challenge {
  readonly state: string;
  readonly nonce: string;
  /** Undefined when PKCE is off. */
  readonly verifier: string | undefined;
}

/** Whom the provider vouches for. */
export interface Vouched {
  readonly kind: 'vouched';
  readonly person: Person;
  readonly refreshToken: string | undefined;
  /** When the ID token ends. */
  readonly tokenEndsAt: number | undefined;
}

/** The provider still stands by a user. */
export interface Renewed {
  readonly kind: 'renewed';
  /** Undefined when it said no more than that. */
  readonly person: Person | undefined;
  readonly refreshToken: string | undefined;
  readonly tokenEndsAt: number | undefined;
}

export interface ProviderState {
  readonly id: string;
  readonly name: string;
  readonly issuer: string;
  readonly isReady: boolean;
  /** Why the last attempt to find it failed, if it did. */
  readonly problem: string | undefined;
}

const TIMEOUT_S = 10;
/** Providers change their addresses rarely, and say so in advance. */
const REDISCOVER_MS = 6 * 3_600_000;
const LONGEST_RETRY_MS = 60_000;
/** Somebody who waits at the page may hasten the next attempt, but not more often than this. */
const IMPATIENT_MS = 2_000;

export class Provider implements AsyncDisposable {
  readonly settings: ProviderSettings;
  readonly #deps: ProviderDeps;
  readonly #ending = new AbortController();
  readonly #fetch: oidc.CustomFetch;
  /** The last good one; it stays while the provider is away. */
  #configuration: oidc.Configuration | undefined;
  #attempt: Promise<void> | undefined;
  #attemptedAt = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #problem: string | undefined;
  #cancelTimer: (() => void) | undefined;

  constructor(settings: ProviderSettings, deps: ProviderDeps) {
    this.settings = settings;
    this.#deps = deps;
    this.#fetch = boundedFetch(this.#ending.signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort(new RhumbError('unavailable', 'the server ends'));
    this.#cancelTimer?.();
    await this.#attempt;
    this.#cancelTimer?.();
  }

  get state(): ProviderState {
    const { id, name, issuer } = this.settings;
    const isReady = this.#configuration !== undefined;
    return { id, name, issuer: issuerText(issuer), isReady, problem: this.#problem };
  }

  /** Looks for the provider, now and from then on; resolves after the first attempt, whatever came of it. */
  discover(): Promise<void> {
    this.#attempt ??= this.#discoverOnce().finally(() => {
      this.#attempt = undefined;
    });
    return this.#attempt;
  }

  /** Where to send the browser; undefined while the provider was never found. */
  async authorizationUrl(
    challenge: Challenge,
    redirectUri: string,
    account: 'any' | 'other' = 'any',
  ): Promise<URL | undefined> {
    const isImpatient = this.#deps.clock.monotonic() - this.#attemptedAt >= IMPATIENT_MS;
    if (this.#configuration === undefined && (isImpatient || this.#attempt !== undefined))
      await this.discover();
    if (this.#configuration === undefined) return undefined;
    const { scopes, extraParams } = this.settings;
    return oidc.buildAuthorizationUrl(this.#configuration, {
      // Without it providers give no refresh token (OpenID Connect Core §11).
      ...(scopes.includes('offline_access') ? { prompt: 'consent' } : {}),
      ...extraParams,
      // Signed in there as somebody who may not join, a person would come back as the same again and again.
      ...(account === 'other' ? { prompt: 'login' } : {}),
      redirect_uri: redirectUri,
      scope: scopes.join(' '),
      state: challenge.state,
      nonce: challenge.nonce,
      ...(challenge.verifier === undefined ? {} : await pkceParams(challenge.verifier)),
    });
  }

  /** What the browser brought back, exchanged and checked in full. */
  async redeem(callback: URL, challenge: Challenge): Promise<Vouched | ProviderFailure> {
    const configuration = this.#configuration;
    if (configuration === undefined) return { kind: 'provider-down', detail: 'never found' };
    try {
      const tokens = await oidc.authorizationCodeGrant(configuration, callback, {
        expectedState: challenge.state,
        expectedNonce: challenge.nonce,
        idTokenExpected: true,
        ...(challenge.verifier === undefined ? {} : { pkceCodeVerifier: challenge.verifier }),
      });
      const claims = tokens.claims();
      if (claims === undefined) return { kind: 'bad-answer', detail: 'no ID token' };
      const info = await this.#userinfo(configuration, tokens.access_token, claims.sub);
      if (info.kind === 'bad-answer') return info;
      // Without an answer the ID token has to do.
      if (info.kind !== 'info')
        this.#deps.log('warn', 'oidc.no-userinfo', { provider: this.settings.id, why: info.detail });
      const person = readPerson(this.settings, claims, info.kind === 'info' ? info.claims : undefined);
      if (person === undefined) return { kind: 'bad-answer', detail: 'the token names nobody' };
      return { kind: 'vouched', person, refreshToken: tokens.refresh_token, tokenEndsAt: claims.exp * 1_000 };
    } catch (error) {
      return asFailure(error);
    }
  }

  /** Asks whether a user is still welcome there; `subject` must be the one the grant was given for. */
  async refresh(refreshToken: string, issuer: string, subject: string): Promise<Renewed | ProviderFailure> {
    const configuration = this.#configuration;
    if (configuration === undefined) return { kind: 'provider-down', detail: 'never found' };
    try {
      const tokens = await oidc.refreshTokenGrant(configuration, refreshToken);
      // A refresh need not bring an ID token (OpenID Connect Core §12.2); if it does, it is about the same person.
      const claims = tokens.claims();
      if (claims !== undefined && (claims.iss !== issuer || claims.sub !== subject))
        return { kind: 'bad-answer', detail: 'the refreshed token is about somebody else' };
      const info = await this.#userinfo(configuration, tokens.access_token, subject);
      // Half an answer would look like groups taken away.
      if (info.kind !== 'info') return info;
      const isSilent = claims === undefined && info.claims === undefined;
      return {
        kind: 'renewed',
        person: isSilent
          ? undefined
          : readPerson(this.settings, claims ?? { iss: issuer, sub: subject }, info.claims),
        refreshToken: tokens.refresh_token,
        tokenEndsAt: claims === undefined ? undefined : claims.exp * 1_000,
      };
    } catch (error) {
      return asFailure(error);
    }
  }

  /** About somebody else it would be no answer (OpenID Connect Core §5.3.2); the library checks. */
  async #userinfo(
    configuration: oidc.Configuration,
    accessToken: string,
    subject: string,
  ): Promise<
    { readonly kind: 'info'; readonly claims: oidc.UserInfoResponse | undefined } | ProviderFailure
  > {
    if (configuration.serverMetadata().userinfo_endpoint === undefined)
      return { kind: 'info', claims: undefined };
    try {
      return { kind: 'info', claims: await oidc.fetchUserInfo(configuration, accessToken, subject) };
    } catch (error) {
      return asFailure(error);
    }
  }

  async #discoverOnce(): Promise<void> {
    const { clock, random, log } = this.#deps;
    this.#attemptedAt = clock.monotonic();
    this.#cancelTimer?.();
    try {
      this.#configuration = await this.#find();
      if (this.#problem !== undefined || this.#failures > 0) log('info', 'oidc.provider-back', this.#who());
      this.#failures = 0;
      this.#problem = undefined;
    } catch (error) {
      if (this.#ending.signal.aborted) return;
      this.#failures += 1;
      this.#problem = asFailure(error).detail;
      log('warn', 'oidc.provider-away', { ...this.#who(), why: this.#problem, tries: this.#failures });
    }
    if (this.#ending.signal.aborted) return;
    const wait =
      this.#failures === 0
        ? REDISCOVER_MS * (0.9 + 0.2 * random())
        : Math.min(LONGEST_RETRY_MS, 1_000 + backoffMs(this.#failures * 8, random));
    this.#cancelTimer = clock.after(wait, () => void this.discover());
  }

  #who(): { readonly provider: string; readonly issuer: string } {
    return { provider: this.settings.id, issuer: issuerText(this.settings.issuer) };
  }

  async #find(): Promise<oidc.Configuration> {
    const { issuer, clientId, clientSecret } = this.settings;
    const setUp = isLoopback(issuer) ? [oidc.allowInsecureRequests] : [];
    const found = await oidc.discovery(issuer, clientId, undefined, oidc.None(), {
      execute: setUp,
      timeout: TIMEOUT_S,
      [oidc.customFetch]: this.#fetch,
    });
    const metadata = found.serverMetadata();
    if (metadata.authorization_endpoint === undefined || metadata.token_endpoint === undefined)
      throw new RhumbError('protocol', 'it names no place to sign in at');
    // Only now is it known how the provider wants the secret.
    const methods = metadata.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
    const secret = clientSecret?.reveal();
    const auth = secret === undefined ? oidc.None() : authWith(secret, methods);
    const configuration = new oidc.Configuration(metadata, clientId, undefined, auth);
    configuration.timeout = TIMEOUT_S;
    configuration[oidc.customFetch] = this.#fetch;
    for (const step of setUp) step(configuration);
    // Also the token that came straight from the provider is checked against its keys.
    oidc.enableNonRepudiationChecks(configuration);
    return configuration;
  }
}

const authWith = (secret: string, methods: readonly string[]): oidc.ClientAuth =>
  methods.includes('client_secret_basic') || !methods.includes('client_secret_post')
    ? oidc.ClientSecretBasic(secret)
    : oidc.ClientSecretPost(secret);

const pkceParams = async (verifier: string): Promise<Record<string, string>> => ({
  code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
  code_challenge_method: 'S256',
});
