/** How users of providers and the providers themselves are listed. */
import { expect, test } from 'vitest';
import { oidcTable } from './oidc.ts';
import { usersTable } from './users.ts';

const ann = {
  ...{ id: 2, name: 'ann', display_name: 'Ann Example', email: 'ann@example.com', provider: 'Company ID' },
  ...{
    provider_id: 'https://id.example/7',
    profile_pic_url: '',
    groups: [],
    suspended: false,
    role: 'member',
    approved: true,
  },
  ...{ last_login_at: null, created_at: '2026-01-02T03:04:05Z' },
};

test('users are listed with their provider', () => {
  const local = {
    ...ann,
    id: 1,
    name: 'bob',
    display_name: 'Bob',
    email: null,
    provider: '',
    provider_id: '',
  };
  const lines = usersTable([local, ann, { ...ann, suspended: true }]).split('\n');
  expect(lines[1]).toMatch(/^1 +bob +Bob +- +member +local +2026-01-02 03:04:05/);
  expect(lines[2]).toMatch(/^2 +ann +Ann Example +ann@example\.com +member +Company ID +2026/);
  expect(lines[3]).toContain('Company ID (suspended)');
});

test('the state of providers is said in words, and nothing they send steers the terminal', () => {
  const provider = { id: 'a', name: 'A', issuer: 'https://a.example', ready: true, problem: null };
  const text = oidcTable({
    redirect_uri: 'https://vpn.example/oidc/callback',
    providers: [provider, { ...provider, id: 'b', ready: false, problem: 'no\u001b[2J answer' }],
    counts: { admitted: 3 },
  });
  expect(text).toMatch(/^a +A +https:\/\/a\.example +ready$/m);
  expect(text).toContain('away: no?[2J answer');
  expect(text).toContain('redirect address: https://vpn.example/oidc/callback\nadmitted: 3');
  expect(oidcTable({ redirect_uri: '', providers: [], counts: {} })).toContain('no identity provider');
});
