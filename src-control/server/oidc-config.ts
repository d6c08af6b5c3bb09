/** The `oidc` part of the configuration: one identity provider or several, each problem said with its place. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { isLoopback, issuerText, type ProviderSettings, Secret } from '../oidc/settings.ts';
import { ROLES } from '../store/records.ts';
import { parseDuration } from './duration.ts';

const text = z.string().min(1).max(4_096);
const names = z.array(z.string().min(1).max(320)).min(1).max(1_024);

const refreshSettings = z.strictObject({
  /** How often users are looked up at the provider; needs a refresh token from it. */
  every: text.optional(),
  /** How long the machines of a user stay signed in whom the provider refuses. */
  grace: text.optional(),
});

const providerSettings = z.strictObject({
  /** Stands in addresses and in logs; the host of the issuer unless given. */
  id: text.max(64).optional(),
  /** On the sign-in page. */
  name: text.max(64).optional(),
  issuer: text,
  clientId: text,
  clientSecret: text.optional(),
  clientSecretFile: text.optional(),
  scopes: names.optional(),
  extraParams: z.record(z.string().min(1).max(64), z.string().max(1_024)).optional(),
  pkce: z.boolean().optional(),
  allowedDomains: names.optional(),
  allowedUsers: names.optional(),
  allowedGroups: names.optional(),
  /** A claim, or the way to one inside others. */
  groupsClaim: z.union([text, z.array(text).min(1).max(8)]).optional(),
  /** From which claims names here are made, best first. */
  usernameClaims: names.max(8).optional(),
  /** Which values of `roleClaim` give which role: then the provider decides at each sign-in. */
  roles: z.partialRecord(z.enum(ROLES), names).optional(),
  /** Like `groupsClaim`, which it is unless given. */
  roleClaim: z.union([text, z.array(text).min(1).max(8)]).optional(),
  /** Whether a user made here whose name is somebody's verified address becomes theirs. */
  linkByEmail: z.boolean().optional(),
  emailVerifiedRequired: z.boolean().optional(),
  /** A span of time, `token` for as long as the provider's token, or 0 for ever. */
  expiry: text.optional(),
  refresh: refreshSettings.optional(),
  onlyStartIfAvailable: z.boolean().optional(),
});
type Given = z.output<typeof providerSettings>;

/** One provider may stand without the list around it. */
export const oidcSettings = z.preprocess(
  (value) => (value === undefined || Array.isArray(value) ? value : [value]),
  z.array(providerSettings).min(1).max(16).optional(),
);

const DEFAULT_SCOPES = ['openid', 'profile', 'email'];
const DEFAULT_GROUPS = ['groups'];
const DEFAULT_NAMES = ['preferred_username', 'email_localpart', 'email', 'name'];

/** One claim, or the way to one inside others. */
const way = (given: string | readonly string[] | undefined): readonly string[] | undefined =>
  typeof given === 'string' ? [given] : given;

/** In the query of the sign-in page it stands for an administrator's code. */
export const CODE_ID = 'code';
const SHORTEST_REFRESH_MS = 60_000;

/** What this server puts into the request itself; the protocol's own members must not be changed from outside. */
const RESERVED_PARAMS = new Set([
  'client_id',
  'client_secret',
  'code_challenge',
  'code_challenge_method',
  'nonce',
  'redirect_uri',
  'request',
  'request_uri',
  'response_mode',
  'response_type',
  'scope',
  'state',
]);

/** As they stand in tokens and records. */
export const issuersOf = (providers: readonly ProviderSettings[]): readonly string[] =>
  providers.map(({ issuer }) => issuerText(issuer));

export function oidcConfig(given: readonly Given[] | undefined): readonly ProviderSettings[] {
  const providers = (given ?? []).map((one, index) => provider(one, `oidc.${index}`));
  refuseTwice(
    providers.map((one) => one.id),
    'id',
  );
  refuseTwice(
    providers.map((one) => one.issuer.href),
    'issuer',
  );
  return providers;
}

function refuseTwice(values: readonly string[], key: string): void {
  const twice = values.find((value, index) => values.indexOf(value) !== index);
  if (twice !== undefined) fail('oidc', `two providers have the ${key} ${twice}: each needs its own`);
}

function provider(given: Given, at: string): ProviderSettings {
  const issuer = parseIssuer(given.issuer, at);
  const id = parseId(given.id ?? issuer.host.replace(/[^a-z0-9.-]/g, '-'), at);
  return {
    id,
    name: given.name ?? issuer.host,
    issuer,
    clientId: given.clientId,
    clientSecret: secret(given, at),
    scopes: scopes(given, at),
    extraParams: extraParams(given, at),
    usesPkce: pkce(given, at),
    allowedDomains: (given.allowedDomains ?? []).map((one) => parseDomain(one, at)),
    allowedUsers: (given.allowedUsers ?? []).map((one) => parseEmail(one, at)),
    allowedGroups: given.allowedGroups ?? [],
    groupsClaim: way(given.groupsClaim) ?? DEFAULT_GROUPS,
    usernameClaims: given.usernameClaims ?? DEFAULT_NAMES,
    roleClaim: way(given.roleClaim) ?? way(given.groupsClaim) ?? DEFAULT_GROUPS,
    roles: new Map(
      ROLES.flatMap((role) => (given.roles?.[role] === undefined ? [] : [[role, given.roles[role]]])),
    ),
    linksByEmail: given.linkByEmail ?? false,
    needsVerifiedEmail: given.emailVerifiedRequired ?? true,
    expiry: parseExpiry(given.expiry, at),
    refresh: given.refresh === undefined ? undefined : parseRefresh(given.refresh, at),
    mustBeThere: given.onlyStartIfAvailable ?? false,
  };
}

function fail(at: string, why: string, cause?: unknown): never {
  throw new RhumbError('bad-argument', `${at}: ${why}`, { cause });
}

function parseIssuer(value: string, at: string): URL {
  const url = URL.parse(value);
  if (url === null || url.search !== '' || url.hash !== '' || url.username !== '' || url.password !== '')
    fail(
      `${at}.issuer`,
      `"${value}" is not an issuer: write https://id.example.com as the provider gives it`,
    );
  if (value.includes('/.well-known/'))
    fail(`${at}.issuer`, 'name the issuer itself, without /.well-known/openid-configuration');
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url)))
    fail(`${at}.issuer`, `"${value}" must be https, because whoever is on the way could sign in as anybody`);
  return url;
}

function parseId(value: string, at: string): string {
  if (!/^[a-z0-9][a-z0-9.-]{0,63}$/.test(value) || value === CODE_ID)
    fail(
      `${at}.id`,
      `"${value}" can't be an id: use lower-case letters, digits, "-" and ".", and not "${CODE_ID}"`,
    );
  return value;
}

function secret(given: Given, at: string): Secret | undefined {
  if (given.clientSecret !== undefined && given.clientSecretFile !== undefined)
    fail(at, 'give clientSecret or clientSecretFile, not both');
  if (given.clientSecret !== undefined) return new Secret(given.clientSecret);
  if (given.clientSecretFile === undefined) return undefined;
  let read: string;
  try {
    read = readFileSync(given.clientSecretFile, 'utf8').trim();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    fail(`${at}.clientSecretFile`, `can't read the secret: ${why}`, cause);
  }
  if (read === '' || read.length > 4_096)
    fail(`${at}.clientSecretFile`, `${given.clientSecretFile} holds no secret`);
  return new Secret(read);
}

function pkce(given: Given, at: string): boolean {
  const hasSecret = given.clientSecret !== undefined || given.clientSecretFile !== undefined;
  if (given.pkce === false && !hasSecret)
    fail(`${at}.pkce`, 'without a client secret PKCE is all that protects the sign-in: leave it on');
  return given.pkce ?? true;
}

function scopes(given: Given, at: string): readonly string[] {
  // Providers give a refresh token only to those who ask for offline access (OpenID Connect Core §11).
  if (given.scopes === undefined)
    return given.refresh === undefined ? DEFAULT_SCOPES : [...DEFAULT_SCOPES, 'offline_access'];
  if (!given.scopes.includes('openid')) fail(`${at}.scopes`, 'must contain openid');
  const bad = given.scopes.find((one) => !/^[\x21\x23-\x5b\x5d-\x7e]+$/.test(one));
  if (bad !== undefined) fail(`${at}.scopes`, `"${bad}" is not a scope`);
  return given.scopes;
}

function extraParams(given: Given, at: string): Readonly<Record<string, string>> {
  const params = given.extraParams ?? {};
  const reserved = Object.keys(params).find((name) => RESERVED_PARAMS.has(name.toLowerCase()));
  if (reserved !== undefined) fail(`${at}.extraParams`, `${reserved} is set by this server`);
  return params;
}

function parseDomain(value: string, at: string): string {
  const domain = value.toLowerCase().replace(/^@/, '');
  if (!/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(domain))
    fail(`${at}.allowedDomains`, `"${value}" is not a domain: write example.com`);
  return domain;
}

function parseEmail(value: string, at: string): string {
  if (!/^[^\s@]+@[^\s@]+$/.test(value))
    fail(`${at}.allowedUsers`, `"${value}" is not an e-mail address: users are named by theirs`);
  return value.toLowerCase();
}

function parseExpiry(value: string | undefined, at: string): ProviderSettings['expiry'] {
  if (value === undefined) return { kind: 'server' };
  if (value === 'token') return { kind: 'token' };
  return { kind: 'fixed', ms: span(value, `${at}.expiry`) };
}

function parseRefresh(given: z.output<typeof refreshSettings>, at: string): ProviderSettings['refresh'] {
  const everyMs = span(given.every ?? '1h', `${at}.refresh.every`);
  if (everyMs < SHORTEST_REFRESH_MS) fail(`${at}.refresh.every`, 'must be at least 1m');
  return { everyMs, graceMs: span(given.grace ?? '0', `${at}.refresh.grace`) };
}

function span(value: string, at: string): number {
  try {
    return parseDuration(value);
  } catch (error) {
    if (!(error instanceof RhumbError)) throw error;
    fail(at, error.message, error);
  }
}
