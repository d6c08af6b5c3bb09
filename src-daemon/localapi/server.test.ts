/** The local API over a real unix socket, before a backend whose surroundings are faked. */

import { once } from 'node:events';
import { stat, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import fc from 'fast-check';
import { Client } from 'tslocal';
import { afterEach, expect, test, vi } from 'vitest';
import { newPrefs } from '#shared/localapi/prefs.ts';
import { silent } from '#shared/log/log.ts';
import { parseJson, stringifyJson } from '#shared/wire/json.ts';
import { FULL, fakeMap, fakeNode, USER_ID, type World } from '../backend/fake-world.ts';
import { MetricsRegistry } from '../metrics/metrics.ts';
import { LocalApiServer } from './server.ts';
import { type Api, openApi, ROOT, USER } from './testing/api.ts';

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const item of open.splice(0)) await item[Symbol.asyncDispose]();
});

async function setUp(): Promise<Api> {
  const api = await openApi();
  open.push(api);
  return api;
}

const wantRunning = (world: World): Promise<void> =>
  world.backend.startWith({
    UpdatePrefs: { ...newPrefs(), ControlURL: 'http://control.example', WantRunning: true },
    AuthKey: 'key',
  });

test('tslocal reads the status, 64-bit ids included', async () => {
  const { world, path } = await setUp();
  await wantRunning(world);
  await world.join([fakeNode({ id: 9_007_199_254_740_995n, name: 'peer' })]);
  const client = new Client({ socketPath: path, useSocketOnly: true });
  const status = await client.status();
  expect(status.BackendState).toBe('Running');
  expect(status.Self?.HostName).toBe('here');
  const [peer] = status.Peer === undefined || status.Peer === null ? [] : Object.values(status.Peer);
  expect(peer?.DNSName).toBe('peer.tail.example.');
  expect(String(peer?.UserID)).toBe(String(USER_ID));
  client.destroy();
});

test('tslocal reads the status of a machine that never logged in', async () => {
  const { world, path } = await setUp();
  await world.backend.start();
  await world.settle();
  const client = new Client({ socketPath: path, useSocketOnly: true });
  expect((await client.status()).BackendState).toBe('NeedsLogin');
  client.destroy();
});

test('every admitted reply names version and capability, and forbids browsers everything', async () => {
  const { call } = await setUp();
  for (const target of ['status', 'no-such-thing', '/']) {
    const { headers } = await call('GET', target);
    expect(headers['tailscale-version']).toBe('1.2.3-t0123456789');
    expect(headers['tailscale-cap']).toBe('130');
    expect(headers['content-security-policy']).toContain("default-src 'none'");
    expect(headers['x-frame-options']).toBe('DENY');
  }
});

test.each([
  { name: 'origin', headers: { Origin: 'https://evil.example' } },
  { name: 'origin null', headers: { Origin: 'null' } },
  { name: 'referer', headers: { Referer: 'https://evil.example/' } },
  { name: 'another host', headers: { Host: 'evil.example' } },
  { name: 'localhost', headers: { Host: 'localhost' } },
  { name: 'loopback with port', headers: { Host: '127.0.0.1:41112' } },
  { name: 'host with port', headers: { Host: 'local-tailscaled.sock:80' } },
])('a request with $name is refused before anything else', async ({ headers }) => {
  const { call } = await setUp();
  for (const target of ['status', 'no-such-thing', '/']) {
    const reply = await call('POST', target, { headers, body: '{' });
    expect(reply.status).toBe(403);
    expect(reply.body).toBe('invalid localapi request\n');
    expect(reply.headers['tailscale-version']).toBeUndefined();
  }
});

test('no Host, Origin or Referer but the known one gets through', async () => {
  const { call } = await setUp();
  const word = fc.string({ minLength: 1, maxLength: 40, unit: fc.constantFrom(...'abz09.:-/_[]') });
  await fc.assert(
    fc.asyncProperty(fc.constantFrom('Host', 'Origin', 'Referer'), word, async (name, value) => {
      fc.pre(!(name === 'Host' && value === 'local-tailscaled.sock'));
      expect([400, 403]).toContain((await call('GET', 'status', { headers: { [name]: value } })).status);
    }),
    { numRuns: 40 },
  );
});

const WRITES: readonly (readonly [string, string])[] = [
  ['PATCH', 'prefs'],
  ['POST', 'check-prefs'],
  ['POST', 'start'],
  ['POST', 'login-interactive'],
  ['POST', 'logout'],
  ['POST', 'shutdown'],
  ['GET', 'profiles/'],
  ['PUT', 'profiles/'],
  ['GET', 'profiles/current'],
  ['POST', 'profiles/1000'],
  ['DELETE', 'profiles/1000'],
  ['GET', 'metrics'],
];
const READS = [
  'status',
  'prefs',
  'usermetrics',
  'derpmap',
  'serve-config',
  'check-ip-forwarding',
  'check-udp-gro-forwarding',
];

test('who may change: root and the operator; who may look: everyone', async () => {
  const setup = await setUp();
  for (const who of [USER, undefined]) {
    setup.as = who;
    for (const [method, target] of WRITES) {
      const reply = await setup.call(method, target, {
        ...((method === 'POST' || method === 'PATCH') && { body: '{}' }),
      });
      expect(reply.status, `${method} ${target}`).toBe(403);
      expect(reply.body).toContain('access denied');
    }
    for (const target of READS) expect((await setup.call('GET', target)).status, target).toBe(200);
  }
  expect(setup.ended()).toBe(false);
  setup.as = ROOT;
  const body = JSON.stringify({ OperatorUser: 'operator', OperatorUserSet: true });
  expect((await setup.call('PATCH', 'prefs', { body })).status).toBe(200);
  setup.as = USER;
  expect((await setup.call('PATCH', 'prefs', { body: '{}' })).status).toBe(200);
  expect((await setup.call('GET', 'profiles/current')).status).toBe(200);
});

test('a user who keeps many connections open is refused more; root and other users are not', async () => {
  const server = await setUp();
  const { path } = server;
  const connected = async (): Promise<{ readonly socket: Socket; readonly isKept: boolean }> => {
    const socket = connect(path);
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    const isKept = new Promise<boolean>((resolve) => {
      socket.once('close', () => resolve(false));
      socket.once('data', () => resolve(true));
    });
    socket.write('GET /localapi/v0/watch-ipn-bus?mask=0 HTTP/1.1\r\nHost: local-tailscaled.sock\r\n\r\n');
    return { socket, isKept: await isKept };
  };
  server.as = USER;
  const mine = [];
  for (let i = 0; i < 65; i++) mine.push(await connected());
  expect(mine.map(({ isKept }) => isKept)).toEqual([...Array(64).fill(true), false]);
  const others = [];
  for (const as of [ROOT, { ...USER, uid: 1_001 }]) {
    server.as = as;
    others.push(await connected());
  }
  expect(others.map(({ isKept }) => isKept)).toEqual([true, true]);
  server.as = USER;
  const first = mine[0]?.socket;
  first?.destroy();
  await vi.waitFor(async () => {
    const again = await connected();
    mine.push(again);
    expect(again.isKept).toBe(true);
  });
  for (const { socket } of [...mine, ...others]) socket.destroy();
});

test('credentials are those at accept: a connection keeps what it was', async () => {
  const setup = await setUp();
  const agent = new (await import('node:http')).Agent({ keepAlive: true, maxSockets: 1 });
  const once = (): Promise<number> =>
    new Promise((resolve, reject) => {
      const request = httpRequest(
        {
          socketPath: setup.path,
          path: '/localapi/v0/profiles/current',
          headers: { Host: 'local-tailscaled.sock' },
          agent,
        },
        (response) => {
          response.resume();
          response.on('end', () => resolve(response.statusCode ?? 0));
        },
      );
      request.on('error', reject);
      request.end();
    });
  expect(await once()).toBe(200);
  setup.as = USER;
  expect(await once()).toBe(200);
  agent.destroy();
});

test.each([
  ['GET', 'start', 400, 'want POST'],
  ['GET', 'login-interactive', 400, 'want POST'],
  ['GET', 'logout', 400, 'want POST'],
  ['GET', 'ping?ip=100.64.0.1&type=TSMP', 400, 'want POST'],
  ['POST', 'ping?ip=100.64.0.1&type=tsmp', 400, "'type'"],
  ['POST', 'ping?ip=100.64.0.1&type=disco&size=x', 400, "'size'"],
  ['POST', 'ping?ip=100.64.0.1&type=TSMP&size=100', 400, 'only supported with disco'],
  ['POST', 'ping?ip=100.64.0.1&type=disco&size=70000', 400, 'maximum'],
  ['POST', 'derpmap', 400, 'want GET'],
  ['GET', 'whois', 400, "missing 'addr' parameter"],
  ['GET', 'whois?addr=nonsense', 400, "invalid 'addr' parameter"],
  ['GET', 'whois?addr=100.64.0.99', 404, 'no match for IP:port'],
  ['GET', 'profiles/ffff', 404, 'Profile not found'],
  ['GET', 'files/x', 404, 'no such file'],
  ['GET', 'constructor', 404, '404'],
  ['GET', '/localapi/v1/status', 404, '404'],
  ['GET', 'watch-ipn-bus?mask=x', 400, 'bad mask'],
  ['GET', 'watch-ipn-bus?mask=4352', 400, 'rate limit'],
  ['GET', 'watch-ipn-bus?mask=65536', 400, 'daemon only'],
])('%s %s gives %i %s', async (method, target, status, text) => {
  const { call } = await setUp();
  const reply = await call(method, target);
  expect(reply.status).toBe(status);
  expect(reply.body).toContain(text);
});

test('a bad edit gives both spellings of the error, and bad JSON a text', async () => {
  const { call } = await setUp();
  const bad = await call('PATCH', 'prefs', { body: '{"AdvertiseTags":["web"],"AdvertiseTagsSet":true}' });
  expect(bad.status).toBe(400);
  const parsed = JSON.parse(bad.body) as Record<string, string>;
  expect(parsed['Error']).toContain('tag "web" is not valid');
  expect(parsed['error']).toBe(parsed['Error']);
  const cut = await call('PATCH', 'prefs', { body: '{"WantRunning":tr' });
  expect([cut.status, cut.headers['content-type']]).toEqual([400, 'text/plain; charset=utf-8']);
  const check = await call('POST', 'check-prefs', { body: '{"RunSSH":true}' });
  expect(check.status).toBe(200);
  expect(check.body).toContain('SSH');
  expect((await call('POST', 'check-prefs', { body: '{}' })).body.trim()).toBe('{}');
});

test('an edit changes only what its mask names', async () => {
  const { call } = await setUp();
  const reply = await call('PATCH', 'prefs', {
    body: '{"ControlURL":"","CorpDNS":false,"WantRunning":false,"Hostname":"box","HostnameSet":true,"Config":null}',
  });
  expect(reply.status).toBe(200);
  expect(JSON.parse(reply.body)).toMatchObject({ Hostname: 'box', CorpDNS: true });
});

test('JSON that calls itself a form, as curl sends it, is JSON; a form gives parameters', async () => {
  const { call, world } = await setUp();
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
  const body = '{"Hostname":"box","HostnameSet":true}';
  expect((await call('PATCH', 'prefs', { headers, body })).status).toBe(200);
  expect(world.backend.prefs().Hostname).toBe('box');
  const asked = await call('POST', 'whois', { headers, body: 'addr=nonsense' });
  expect(asked.body).toContain("invalid 'addr' parameter");
});

test('an oversized body is refused', async () => {
  const { call } = await setUp();
  const reply = await call('PATCH', 'prefs', { body: `{"Hostname":"${'x'.repeat(5_000_000)}"}` });
  expect(reply.status).toBe(400);
  expect(reply.body).toContain('too large');
});

/** Lines of a watch as they come, and its end. */
function watch(
  setup: Api,
  mask: string,
): { lines: string[]; headers: Promise<number>; stop: () => void; ended: Promise<void> } {
  const lines: string[] = [];
  let finish = (): void => undefined;
  const ended = new Promise<void>((resolve) => {
    finish = resolve;
  });
  let headersCame = (_status: number): void => undefined;
  const headers = new Promise<number>((resolve) => {
    headersCame = resolve;
  });
  const request = httpRequest(
    {
      socketPath: setup.path,
      path: `/localapi/v0/watch-ipn-bus?mask=${mask}`,
      headers: { Host: 'local-tailscaled.sock' },
      agent: false,
    },
    (response) => {
      headersCame(response.statusCode ?? 0);
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => lines.push(...chunk.split('\n').filter((line) => line !== '')));
      response.on('close', finish);
    },
  );
  request.on('error', finish);
  request.end();
  return { lines, headers, stop: () => request.destroy(), ended };
}

const until = async (claim: () => boolean): Promise<void> => {
  for (let i = 0; i < 500 && !claim(); i++) await new Promise((resolve) => setImmediate(resolve));
  expect(claim()).toBe(true);
};

test('a watch with mask 0 gets its header at once and nothing until something happens', async () => {
  const setup = await setUp();
  const stream = watch(setup, '0');
  expect(await stream.headers).toBe(200);
  expect(stream.lines).toEqual([]);
  await setup.call('PATCH', 'prefs', { body: '{"Hostname":"box","HostnameSet":true}' });
  await until(() => stream.lines.length > 0);
  const message = JSON.parse(stream.lines[0] ?? '') as Record<string, unknown>;
  expect(message['Version']).toBe('1.2.3-t0123456789');
  expect(message).toMatchObject({ Prefs: { Hostname: 'box' }, State: null, NetMap: null });
  expect(message['SessionID']).toBeUndefined();
  stream.stop();
  await stream.ended;
  await until(() => setup.world.backend.bus.size === 1);
});

test('the first message has what the mask asks for', async () => {
  const setup = await setUp();
  await wantRunning(setup.world);
  await setup.world.join([fakeNode({ id: 9_007_199_254_740_995n })]);
  const stream = watch(setup, String(2 | 4 | 8 | 128 | 16_384));
  await until(() => stream.lines.length > 0);
  const first = parseJson(stream.lines[0] ?? '') as Record<string, unknown>;
  expect(first).toMatchObject({
    SessionID: 'session-1',
    State: 6,
    Prefs: { WantRunning: true },
    InitialStatus: { BackendState: 'Running' },
  });
  expect(stream.lines[0]).toContain('"ID":9007199254740995');
  expect(first['Health']).toBeDefined();
  stream.stop();
  await stream.ended;
});

test.each([
  { mask: 0, netMap: false, peers: false },
  { mask: 8, netMap: true, peers: false },
  { mask: 8 | 8_192, netMap: false, peers: false },
  { mask: 4_096, netMap: false, peers: true },
  { mask: 32_768, netMap: false, peers: true },
])('a change of the network reaches mask $mask as it asked', async ({ mask, netMap, peers }) => {
  const setup = await setUp();
  await wantRunning(setup.world);
  const map = await setup.world.join();
  const stream = watch(setup, String(mask | 2));
  await stream.headers;
  const next = fakeMap(map.self, [fakeNode({ id: 5 })]);
  setup.world.control().events.netmap({ ...next, nodeKey: map.nodeKey }, FULL);
  await setup.world.settle();
  await until(() =>
    stream.lines.some((line) => line.includes('"SelfChange"') && !line.includes('"SessionID"')),
  );
  const messages = stream.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  const later = messages.filter(({ SessionID }) => SessionID === undefined);
  expect(later.some(({ NetMap }) => NetMap !== null)).toBe(netMap);
  expect(messages.some(({ PeersChanged }) => PeersChanged !== undefined)).toBe(peers);
  stream.stop();
  await stream.ended;
});

test('a watcher that never reads is cut off some seconds after it fell behind', async () => {
  const setup = await setUp();
  const { bus } = setup.world.backend;
  const socket = connect(setup.path);
  const closed = once(socket, 'close');
  socket.write('GET /localapi/v0/watch-ipn-bus?mask=0 HTTP/1.1\r\nHost: local-tailscaled.sock\r\n\r\n');
  await once(socket, 'readable'); // the header has come; nothing is read
  const fill = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      bus.send({ ErrMessage: 'x'.repeat(100_000) });
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await fill(100);
  await setup.world.clock.advance(3_600_000);
  expect(bus.size).toBe(2); // behind, but within what is kept
  await fill(100);
  await setup.world.clock.advance(9_000);
  expect(bus.size).toBe(2);
  await setup.world.clock.advance(2_000);
  await until(() => bus.size === 1);
  socket.resume();
  await closed;
});

test('the end of the daemon ends every watch and removes the socket', async () => {
  const setup = await setUp();
  const stream = watch(setup, '0');
  await stream.headers;
  open.splice(0);
  await setup[Symbol.asyncDispose]();
  await stream.ended;
  await expect(stat(setup.path)).rejects.toThrow('ENOENT');
});

test('a ping ends with its client', async () => {
  const setup = await setUp();
  await wantRunning(setup.world);
  await setup.world.join([fakeNode({ id: 2 })]);
  const reply = await setup.call('POST', 'ping?ip=100.64.0.3&type=disco&size=500');
  expect(setup.world.plane.pingSizes).toEqual([500]);
  expect(JSON.parse(reply.body)).toMatchObject({
    NodeIP: '100.64.0.3',
    NodeName: 'host-3',
    Endpoint: '192.0.2.7:41641',
    LatencySeconds: 0.012,
  });
  const request = httpRequest({
    socketPath: setup.path,
    path: '/localapi/v0/ping?ip=100.64.0.3&type=TSMP',
    method: 'POST',
    headers: { Host: 'local-tailscaled.sock' },
    agent: false,
  });
  const failed = new Promise((resolve) => request.on('error', resolve));
  request.end();
  await until(() => setup.world.plane.sent.length === 1);
  request.destroy();
  await failed;
  const own = await setup.call('POST', 'ping?ip=100.64.0.2&type=TSMP');
  expect(JSON.parse(own.body)).toMatchObject({ IsLocalIP: true, Err: '100.64.0.2 is local Tailscale IP' });
});

test('whois finds nodes by address, by port and by key', async () => {
  const setup = await setUp();
  await wantRunning(setup.world);
  const peer = fakeNode({ id: 9_007_199_254_740_995n, name: 'peer' });
  await setup.world.join([peer]);
  const [ip] = (peer.Addresses ?? [''])[0]?.split('/') ?? [];
  for (const addr of [`${ip}`, `${ip}:443`, String(peer.Key)]) {
    const reply = await setup.call('GET', `whois?addr=${encodeURIComponent(addr)}`);
    expect(reply.status).toBe(200);
    expect(parseJson(reply.body)).toMatchObject({
      Node: { ID: 9_007_199_254_740_995n },
      UserProfile: { LoginName: 'alice@example.com' },
    });
  }
});

test('user metrics are Prometheus text', async () => {
  const { call } = await setUp();
  const { body } = await call('GET', 'usermetrics');
  expect(body).toContain(
    '# TYPE tailscaled_health_messages gauge\ntailscaled_health_messages{type="warning"} 2\n',
  );
});

test('shutdown answers first and then ends', async () => {
  const setup = await setUp();
  expect((await setup.call('POST', 'shutdown')).status).toBe(200);
  await until(setup.ended);
});

test('a live socket is left alone, a stale one is replaced, another file is not touched', async () => {
  const setup = await setUp();
  const options = { ...optionsLike(setup) };
  await expect(LocalApiServer.listen({ ...options, socketPath: setup.path })).rejects.toThrow(
    'already in use',
  );
  const stale = `${setup.path}2`;
  const dead = createServer();
  await new Promise<void>((resolve) => dead.listen(stale, resolve));
  // Closing would remove the file; a crash doesn't.
  await (await import('node:fs/promises')).link(stale, `${stale}.kept`);
  await new Promise((resolve) => dead.close(resolve));
  await (await import('node:fs/promises')).rename(`${stale}.kept`, stale);
  const second = await LocalApiServer.listen({ ...options, socketPath: stale });
  await second[Symbol.asyncDispose]();
  const file = `${setup.path}3`;
  await writeFile(file, 'precious');
  await expect(LocalApiServer.listen({ ...options, socketPath: file })).rejects.toThrow('not a socket');
  await expect(LocalApiServer.listen({ ...options, socketPath: `/tmp/${'x'.repeat(120)}` })).rejects.toThrow(
    'too long',
  );
});

const optionsLike = (setup: Api): Omit<Parameters<typeof LocalApiServer.listen>[0], 'socketPath'> => ({
  backend: setup.world.backend,
  clock: setup.world.clock,
  version: '1.2.3',
  capability: 130,
  clientMetrics: new MetricsRegistry(),
  userMetrics: new MetricsRegistry(),
  shutdown: () => undefined,
  log: silent,
  daemonUid: 0,
  credentialsOf: () => ROOT,
  uidOf: async () => undefined,
});

test('numbers beyond 2^53 survive in both directions', () => {
  expect(stringifyJson(parseJson('{"ID":9007199254740993}'))).toBe('{"ID":9007199254740993}');
});
