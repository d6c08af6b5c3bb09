/** What people without a key can do to the API: make a browser speak with one that it keeps, or take every place. */
import http from 'node:http';
import { expect, test } from 'vitest';
import { apiLab } from '../testing/api-lab.ts';
import { loopback } from '../testing/loopback.ts';

test('a key that a browser keeps is no use to other sites', async () => {
  const lab = await apiLab();
  const basic = `Basic ${Buffer.from(`${await lab.key(['all'])}:`).toString('base64')}`;
  const ask = (headers: Readonly<Record<string, string>>) =>
    lab.ask(
      'POST',
      '/api/x/call/users.create',
      basic,
      { name: `u${JSON.stringify(headers).length}` },
      headers,
    );
  for (const site of ['cross-site', 'same-site'])
    expect((await ask({ 'sec-fetch-site': site })).status).toBe(401);
  expect((await ask({ origin: 'https://evil.example' })).status).toBe(401);
  expect((await ask({ origin: 'null' })).status).toBe(401);
  expect([...lab.network.users()]).toEqual([]);
  expect((await ask({})).status).toBe(200);
  expect((await ask({ 'sec-fetch-site': 'none' })).status).toBe(200);
  const bearer = await lab.ask('GET', '/api/v2/tailnet/-/devices', await lab.key(['all']), undefined, {
    'sec-fetch-site': 'cross-site',
  });
  expect(bearer.status).toBe(200);
});

test('bodies that strangers never finish leave room for those with a key', async () => {
  await using loop = await loopback();
  const { key } = await loop.admin.call('apikeys.create', {});
  const slow = await Promise.all(
    Array.from(
      { length: 40 },
      () =>
        new Promise<http.ClientRequest>((resolve) => {
          const request = http.request(`${loop.url}/api/x/call/users.list`, {
            method: 'POST',
            headers: { 'content-length': 100, expect: '100-continue' },
          });
          // Answered or not, the server has it.
          request.on('continue', () => resolve(request)).on('error', () => resolve(request));
          request.flushHeaders();
        }),
    ),
  );
  try {
    const answer = await fetch(`${loop.url}/api/x/call/users.list`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: '{}',
    });
    expect(answer.status).toBe(200);
  } finally {
    for (const request of slow) request.destroy();
  }
});

test('who has no key sends no long body', async () => {
  await using loop = await loopback();
  const answer = await fetch(`${loop.url}/api/x/call/users.list`, {
    method: 'POST',
    body: 'x'.repeat(1 << 20),
  });
  expect(answer.status).toBe(413);
});
