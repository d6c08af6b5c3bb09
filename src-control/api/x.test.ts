/** What only this server has: addresses of its own, live events, and requests that may be sent again. */
import http from 'node:http';
import { expect, test } from 'vitest';
import { apiLab } from '../testing/api-lab.ts';
import { loopback } from '../testing/loopback.ts';

const DAY_MS = 24 * 3_600_000;

test('what programs read most has addresses of its own', async () => {
  const { ask, key } = await apiLab();
  const admin = await key(['all']);
  const policy = '{"grants": [{"src": ["*"], "dst": ["*"], "ip": ["tcp:22"]}]}';
  expect((await ask('POST', '/api/x/call/policy.set', admin, { text: policy, confirm: true })).status).toBe(
    200,
  );
  expect((await ask('GET', '/api/x/policy/versions', admin)).json).toMatchObject({ versions: [{ id: 1 }] });
  expect((await ask('GET', '/api/x/policy/versions/1', admin)).json).toMatchObject({ text: policy });
  expect((await ask('GET', '/api/x/policy/versions/7', admin)).status).toBe(404);
  expect((await ask('GET', '/api/x/policy/versions/x', admin)).status).toBe(400);
  expect((await ask('GET', '/api/x/policy/explain?src=a&dst=b', admin)).json).toMatchObject({
    verdict: 'denied',
  });
  expect(
    (await ask('POST', '/api/x/policy/explain', admin, { src: 'a', dst: 'b', text: '{' })).json.error.code,
  ).toBe('bad-argument');
  expect((await ask('GET', '/api/x/routes', admin)).json).toEqual({ routes: [] });
  // There is no server around this API, so nobody knows a map.
  expect((await ask('GET', '/api/x/derp/map', admin)).status).toBe(503);
  const other = await key(['dns']);
  for (const path of ['policy/versions', 'policy/explain?src=a&dst=b', 'routes', 'derp/map', 'events'])
    expect((await ask('GET', `/api/x/${path}`, other)).status).toBe(403);
});

test('a request that is sent again does nothing again', async () => {
  const { ask, key, network, clock } = await apiLab();
  const admin = await key(['all']);
  const make = (name: string, idempotencyKey: string, auth = admin) =>
    ask('POST', '/api/x/call/users.create', auth, { name }, { 'idempotency-key': idempotencyKey });
  const first = await make('ann', 'k1');
  const again = await make('ann', 'k1');
  expect([again.status, again.text]).toEqual([200, first.text]);
  expect([first, again].map(({ headers }) => headers.get('idempotency-replayed'))).toEqual([null, 'true']);
  expect([...network.users()]).toHaveLength(1);
  // Without the key, or with another, it is another request.
  expect((await make('ann', 'k2')).status).toBe(409);
  expect((await make('ben', 'k1')).json.error.message).toContain('another request');
  expect((await make('ben', 'a b')).status).toBe(400);
  // What one key was answered is nothing to others, and nobody without a key gets an answer.
  expect((await make('ann', 'k1', await key(['all']))).status).toBe(409);
  expect((await make('ann', 'k1', 'rhkey-api-none')).status).toBe(401);
  await clock.advance(DAY_MS + 1);
  expect((await make('ann', 'k1')).status).toBe(409);
});

test('two at once with one Idempotency-Key are one', async () => {
  const { ask, key, network } = await apiLab();
  const admin = await key(['all']);
  const make = () =>
    ask('POST', '/api/x/call/users.create', admin, { name: 'ann' }, { 'idempotency-key': 'k' });
  const answers = await Promise.all([make(), make()]);
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
  expect((await make()).status).toBe(200);
  expect([...network.users()]).toHaveLength(1);
});

test('live events reach a program with the scope, until its key ends', async () => {
  await using loop = await loopback();
  const { key } = await loop.admin.call('apikeys.create', { scopes: ['devices:core:read'] });
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    const headers = { authorization: `Bearer ${key}` };
    http.get(`${loop.url}/api/x/events`, { headers }, resolve).on('error', reject);
  });
  expect(response.headers['content-type']).toBe('text/event-stream');
  let text = '';
  const heard = new Promise<void>((resolve) => {
    response.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes('event: change')) resolve();
    });
  });
  const ended = new Promise<void>((resolve) => {
    response.on('close', resolve).on('error', () => resolve());
  });
  await loop.admin.call('users.create', { name: 'ann' });
  await heard;
  expect(text).toContain('"users"');
  await loop.admin.call('apikeys.expire', { key });
  await ended;
});
