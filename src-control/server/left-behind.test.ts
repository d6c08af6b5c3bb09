/** Rights that were somebody's once: half-sent requests, old codes, an owner who is out, a session that is no administrator's look. */
import http from 'node:http';
import { describe, expect, test } from 'vitest';
import { suspendUser } from '../state/users.ts';
import { Browser } from '../testing/browser.ts';
import { type Loopback, loopback } from '../testing/loopback.ts';
import { waiting } from '../testing/sign-in-lab.ts';

const codeFor = async (loop: Loopback, user: string): Promise<string> =>
  (await loop.admin.call('admin-code.create', { user, purpose: 'console', expirationMs: 60_000 })).code;

async function signIn(loop: Loopback, user: string, code?: string): Promise<Browser> {
  const browser = new Browser();
  const page = await browser.open(`${loop.url}/login`);
  await browser.submit(page, { code: code ?? (await codeFor(loop, user)) }, () => true);
  return browser;
}

const cookieOf = (browser: Browser): string =>
  browser.cookies.find((one) => one.startsWith('rhumb-session='))?.split(';', 1)[0] ?? '';

describe('an owner whom the provider turned away', () => {
  test('is not replaced by whoever signs in next with a code', async () => {
    await using loop = await loopback();
    await signIn(loop, 'alice');
    await loop.admin.call('users.create', { name: 'bob' });
    const { network } = loop.server;
    const alice = network.userByName('alice');
    if (alice === undefined) throw new Error('no alice');
    const by = { origin: 'oidc', id: 'test', name: 'Test ID' } as const;
    await suspendUser(network, alice, { endsAt: 1, by: 'provider' }, 1, by);
    await signIn(loop, 'bob');
    expect(network.sessions.size).toBe(1);
    expect(network.userByName('bob')?.role).toBe('member');
  });
});

describe('a code for the console', () => {
  test('is over when its user gets another role, or is shut out', async () => {
    await using loop = await loopback();
    await signIn(loop, 'alice');
    for (const name of ['bob', 'carla']) await loop.admin.call('users.create', { name });
    const [bobs, carlas] = [await codeFor(loop, 'bob'), await codeFor(loop, 'carla')];
    await loop.admin.call('users.role', { user: 'bob', role: 'owner' });
    await loop.admin.call('users.suspend', { user: 'carla' });
    await loop.admin.call('users.restore', { user: 'carla' });
    for (const [user, code] of [
      ['bob', bobs],
      ['carla', carlas],
    ] as const)
      expect(cookieOf(await signIn(loop, user, code))).toBe('');
  });
});

describe('somebody who signed in by a code', () => {
  test('lets a machine in that still waits for an administrator, where that is asked for', async () => {
    await using loop = await loopback();
    await loop.admin.call('settings.set', { devicesApproval: true });
    const browser = await signIn(loop, 'alice');
    await using machine = await waiting(loop.url);
    const page = await browser.open(machine.authUrl);
    const answer = await browser.submit(page, { answer: 'yes' });
    expect(answer.status).toBe(200);
    expect([...loop.server.network.nodes()].map(({ record }) => record.approvedAt)).toEqual([undefined]);
  });
});

describe('a call that was begun', () => {
  test('is not carried out once its session is over', async () => {
    await using loop = await loopback();
    const cookie = cookieOf(await signIn(loop, 'alice'));
    const session = await fetch(`${loop.url}/admin/api/session`, { headers: { cookie } });
    const { csrf } = (await session.json()) as { readonly csrf: string };
    const body = JSON.stringify({ name: 'mallory' });
    const status = await new Promise((resolve, reject) => {
      const request = http.request(
        `${loop.url}/admin/api/call/users.create`,
        {
          method: 'POST',
          headers: {
            ...{ cookie, 'x-csrf-token': csrf, 'content-type': 'application/json' },
            ...{ 'content-length': body.length, expect: '100-continue' },
          },
        },
        (response) => resolve(response.resume().statusCode),
      );
      request.on('error', reject);
      // The server has read the headers, and judged them, when it asks for the rest.
      request.on('continue', () => {
        const { network } = loop.server;
        const writes = [...network.sessions.values()].map(({ id }) => ({ remove: 'session', id }) as const);
        network.save({ writes }).then(() => request.end(body), reject);
      });
      request.flushHeaders();
    });
    expect(status).toBe(401);
    expect(loop.server.network.userByName('mallory')).toBeUndefined();
  });
});
