/** What is taken from a provider's claims and what is not; and every list that a person must pass. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readPerson, refusalOf, vouchedPerson } from './claims.ts';
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

describe('a role', () => {
  const roles = new Map([
    ['admin', ['vpn-admins']],
    ['auditor', ['audit', 'vpn-admins']],
  ] as const);

  test.each([
    ['the highest that some value gives', { groups: ['audit', 'vpn-admins'] }, 'admin'],
    ['a lower one', { groups: ['audit'] }, 'auditor'],
    ['member, without a value that gives any', { groups: ['staff'] }, 'member'],
    ['member, without the claim', {}, 'member'],
    ['member, for a claim that is no list', { groups: { admin: true } }, 'member'],
  ])('is %s', (_what, claims, role) => expect(read(claims, undefined, { roles })?.role).toBe(role));

  test('is left to administrators where nothing is configured', () =>
    expect(read({ groups: ['vpn-admins'] })?.role).toBeUndefined());

  test('comes from a nested claim, or from one with a name like an address', () => {
    const nested = { roles, roleClaim: ['realm_access', 'roles'] };
    expect(read({ realm_access: { roles: ['vpn-admins'] } }, undefined, nested)?.role).toBe('admin');
    const named = { roles, roleClaim: ['https://example.com/roles'] };
    expect(read({ 'https://example.com/roles': ['audit'] }, undefined, named)?.role).toBe('auditor');
  });

  test('comes from what the provider says now, not from the token, when both say something', () =>
    expect(read({ groups: ['vpn-admins'] }, { groups: ['staff'] }, { roles })?.role).toBe('member'));
});

describe('names', () => {
  test('come from the claims that are configured, in their order', () => {
    const over = { usernameClaims: ['nickname', 'email_localpart', 'sub'] };
    const person = read({ nickname: 'An N', email: 'ann@x.example', email_verified: true }, undefined, over);
    expect(person?.names).toEqual(['An.N', 'ann', 's']);
  });
});

describe('a user made here', () => {
  const over = { linksByEmail: true, needsVerifiedEmail: false };
  const linksTo = (claims: object, options: Partial<ProviderSettings> = over): string | undefined => {
    const person = read(claims, undefined, options);
    return person === undefined ? undefined : vouchedPerson(settings(options), person).linksTo;
  };
  const email = 'ann@x.example';

  test('is linked by an address that the provider calls verified', () =>
    expect(linksTo({ email, email_verified: true })).toBe(email));
  test('is not linked by one that is only trusted, or where nobody asked for it', () => {
    expect(linksTo({ email })).toBeUndefined();
    expect(linksTo({ email, email_verified: true }, {})).toBeUndefined();
  });
});
