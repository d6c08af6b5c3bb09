/** The console's addresses: who gets in, what the browser is told, and that no other site can act through it. */
import { randomBytes } from 'node:crypto';
import http from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '#shared/node/clock.ts';
import { beginSession } from '../state/sessions.ts';
import { type Loopback, loopback } from '../testing/loopback.ts';

let lab: Loopback;

const signIn = async (role: 'owner' | 'member'): Promise<string> => {
  const { network } = lab.server;
  const user = network.userByName('alice');
  if (user === undefined) throw new Error('no alice');
  await network.save({ writes: [{ put: 'user', value: { ...user, role } }] });
  const secret = randomBytes(32).toString('base64url');
  const facts = { secret, address: '127.0.0.1', userAgent: '', way: 'code' } as const;
  await beginSession(network, { ...user, role }, facts, systemClock().now());
  return `rhumb-session=${secret}`;
};

const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${lab.url}/admin${path}`, { headers, redirect: 'manual' });

const post = (path: string, headers: Record<string, string>, body: unknown): Promise<Response> =>
  fetch(`${lab.url}/admin/api/call/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });

const csrfOf = async (cookie: string): Promise<string> => {
  const session = (await (await get('/api/session', { cookie })).json()) as { csrf: string };
  return session.csrf;
};

beforeAll(async () => {
  lab = await loopback();
});
afterAll(async () => lab[Symbol.asyncDispose]());

describe('without a session', () => {
  test.each(['/api/session', '/api/events'])('%s is refused', async (path) =>
    expect((await get(path)).status).toBe(401),
  );

  test('a call is refused before it is read', async () => {
    const answer = await post('users.list', { cookie: 'rhumb-session=forged' }, {});
    expect(answer.status).toBe(401);
    expect(await answer.json()).toMatchObject({ error: { code: 'signed-out' } });
  });

  test('the page is served to everybody, with nothing inline allowed and nobody to frame it', async () => {
    const answer = await get('/machines/12');
    const policy = answer.headers.get('content-security-policy') ?? '';
    expect([200, 503]).toContain(answer.status);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain('unsafe');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const text = await answer.text();
    expect(text).not.toContain('__CSP_NONCE__');
    expect(answer.status === 503 ? text : '').toMatch(answer.status === 503 ? /npm run setup/ : /^$/);
  });

  test('files outside the built ones are not there', async () => {
    for (const path of ['/assets/..%2f..%2fpackage.json', '/assets/none.js'])
      expect((await get(path)).status).toBe(404);
  });
});

describe('with a session', () => {
  test('its owner learns what they may do', async () => {
    const answer = await get('/api/session', { cookie: await signIn('owner') });
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(await answer.json()).toMatchObject({
      user: { name: 'alice' },
      role: 'owner',
      calls: expect.arrayContaining(['nodes.list', 'policy.set', 'my.nodes']),
    });
  });

  test('a call is carried out in the name of the user', async () => {
    const cookie = await signIn('owner');
    const headers = { cookie, 'x-csrf-token': await csrfOf(cookie) };
    const answer = await post('users.create', headers, { name: 'bob' });
    expect([answer.status, await answer.json()]).toMatchObject([200, { name: 'bob' }]);
    const [row] = await lab.server.network.auditLog({ limit: 1 });
    expect(row?.entry.actor).toMatchObject({ origin: 'console', name: 'alice' });
  });

  test('a call without its token, with another one, or from another site is refused', async () => {
    const cookie = await signIn('owner');
    const token = await csrfOf(cookie);
    const other = await csrfOf(await signIn('owner'));
    for (const headers of [
      { cookie },
      { cookie, 'x-csrf-token': other },
      { cookie, 'x-csrf-token': token, origin: 'https://evil.example' },
      { cookie, 'x-csrf-token': token, 'sec-fetch-site': 'cross-site' },
    ])
      expect((await post('users.list', headers, {})).status).toBe(403);
    const form = { cookie, 'x-csrf-token': token, 'content-type': 'text/plain' };
    expect((await post('users.list', form, {})).status).toBe(400);
  });

  test('what the role does not allow is neither offered nor done', async () => {
    const cookie = await signIn('member');
    const session = (await (await get('/api/session', { cookie })).json()) as {
      calls: string[];
      csrf: string;
    };
    expect(session.calls).toContain('my.nodes');
    expect(session.calls).not.toContain('policy.get');
    const headers = { cookie, 'x-csrf-token': session.csrf };
    for (const call of ['policy.get', 'nodes.list', 'users.list', 'audit.list'])
      expect((await post(call, headers, {})).status).toBe(403);
    expect((await post('my.nodes', headers, {})).status).toBe(200);
  });

  test('bad arguments and unknown calls get an answer that says so', async () => {
    const cookie = await signIn('owner');
    const headers = { cookie, 'x-csrf-token': await csrfOf(cookie) };
    const wrong = await post('nodes.rename', headers, { node: 7 });
    expect([wrong.status, await wrong.json()]).toMatchObject([400, { error: { code: 'bad-argument' } }]);
    for (const name of ['no.such', '__proto__', 'constructor'])
      expect((await post(name, headers, {})).status).toBe(404);
    const large = await post('policy.check', headers, { text: 'x'.repeat(3 << 20) });
    expect(large.status).toBe(400);
  });

  test('changes are told as they happen, until the session ends', async () => {
    const cookie = await signIn('owner');
    const { network } = lab.server;
    const told: string[] = [];
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const { promise: seen, resolve: see } = Promise.withResolvers<void>();
    const request = http.get(`${lab.url}/admin/api/events`, { headers: { cookie } }, (response) => {
      response.setEncoding('utf8').on('data', (text: string) => {
        told.push(text);
        if (text.includes('welcome')) void lab.admin.call('users.create', { name: 'carla' });
        if (text.includes('"users"')) see();
      });
      response.on('close', resolve).on('error', resolve);
    });
    request.on('error', () => resolve());
    await seen;
    expect(told.join('')).toMatch(/event: change\ndata: \{"topics":\[[^\]]*"users"/);
    for (const { id } of network.sessions.values())
      await network.save({ writes: [{ remove: 'session', id }] });
    await lab.admin.call('users.create', { name: 'dora' });
    await ended;
  });
});
