/** What a provider says of a person, read with care and merged; and whether the configuration lets that person in. */
import type { VouchedPerson } from '../state/people.ts';
import { ROLES, type Role } from '../store/records.ts';
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
  /** The provider itself calls it verified. */
  readonly isEmailVerified: boolean;
  /** There is an address, but the provider does not vouch for it. */
  readonly hasUnverifiedEmail: boolean;
  readonly pictureUrl: string | undefined;
  readonly groups: readonly string[];
  /** What the claims make of the person; undefined where the configuration leaves that to administrators. */
  readonly role: Role | undefined;
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
  const isVerified = isTrue(source['email_verified']);
  const isTrusted = isVerified || !settings.needsVerifiedEmail;
  const email = isAddress && isTrusted ? address : undefined;
  const claim = (wanted: string): string | undefined => text(userinfo?.[wanted]) ?? text(token[wanted]);
  const preferred = claim('preferred_username');
  const name = claim('name');
  return {
    issuer,
    subject,
    displayName: name ?? preferred ?? email ?? '',
    names: settings.usernameClaims.flatMap((one) => nameFrom(one, claim, email) ?? []),
    email,
    isEmailVerified: isAddress && isVerified,
    hasUnverifiedEmail: isAddress && !isTrusted,
    pictureUrl: picture(userinfo?.['picture']) ?? picture(token['picture']),
    groups: valuesAt(settings.groupsClaim, userinfo) ?? valuesAt(settings.groupsClaim, token) ?? [],
    role: roleOf(settings, userinfo, token),
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

/** The record that is kept of a person. */
export const vouchedPerson = (settings: ProviderSettings, person: Person): VouchedPerson => ({
  issuer: person.issuer,
  subject: person.subject,
  provider: settings.name,
  displayName: person.displayName,
  names: person.names,
  email: person.email,
  pictureUrl: person.pictureUrl,
  groups: person.groups,
  role: person.role,
  // Never an address that is only trusted by configuration: it may be anybody's.
  linksTo: settings.linksByEmail && person.isEmailVerified ? person.email : undefined,
});

/** Only what may not be mistaken for somebody else: a name with an "@" must be the person's own address. */
function nameFrom(
  claim: string,
  read: (claim: string) => string | undefined,
  email: string | undefined,
): string | undefined {
  if (claim === 'email') return email;
  if (claim === 'email_localpart') return email?.slice(0, email.indexOf('@'));
  const value = read(claim);
  if (value?.includes('@') === true) return value.toLowerCase() === email ? value : undefined;
  return value?.replaceAll(/\s+/g, '.');
}

/** The highest that some value gives; whom none gives any is a member. */
function roleOf(
  { roles, roleClaim }: ProviderSettings,
  userinfo: Claims | undefined,
  token: Claims,
): Role | undefined {
  if (roles.size === 0) return undefined;
  const values = new Set(valuesAt(roleClaim, userinfo) ?? valuesAt(roleClaim, token) ?? []);
  return ROLES.find((role) => roles.get(role)?.some((value) => values.has(value))) ?? 'member';
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

/** The texts at the end of a way through nested claims; undefined where it leads nowhere. */
function valuesAt(way: readonly string[], claims: Claims | undefined): readonly string[] | undefined {
  let value: unknown = claims;
  for (const step of way) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = Object.getOwnPropertyDescriptor(value, step)?.value;
  }
  const list = typeof value === 'string' ? [value] : value;
  if (!Array.isArray(list)) return undefined;
  return list
    .filter((one) => typeof one === 'string' && one !== '' && one.length <= MAX_TEXT)
    .slice(0, MAX_GROUPS);
}
