/** Every route of the table against callers without rights, wrong methods, garbage and browsers; none can be forgotten here. */
import { afterEach, expect, test } from 'vitest';
import { newPrefs } from '#shared/localapi/prefs.ts';
import { fakeNode } from '../backend/fake-world.ts';
import type { OptionalParts } from './parts.ts';
import type { Route } from './route.ts';
import { routes } from './routes.ts';
import { type Api, openApi, USER } from './testing/api.ts';

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const item of open.splice(0)) await item[Symbol.asyncDispose]();
});

const PARTS: OptionalParts = {
  dns: {
    systemDns: () => undefined,
    query: async () => ({ bytes: new Uint8Array(12), resolvers: [] }),
  },
  forwarding: { ipForwarding: async () => '', udpGro: async () => '', setUdpGro: async () => '' },
  logs: {
    id: 'a'.repeat(64),
    tap: () => () => undefined,
    recent: () => ['{}\n'],
    components: ['magicsock'],
    verbose: () => undefined,
  },
  plane: {
    rebind: () => undefined,
    restun: () => undefined,
    breakRelays: () => undefined,
    pathChanges: () => [],
    tried: () => [],
    filterReport: () => ({}),
    capture: () => () => undefined,
  },
  probes: {
    relayRegion: async () => ({ Info: [], Warnings: [], Errors: [] }),
    portMapping: async () => undefined,
  },
  traffic: {
    past: () => ({ endMs: 0, direct: { in: [], out: [] }, relayed: { in: [], out: [] } }),
    subscribe: () => () => undefined,
  },
  web: { link: async () => 'http://127.0.0.1:1/#t=x' },
  stateDir: '/nowhere',
};

async function setUp(): Promise<Api> {
  const api = await openApi(PARTS);
  open.push(api);
  return api;
}

/** With the server's word on everything, so that no route stops at "not connected". */
async function connected(): Promise<Api> {
  const api = await setUp();
  const { world } = api;
  await world.backend.startWith({
    UpdatePrefs: { ...newPrefs(), ControlURL: 'http://control.example', WantRunning: true },
    AuthKey: 'key',
  });
  await world.join([fakeNode({ id: 2 })]);
  world.control().answer = { status: 200, body: new TextEncoder().encode('{}') };
  return api;
}

const TABLE = Object.entries(routes);
/** What follows a name that ends in a slash. */
const targetOf = (name: string): string => (name.endsWith('/') ? `${name}x` : name);
const WITH_BODY = new Set(['POST', 'PUT', 'PATCH']);
const ALL = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

const BROWSERS: readonly Readonly<Record<string, string>>[] = [
  { Host: 'evil.example' },
  { Host: '127.0.0.1:80' },
  { Origin: 'https://evil.example' },
  { Origin: 'null' },
  { Referer: 'https://evil.example/' },
];

test('the table has the endpoints that clients use', () => {
  const names = TABLE.map(([name]) => name).sort();
  expect(names).toMatchSnapshot();
});

test.each(TABLE)('%s: a browser gets nowhere, by any method', async (name, { methods }) => {
  const api = await setUp();
  for (const method of methods)
    for (const headers of BROWSERS) {
      const reply = await api.call(method, targetOf(name), { headers, onlyHead: true });
      expect(reply.status, `${method} ${JSON.stringify(headers)}`).toBe(403);
      expect(reply.headers['tailscale-version']).toBeUndefined();
    }
  expect(api.ended()).toBe(false);
});

const changing = ({ needs, methods, writes }: Route): readonly string[] =>
  needs === 'write' ? methods : (writes ?? []);

test.each(TABLE)('%s: nobody changes anything without the right to', async (name, route) => {
  const api = await connected();
  const before = api.world.control().asked.length;
  for (const as of [USER, undefined]) {
    api.as = as;
    for (const method of changing(route)) {
      const reply = await api.call(method, targetOf(name), WITH_BODY.has(method) ? { body: '{}' } : {});
      expect(reply.status, method).toBe(403);
      if (method !== 'HEAD') expect(reply.body).toContain('access denied');
    }
  }
  expect(api.ended()).toBe(false);
  expect(api.world.control().asked.length).toBe(before);
});

test.each(TABLE)('%s: other methods are refused', async (name, { methods, wrongMethod }) => {
  const api = await setUp();
  for (const method of ALL) {
    if (methods.includes(method)) continue;
    const reply = await api.call(method, targetOf(name), { onlyHead: true });
    expect(reply.status, method).toBe(wrongMethod?.status ?? 405);
  }
});

const GARBAGE = [
  '{"a":',
  '[[[[',
  'null',
  '"text"',
  '[1e999]',
  '\u0000',
  '{"__proto__":{"x":1}}',
  '{"Lines":[{}]}',
];

test.each(TABLE)('%s: garbage is refused, or does no harm', async (name, { methods }) => {
  const api = await connected();
  for (const method of methods.filter((one) => WITH_BODY.has(one)))
    for (const body of GARBAGE) {
      const reply = await api.call(method, targetOf(name), { body, onlyHead: true });
      expect(reply.status, `${method} ${body}`).toBeLessThan(600);
      expect(reply.status).not.toBe(403);
    }
  expect(api.bugs).toEqual([]);
  expect((await api.call('GET', 'prefs')).status).toBe(200);
});

test.each(TABLE)('%s: an oversized body is not kept', async (name, { methods }) => {
  const api = await connected();
  const body = `{"x":"${'y'.repeat(4_200_000)}"}`;
  for (const method of methods.filter((one) => WITH_BODY.has(one))) {
    // Routes that read no body answer before all of it has come, and some senders notice only the end of the connection.
    await api.call(method, targetOf(name), { body, onlyHead: true }).catch(() => undefined);
  }
  expect(api.bugs).toEqual([]);
});

test.each(TABLE)(
  '%s: parameters that make no sense are refused, or do no harm',
  async (name, { methods }) => {
    const api = await connected();
    const nonsense = 'x'.repeat(2_000);
    const query = [
      'id',
      'ip',
      'addr',
      'type',
      'name',
      'aud',
      'mask',
      'expiry',
      'enabled',
      'timeout',
      'secs',
      'action',
      'region',
      'duration',
      'feature',
    ]
      .map((key) => `${key}=${nonsense.slice(0, 900)}`)
      .join('&');
    for (const method of methods) {
      const reply = await api.call(method, `${targetOf(name)}?${query}`, { onlyHead: true });
      expect(reply.status, method).toBeLessThan(600);
    }
    expect(api.bugs).toEqual([]);
  },
);

test.each(TABLE)('%s: before any login it answers, too', async (name, { methods }) => {
  const api = await setUp();
  await api.world.backend.start();
  await api.world.settle();
  for (const method of methods) {
    const reply = await api.call(method, targetOf(name), { onlyHead: true });
    expect([200, 201, 204, 400, 403, 404, 405, 409, 500, 502, 503], method).toContain(reply.status);
  }
  expect(api.bugs).toEqual([]);
});
