/** The `oidc` part of the configuration: what is taken, and what each mistake is answered with. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { ProviderSettings } from '../oidc/settings.ts';
import { loadConfig } from './config.ts';

const dir = mkdtempSync(join(tmpdir(), 'rhumb-oidc-config-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const good = { issuer: 'https://id.example.com', clientId: 'rhumb', clientSecret: 's3cret' };

function load(oidc: unknown): readonly ProviderSettings[] {
  const file = join(dir, 'config.json');
  writeFileSync(file, JSON.stringify(oidc === undefined ? {} : { oidc }));
  return loadConfig(file, {}).oidc;
}

test('without it there are no providers', () => expect(load(undefined)).toEqual([]));

test('one provider needs no list, and safe defaults are its', () => {
  const [one] = load(good);
  expect(one).toMatchObject({
    id: 'id.example.com',
    name: 'id.example.com',
    scopes: ['openid', 'profile', 'email'],
    usesPkce: true,
    needsVerifiedEmail: true,
    expiry: { kind: 'server' },
    refresh: undefined,
    mustBeThere: false,
    groupsClaim: ['groups'],
  });
  expect(one?.clientSecret?.reveal()).toBe('s3cret');
});

test('secrets come from files as well, and are never shown', () => {
  const secretFile = join(dir, 'secret');
  writeFileSync(secretFile, 'from-a-file\n');
  const loaded = load([
    { ...good, clientSecret: undefined, clientSecretFile: secretFile },
    { ...good, issuer: 'https://b.example' },
  ]);
  expect(loaded[0]?.clientSecret?.reveal()).toBe('from-a-file');
  expect(JSON.stringify(loaded)).not.toMatch(/from-a-file|s3cret/);
});

test('refresh asks for offline access', () => {
  const [one] = load({ ...good, refresh: { every: '15m', grace: '1h' } });
  expect(one?.scopes).toContain('offline_access');
  expect(one?.refresh).toEqual({ everyMs: 900_000, graceMs: 3_600_000 });
});

test.each([
  [{ ...good, issuer: 'http://id.example.com' }, /oidc\.0\.issuer: .* must be https/],
  [{ ...good, issuer: 'id.example.com' }, /oidc\.0\.issuer: .* is not an issuer/],
  [{ ...good, issuer: 'https://id.example.com/.well-known/openid-configuration' }, /without \/\.well-known/],
  [{ ...good, issuer: undefined }, /oidc\.0\.issuer/],
  [{ ...good, isuer: 'x' }, /unknown key "oidc\.0\.isuer": did you mean "issuer"\?/],
  [{ ...good, refresh: { evry: '1h' } }, /unknown key "oidc\.0\.refresh\.evry": did you mean "every"\?/],
  [{ ...good, refresh: { every: '1s' } }, /oidc\.0\.refresh\.every: must be at least 1m/],
  [{ ...good, expiry: 'soon' }, /oidc\.0\.expiry: "soon" is not a span of time/],
  [{ ...good, scopes: ['email'] }, /oidc\.0\.scopes: must contain openid/],
  [{ ...good, scopes: ['openid', 'a b'] }, /"a b" is not a scope/],
  [{ ...good, extraParams: { State: 'x' } }, /State is set by this server/],
  [{ ...good, clientSecretFile: '/nowhere' }, /not both/],
  [{ ...good, clientSecret: undefined, clientSecretFile: '/nowhere' }, /can't read the secret: ENOENT/],
  [{ ...good, clientSecret: undefined, pkce: false }, /PKCE is all that protects/],
  [{ ...good, allowedDomains: ['not a domain'] }, /oidc\.0\.allowedDomains/],
  [{ ...good, allowedUsers: ['ann'] }, /users are named by theirs/],
  [{ ...good, id: 'code' }, /oidc\.0\.id: "code" can't be an id/],
  [[good, good], /two providers have the id id\.example\.com/],
  [[good, { ...good, id: 'b' }], /two providers have the issuer/],
  [[], /oidc/],
])('%j is refused with its place', (oidc, error) => expect(() => load(oidc)).toThrow(error));
