/** What is taken from a provider's claims and what is not; and every list that a person must pass. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readPerson, refusalOf } from './claims.ts';
import type { ProviderSettings } from './settings.ts';

const settings = (over: Partial<ProviderSettings> = {}): ProviderSettings => ({
  id: 'x',
  name: 'X',
  issuer: new URL('https://id.example'),
  clientId: 'c',
  clientSecret: undefined,
  scopes: ['openid'],
  extraParams: {},
  usesPkce: true,
  allowedDomains: [],
  allowedUsers: [],
  allowedGroups: [],
  groupsClaim: ['groups'],
  usernameClaims: ['preferred_username', 'email_localpart', 'email', 'name'],
  roleClaim: ['groups'],
  roles: new Map(),
  linksByEmail: false,
  needsVerifiedEmail: true,
  expiry: { kind: 'server' },
  refresh: undefined,
  mustBeThere: false,
  ...over,
});

const base = { iss: 'https://id.example', sub: 's' };
const read = (claims: object, userinfo?: object, over?: Partial<ProviderSettings>) =>
  readPerson(settings(over), { ...base, ...claims }, userinfo === undefined ? undefined : { ...userinfo });

describe('a person', () => {
  test.each([
    ['no subject', { sub: undefined }],
    ['an empty one', { sub: '' }],
    ['one that is no text', { sub: 7 }],
    ['one with a line break', { sub: 'a\nb' }],
    ['one without end', { sub: 'x'.repeat(256) }],
    ['no issuer', { iss: undefined }],
  ])('with %s is nobody', (_what, claims) => expect(read(claims)).toBeUndefined());

  test.each([
    ['verified', { email: 'Ann@Example.com', email_verified: true }, undefined, 'ann@example.com'],
    ['verified in words', { email: 'ann@example.com', email_verified: 'true' }, undefined, 'ann@example.com'],
    ['unverified', { email: 'ann@example.com', email_verified: false }, undefined, undefined],
    ['not said to be verified', { email: 'ann@example.com' }, undefined, undefined],
    ['no address', { email: 'ann', email_verified: true }, undefined, undefined],
    [
      'verified in the token, another one unverified in the user info',
      { email: 'ann@example.com', email_verified: true },
      { email: 'boss@example.com' },
      undefined,
    ],
    [
      'of the token where the user info has none',
      { email: 'ann@example.com', email_verified: true },
      { name: 'Ann' },
      'ann@example.com',
    ],
  ])('has an address that is %s', (_what, claims, userinfo, email) =>
    expect(read(claims, userinfo)?.email).toBe(email),
  );

  test('has an unverified address where the configuration trusts it', () =>
    expect(read({ email: 'a@b.c' }, undefined, { needsVerifiedEmail: false })?.email).toBe('a@b.c'));

  test('can’t take the address of another as a name', () => {
    const person = read({
      preferred_username: 'boss@example.com',
      email: 'ann@example.com',
      email_verified: true,
    });
    expect(person?.names).toEqual(['ann', 'ann@example.com']);
  });

  test.each([
    ['a list', { groups: ['a', 7, '', 'b', null] }, ['groups'], ['a', 'b']],
    ['a single one', { groups: 'a' }, ['groups'], ['a']],
    ['a name with slashes', { 'https://x/groups': ['a'] }, ['https://x/groups'], ['a']],
    ['inside another', { realm: { roles: ['a'] } }, ['realm', 'roles'], ['a']],
    ['not there', {}, ['groups'], []],
    ['something else', { groups: { a: 1 } }, ['groups'], []],
    ['inherited', {}, ['constructor'], []],
    ['too many', { groups: Array.from({ length: 2_000 }, (_, n) => `g${n}`) }, ['groups'], 1_024],
  ])('has groups from %s', (_what, claims, groupsClaim, want) => {
    const groups = read(claims, undefined, { groupsClaim })?.groups;
    if (typeof want === 'number') expect(groups).toHaveLength(want);
    else expect(groups).toEqual(want);
  });

  test('has a picture only from the encrypted web, and no name that steers a terminal', () => {
    const person = read({ picture: 'javascript:alert(1)', name: '\u001b[2JAnn\u202e' });
    expect([person?.pictureUrl, person?.displayName]).toEqual([undefined, '[2JAnn']);
    expect(read({ picture: 'https://x.example/a.png' })?.pictureUrl).toBe('https://x.example/a.png');
  });

  test('is read from any claims at all without a throw, within bounds', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.option(fc.dictionary(fc.string(), fc.jsonValue())),
        (claims, info) => {
          const person = readPerson(settings(), { ...claims, ...base }, info ?? undefined);
          expect(person?.subject).toBe('s');
          expect(person?.displayName.length).toBeLessThanOrEqual(256);
        },
      ),
    );
  });
});

describe('is let in', () => {
  const ann = read({ email: 'ann@example.com', email_verified: true, groups: ['staff'] });
  test.each([
    [{}, undefined],
    [{ allowedDomains: ['example.com'] }, undefined],
    [{ allowedDomains: ['ample.com'] }, 'domain'],
    [{ allowedDomains: ['com'] }, 'domain'],
    [{ allowedUsers: ['ann@example.com'] }, undefined],
    [{ allowedUsers: ['bob@example.com'] }, 'user'],
    [{ allowedGroups: ['ops', 'staff'] }, undefined],
    [{ allowedGroups: ['ops'] }, 'group'],
    [{ allowedDomains: ['example.com'], allowedUsers: ['bob@example.com'] }, 'user'],
    [{ allowedDomains: ['example.com'], allowedGroups: ['ops'] }, 'group'],
  ] as const)('by %j: %s', (over, want) => {
    if (ann === undefined) throw new Error('nobody');
    expect(refusalOf(settings(over), ann)).toBe(want);
  });
});
