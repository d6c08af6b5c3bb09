/** What can go wrong between this server and a provider, in the few kinds that matter to whoever waits. */
import * as oidc from 'openid-client';
import { RhumbError } from '#shared/errors.ts';

export interface ProviderFailure {
  readonly kind: /** The person, or a rule there, said no. */
    | 'denied'
    /** It refuses the code or the refresh token: used, too old, or the user is gone. */
    | 'grant-refused'
    /** It can't be reached, or is broken for the moment. */
    | 'provider-down'
    /** It refuses us: a wrong client id, secret or redirect address. */
    | 'provider-error'
    /** What it sent does not hold: nonce, signature, issuer, audience, time. */
    | 'bad-answer';
  /** For the log; holds no secrets. */
  readonly detail: string;
}

const MAX_DETAIL = 200;
/** Errors of the authorization endpoint that are decisions about the person (OpenID Connect Core §3.1.2.6). */
const DECISIONS = new Set([
  'access_denied',
  'login_required',
  'consent_required',
  'interaction_required',
  'account_selection_required',
]);

export function asFailure(error: unknown): ProviderFailure {
  if (error instanceof oidc.AuthorizationResponseError) {
    const isDown = error.error === 'temporarily_unavailable' || error.error === 'server_error';
    const kind = DECISIONS.has(error.error) ? 'denied' : isDown ? 'provider-down' : 'provider-error';
    return failure(kind, error.error, error.error_description);
  }
  if (error instanceof oidc.ResponseBodyError) {
    if (error.error === 'invalid_grant')
      return failure('grant-refused', error.error, error.error_description);
    const kind = error.status >= 500 ? 'provider-down' : 'provider-error';
    return failure(kind, error.error, error.error_description);
  }
  if (error instanceof oidc.WWWAuthenticateChallengeError)
    return failure('provider-error', `it answered ${error.status}`);
  return otherFailure(error);
}

function otherFailure(error: unknown): ProviderFailure {
  const ours = rootOf(error);
  if (ours !== undefined)
    return failure(ours.code === 'protocol' ? 'bad-answer' : 'provider-down', ours.message);
  if (!(error instanceof Error)) return failure('bad-answer', String(error));
  const code = 'code' in error ? String(error.code) : error.name;
  const isAway = code === 'OAUTH_TIMEOUT' || code === 'OAUTH_ABORT' || error.name === 'TimeoutError';
  const status = statusOf(error);
  if (isAway || (status !== undefined && status >= 500))
    return failure('provider-down', error.message, status === undefined ? undefined : `status ${status}`);
  return failure('bad-answer', error.message, code, status === undefined ? undefined : `status ${status}`);
}

/** The error of our own fetch, under what the library put around it. */
function rootOf(error: unknown): RhumbError | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++)
    if (at instanceof RhumbError) return at;
  return undefined;
}

/** The library keeps an unexpected response as the cause. */
const statusOf = (error: Error): number | undefined =>
  error.cause instanceof Response ? error.cause.status : undefined;

function failure(
  kind: ProviderFailure['kind'],
  ...details: readonly (string | undefined)[]
): ProviderFailure {
  const detail = details.filter((one) => one !== undefined && one !== '').join(': ');
  return { kind, detail: detail.replaceAll(/[\p{Cc}\p{Cf}]/gu, ' ').slice(0, MAX_DETAIL) };
}
