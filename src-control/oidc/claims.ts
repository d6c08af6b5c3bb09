/** What a provider says of a person, read with care and merged; and whether the configuration lets that person in. */
import type { ProviderSettings } from './settings.ts';

type Claims = Readonly<Record<string, unknown>>;

export interface Person {
  /** Both together are who it is, for ever; an address may pass to somebody else. */
  readonly issuer: string;
  readonly subject: string;
  readonly displayName: string;
  /** Candidates for the user's name here, best first; not yet checked for being free. */
  readonly names: readonly string[];
  /** Vouched for, or trusted by configuration. */
  readonly email: string | undefined;
  /** There is an address, but the provider does not vouch for it. */
  readonly hasUnverifiedEmail: boolean;
  readonly pictureUrl: string | undefined;
  readonly groups: readonly string[];
}

export type Refusal = 'unverified-email' | 'no-email' | 'domain' | 'user' | 'group';

const MAX_TEXT = 256;
const MAX_SUBJECT = 255;
const MAX_URL = 2_048;
const MAX_GROUPS = 1_024;

/** Undefined when the token does not say who it is about. */
export function readPerson(
  settings: ProviderSettings,
  token: Claims,
  userinfo: Claims | undefined,
): Person | undefined {
  const issuer = identifier(token['iss']);
  const subject = identifier(token['sub']);
  if (issuer === undefined || subject === undefined) return undefined;
  // An address and whether it is verified belong together: never one from here and one from there.
  const source = text(userinfo?.['email']) === undefined ? token : (userinfo ?? token);
  const address = text(source['email'])?.toLowerCase();
  const isAddress = address !== undefined && /^[^\s@]+@[^\s@]+$/.test(address);
  const isTrusted = isTrue(source['email_verified']) || !settings.needsVerifiedEmail;
  const email = isAddress && isTrusted ? address : undefined;
  const preferred = text(userinfo?.['preferred_username']) ?? text(token['preferred_username']);
  const name = text(userinfo?.['name']) ?? text(token['name']);
  return {
    issuer,
    subject,
    displayName: name ?? preferred ?? email ?? '',
    names: namesOf(preferred, email, name),
    email,
    hasUnverifiedEmail: isAddress && !isTrusted,
    pictureUrl: picture(userinfo?.['picture']) ?? picture(token['picture']),
    groups: groupsOf(settings, userinfo) ?? groupsOf(settings, token) ?? [],
  };
}

/** Every list that the configuration gives must be passed (coordination-server.md §4.4). */
export function refusalOf(settings: ProviderSettings, person: Person): Refusal | undefined {
  const { allowedDomains, allowedUsers, allowedGroups } = settings;
  if (allowedGroups.length > 0 && !allowedGroups.some((group) => person.groups.includes(group)))
    return 'group';
  if (allowedDomains.length === 0 && allowedUsers.length === 0) return undefined;
  const { email } = person;
  if (email === undefined) return person.hasUnverifiedEmail ? 'unverified-email' : 'no-email';
  if (allowedDomains.length > 0 && !allowedDomains.includes(email.slice(email.lastIndexOf('@') + 1)))
    return 'domain';
  if (allowedUsers.length > 0 && !allowedUsers.includes(email)) return 'user';
  return undefined;
}

/** Only what may not be mistaken for somebody else: a name with an "@" must be the person's own address. */
function namesOf(
  preferred: string | undefined,
  email: string | undefined,
  name: string | undefined,
): readonly string[] {
  const own = preferred?.includes('@') === true && preferred.toLowerCase() !== email ? undefined : preferred;
  const candidates = [own, email?.slice(0, email.indexOf('@')), email, name?.replaceAll(/\s+/g, '.')];
  return candidates.filter((one) => one !== undefined);
}

/** Issuers and subjects are compared byte by byte, so they are taken as they are or not at all. */
const identifier = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' && value.length <= MAX_SUBJECT && !/\p{Cc}/u.test(value)
    ? value
    : undefined;

/** For people to read: nothing that steers a terminal or turns the direction of writing. */
function text(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const plain = value
    .slice(0, MAX_TEXT)
    .replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, '')
    .trim();
  return plain === '' ? undefined : plain;
}

/** Some providers say it as text. */
const isTrue = (value: unknown): boolean => value === true || value === 'true';

function picture(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length > MAX_URL) return undefined;
  const url = URL.parse(value);
  return url?.protocol === 'https:' ? url.href : undefined;
}

function groupsOf(settings: ProviderSettings, claims: Claims | undefined): readonly string[] | undefined {
  let value: unknown = claims;
  for (const step of settings.groupsClaim) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = Object.getOwnPropertyDescriptor(value, step)?.value;
  }
  const list = typeof value === 'string' ? [value] : value;
  if (!Array.isArray(list)) return undefined;
  return list
    .filter((one) => typeof one === 'string' && one !== '' && one.length <= MAX_TEXT)
    .slice(0, MAX_GROUPS);
}
