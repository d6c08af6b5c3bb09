/** Users who leave the provider leave the network; a provider that is away locks nobody out. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isExpired } from '../state/network.ts';
import { setExpiry } from '../state/nodes.ts';
import { DATABASE_FILE } from '../store/sqlite.ts';
import { Browser, signInAt } from '../testing/browser.ts';
import { IdentityProvider } from '../testing/identity-provider.ts';
import { CLIENT, freePort, type SignInLab, signInLab, waiting } from '../testing/sign-in-lab.ts';

const HOUR = 3_600_000;
const REFRESH = {
  scopes: ['openid', 'profile', 'email', 'groups', 'offline_access'],
  refresh: { every: '1h' },
};

/** Ann's laptop joins. */
async function joined(
  lab: SignInLab,
): Promise<AsyncDisposable & { readonly nodeId: number; readonly userId: number }> {
  const asks = await lab.machine();
  const browser = new Browser();
  const page = await signInAt(browser, await browser.open(asks.authUrl), 'ann');
  await browser.submit(page, { answer: 'yes' });
  expect(await asks.answer).toMatchObject({ MachineAuthorized: true });
  const { network } = lab.loop.server;
  const user = network.userByIdentity(lab.provider.issuer, 'ann');
  const [node] = [...network.nodes()].filter(({ record }) => record.userId === user?.id);
  return {
    ...{ nodeId: node?.record.id ?? 0, userId: user?.id ?? 0 },
    [Symbol.asyncDispose]: () => asks[Symbol.asyncDispose](),
  };
}

async function checkAgain(lab: SignInLab, laterMs = HOUR): Promise<void> {
  lab.clock.wallMs += laterMs;
  lab.clock.monotonicMs += laterMs;
  lab.loop.server.oidc?.grants.look();
  await lab.loop.server.oidc?.grants.idle();
}

const isIn = (lab: SignInLab, nodeId: number): boolean => {
  const record = lab.loop.server.network.node(nodeId)?.record;
  return record !== undefined && !isExpired(record, lab.clock.now());
};

describe('a user who is looked up again', () => {
  test('stays while the provider knows them, and their groups follow', async () => {
    await using lab = await signInLab(REFRESH);
    await using ann = await joined(lab);
    for (const groups of [['ops'], ['ops', 'night'], []]) {
      lab.provider.people.set('ann', { name: 'Ann', email: 'ann@new.example', email_verified: true, groups });
      await checkAgain(lab);
      const user = lab.loop.server.network.user(ann.userId);
      expect(user?.identity).toMatchObject({
        groups,
        email: 'ann@new.example',
        claimsAt: expect.closeTo(lab.clock.now(), -4),
      });
      expect(isIn(lab, ann.nodeId)).toBe(true);
    }
  });

  test('loses every machine and every key when the provider no longer does', async () => {
    await using lab = await signInLab(REFRESH);
    await using ann = await joined(lab);
    const { key } = await lab.loop.admin.call('preauthkeys.create', {
      ...{ user: 'ann', reusable: true, ephemeral: false, expirationMs: 0 },
    });
    lab.provider.people.delete('ann');
    await checkAgain(lab, HOUR / 2);
    expect(isIn(lab, ann.nodeId)).toBe(true);
    await checkAgain(lab, HOUR / 2);
    expect(isIn(lab, ann.nodeId)).toBe(false);
    await using other = await waiting(lab.loop.url);
    other.machine.newNodeKey();
    expect((await other.machine.register({ authKey: key })).Error).toMatch(
      /may no longer sign in at Test ID/,
    );
    await expect(
      lab.loop.admin.call('nodes.approve', { request: other.pendingId, user: 'ann' }),
    ).rejects.toThrow(/may no longer sign in/);
    expect([...lab.loop.server.network.grants()]).toEqual([]);
    expect(lab.logged.some((line) => line.includes('oidc.user-suspended'))).toBe(true);
  });

  test('comes back by signing in once the provider lets them', async () => {
    await using lab = await signInLab(REFRESH);
    await using ann = await joined(lab);
    const claims = lab.provider.people.get('ann') ?? {};
    lab.provider.people.delete('ann');
    await checkAgain(lab);
    lab.provider.people.set('ann', claims);
    await using again = await joined(lab);
    expect(again.userId).toBe(ann.userId);
    expect(lab.loop.server.network.user(ann.userId)?.suspendedAt).toBeUndefined();
    expect([...lab.loop.server.network.grants()]).toHaveLength(1);
  });

  test('is out as well when no longer in a group that may join', async () => {
    await using lab = await signInLab({ ...REFRESH, allowedGroups: ['staff'] });
    await using ann = await joined(lab);
    lab.provider.people.set('ann', { email: 'ann@example.com', email_verified: true, groups: ['alumni'] });
    await checkAgain(lab);
    expect(isIn(lab, ann.nodeId)).toBe(false);
  });

  test('has the time that the configuration gives', async () => {
    await using lab = await signInLab({ ...REFRESH, refresh: { every: '1h', grace: '30m' } });
    await using ann = await joined(lab);
    lab.provider.people.delete('ann');
    await checkAgain(lab);
    expect(isIn(lab, ann.nodeId)).toBe(true);
    lab.clock.wallMs += HOUR / 2;
    expect(isIn(lab, ann.nodeId)).toBe(false);
  });

  test('keeps access while the provider is away, and is checked when it is back', async () => {
    await using lab = await signInLab(REFRESH);
    await using ann = await joined(lab);
    await lab.provider[Symbol.asyncDispose]();
    await checkAgain(lab);
    expect(isIn(lab, ann.nodeId)).toBe(true);
    expect(lab.logged.some((line) => line.includes('oidc.check-postponed'))).toBe(true);
    // It lost its memory, so it refuses the token it gave.
    await using _back = await IdentityProvider.start({
      ...CLIENT,
      redirectUri: `${lab.loop.url}/oidc/callback`,
      port: lab.provider.port,
    });
    await checkAgain(lab);
    expect(isIn(lab, ann.nodeId)).toBe(false);
  });

  test('is checked too when the wall clock was set back', async () => {
    await using lab = await signInLab(REFRESH);
    await using ann = await joined(lab);
    lab.provider.people.delete('ann');
    await checkAgain(lab, -48 * HOUR);
    expect(isIn(lab, ann.nodeId)).toBe(false);
  });

  test('keeps a machine for as long as the token is renewed', async () => {
    await using lab = await signInLab({ ...REFRESH, expiry: 'token', refresh: { every: '1m' } });
    await using ann = await joined(lab);
    const { network } = lab.loop.server;
    const record = network.node(ann.nodeId)?.record;
    if (record === undefined) throw new Error('the machine is gone');
    // As if the token it came in with had been given long ago.
    await setExpiry(network, record, lab.clock.now() + 10 * 60_000);
    await checkAgain(lab, 60_000);
    expect(network.node(ann.nodeId)?.record.expiry).toBeGreaterThan(lab.clock.now() + 50 * 60_000);
  });
});

test('the token in the database can’t be read there, and the key beside it is for its owner only', async () => {
  await using lab = await signInLab(REFRESH);
  await using ann = await joined(lab);
  const grant = lab.loop.server.network.grantOf(ann.userId);
  expect(grant?.sealedToken.length).toBeGreaterThan(60);
  expect(Buffer.from(grant?.sealedToken ?? []).toString('latin1')).not.toContain('token');
  expect(statSync(join(lab.loop.stateDir, 'oidc.key')).mode & 0o777).toBe(0o600);
  expect(readFileSync(join(lab.loop.stateDir, DATABASE_FILE)).includes(CLIENT.clientSecret)).toBe(false);
});

describe('a provider that is away', () => {
  test('at the start does not keep the server from starting, and is found when somebody asks', async () => {
    const port = await freePort();
    await using lab = await signInLab(
      {},
      { more: [{ ...CLIENT, id: 'late', issuer: `http://127.0.0.1:${port}` }] },
    );
    await using asks = await lab.machine();
    const browser = new Browser();
    const url = `${asks.authUrl}?with=late`;
    expect((await browser.open(url)).status).toBe(503);
    await using late = await IdentityProvider.start({
      ...CLIENT,
      port,
      redirectUri: `${lab.loop.url}/oidc/callback`,
    });
    late.people.set('zoe', { name: 'Zoe' });
    lab.clock.monotonicMs += 5_000;
    const page = await signInAt(browser, await browser.open(url), 'zoe');
    expect((await browser.submit(page, { answer: 'yes' })).status).toBe(200);
    expect(await asks.answer).toMatchObject({ MachineAuthorized: true, Login: { LoginName: 'Zoe' } });
  });

  test('at the start keeps it from starting when it must be there', async () => {
    const nobody = `http://127.0.0.1:${await freePort()}`;
    await expect(
      signInLab({}, { more: [{ ...CLIENT, id: 'gone', issuer: nobody, onlyStartIfAvailable: true }] }),
    ).rejects.toThrow(/identity provider gone is not there: .*ECONNREFUSED/);
  });

  test('in the middle of a sign-in lets nobody in, and the machine may try again', async () => {
    await using lab = await signInLab();
    await using asks = await lab.machine();
    const browser = new Browser();
    const stopped = await signInAt(
      browser,
      await browser.open(asks.authUrl),
      'ann',
      (url) => url.pathname === '/oidc/callback',
    );
    await lab.provider[Symbol.asyncDispose]();
    const page = await browser.open(stopped.url);
    expect(page.status).toBe(503);
    expect(page.text).toContain(`href="/register/${asks.pendingId}"`);
    expect([...lab.loop.server.network.nodes()]).toEqual([]);
    expect(lab.loop.server.oidc?.signIn.counts.get('provider-down')).toBe(1);
  });
});
