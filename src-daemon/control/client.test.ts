/** The control client against a server on loopback: the real channel, a clock moved by hand. */
import { afterEach, expect, test, vi } from 'vitest';
import { generatePrivate, publicOf } from '#shared/crypto/x25519.ts';
import { discoKeyFrom, nodeKeyFrom, type PrivateKey, ZERO_NODE_KEY } from '#shared/key/key.ts';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { hostinfo } from '#shared/wire/hostinfo.ts';
import { type ControlOptions, openControl } from './client.ts';
import { FakeServer } from './fake-server.ts';
import type { ControlClient, ControlEvents, LoginFinished, MapChange, NetworkMap } from './types.ts';

const cleanup: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of cleanup.splice(0).reverse()) await close();
});

const LOCK = `nlpub:${'1'.repeat(64)}`;
const publicText = (key: PrivateKey | undefined): string =>
  key === undefined ? '' : nodeKeyFrom(publicOf(key));
const wire = (id: number, name: string, more: object = {}): object => ({
  ID: id,
  StableID: String(id),
  Name: name,
  User: 1,
  ...more,
});
const SELF = wire(1, 'self.', { MachineAuthorized: true });

interface Seen {
  readonly client: ControlClient;
  readonly clock: FakeClock;
  readonly urls: string[];
  readonly opened: string[];
  readonly refusals: string[];
  readonly logins: LoginFinished[];
  readonly maps: { readonly map: NetworkMap; readonly change: MapChange }[];
  readonly links: { readonly up: boolean; readonly error?: string | undefined }[];
  readonly pings: unknown[];
  /** Moves the clock in small steps until the condition holds: sockets need real turns of the loop between. */
  until(condition: () => boolean, stepMs?: number): Promise<void>;
}

function start(url: string, options: Partial<ControlOptions> = {}): Seen {
  const clock = new FakeClock();
  const seen = {
    urls: [],
    opened: [],
    refusals: [],
    logins: [],
    maps: [],
    links: [],
    pings: [],
  } as unknown as Seen;
  const events: ControlEvents = {
    authUrl: (address) => seen.urls.push(address),
    openUrl: (address) => seen.opened.push(address),
    loginFailed: (message) => seen.refusals.push(message),
    loginFinished: (login) => seen.logins.push(login),
    netmap: (map, change) => seen.maps.push({ map, change }),
    connection: (state) => seen.links.push(state),
    ping: (request) => seen.pings.push(request),
  };
  const client = openControl(
    {
      serverUrl: url,
      identity: { machineKey: generatePrivate(), nodeKey: undefined, oldNodeKey: undefined, lockKey: LOCK },
      discoKey: discoKeyFrom(publicOf(generatePrivate())),
      hostinfo: hostinfo.parse({ OS: 'linux', Hostname: 'web1' }),
      clock,
      random: () => 0.5,
      log: silent,
      ...options,
    },
    events,
  );
  cleanup.push(async () => {
    await client[Symbol.asyncDispose]();
  });
  const until = async (condition: () => boolean, stepMs = 25): Promise<void> => {
    const deadline = performance.now() + 10_000;
    while (!condition()) {
      if (performance.now() > deadline) throw new Error(`not in time: ${condition}`);
      await clock.advance(stepMs);
    }
  };
  return { ...seen, client, clock, until };
}

async function serve(): Promise<FakeServer> {
  const server = await FakeServer.open();
  cleanup.push(() => server[Symbol.asyncDispose]());
  return server;
}

/** Logged in, with a first map. */
async function online(server: FakeServer, options: Partial<ControlOptions> = {}): Promise<Seen> {
  const seen = start(server.url, options);
  seen.client.login({ interactive: false, authKey: 'rhkey-auth-secret' });
  await seen.until(() => server.streams.length === 1);
  server.streams[0]?.send({ Node: SELF, Peers: [wire(2, 'two.')] });
  await seen.until(() => seen.maps.length === 1);
  return seen;
}

test('logs in with an auth key, tells everything about this machine, follows the map', async () => {
  const server = await serve();
  server.onRegister = () => ({
    body: {
      User: { ID: 7, DisplayName: 'A' },
      Login: { ID: 7, LoginName: 'a@b', DisplayName: 'A' },
      MachineAuthorized: true,
    },
  });
  const seen = start(server.url);
  seen.client.setEndpoints([{ addr: '10.0.0.5:41641', type: 1 }]);
  seen.client.login({ interactive: false, authKey: 'rhkey-auth-secret--TLabc-def' });
  await seen.until(() => server.streams.length === 1 && server.lites.length === 1);
  const [login] = seen.logins;
  expect(server.registers).toHaveLength(1);
  expect(server.registers[0]).toMatchObject({
    Version: 130,
    NodeKey: publicText(login?.nodeKey),
    OldNodeKey: ZERO_NODE_KEY,
    NLKey: LOCK,
    Auth: { AuthKey: 'rhkey-auth-secret' },
    Expiry: '0001-01-01T00:00:00Z',
    Followup: '',
    NodeKeySignature: null,
    Hostinfo: { OS: 'linux', Hostname: 'web1' },
  });
  expect(login).toMatchObject({
    oldNodeKey: undefined,
    machineAuthorized: true,
    login: { LoginName: 'a@b' },
  });
  const common = {
    Version: 130,
    Compress: 'zstd',
    NodeKey: publicText(login?.nodeKey),
    Endpoints: ['10.0.0.5:41641'],
    EndpointTypes: [1],
    Hostinfo: { OS: 'linux' },
  };
  expect(server.streams[0]?.request).toMatchObject({ ...common, Stream: true, KeepAlive: true });
  expect(server.lites[0]).toMatchObject({ ...common, OmitPeers: true });
  expect(server.lites[0]?.['Stream']).toBeUndefined();

  server.streams[0]?.send({ Node: SELF, Peers: [wire(2, 'two.')], Domain: 'net' });
  await seen.until(() => seen.links.at(-1)?.up === true);
  server.streams[0]?.send({ KeepAlive: true, Domain: 'not from a keepalive' });
  server.streams[0]?.send({ OnlineChange: { 2: true } });
  await seen.until(() => seen.maps.length === 2);
  expect(seen.maps[0]?.change).toEqual({
    kind: 'full',
    self: true,
    changed: ['2'],
    removed: [],
    other: true,
  });
  expect(seen.maps[1]?.change).toEqual({
    kind: 'delta',
    self: false,
    changed: ['2'],
    removed: [],
    other: false,
  });
  expect(seen.maps[1]?.map).toMatchObject({ domain: 'net', nodeKey: publicText(login?.nodeKey) });
  expect(server.sessions).toHaveLength(1);
});

test('shows the sign-in address once and waits for it, over a broken connection too', async () => {
  const server = await serve();
  const url = 'https://vpn.example.com/register/abc';
  let release = (): void => undefined;
  server.onRegister = (body) =>
    body['Followup'] === ''
      ? { body: { AuthURL: url } }
      : new Promise((resolve) => {
          release = () => resolve({ body: { MachineAuthorized: true } });
        });
  const seen = start(server.url);
  seen.client.login({ interactive: true });
  await seen.until(() => server.registers.length === 2);
  server.cut();
  await seen.until(() => server.registers.length === 3);
  expect(seen.urls).toEqual([url]);
  expect(server.registers.map((body) => body['Followup'])).toEqual(['', url, url]);
  expect(new Set(server.registers.map((body) => body['NodeKey'])).size).toBe(1);
  release();
  await seen.until(() => seen.logins.length === 1);
  expect(seen.links.filter(({ error }) => error !== undefined)).toHaveLength(1);
});

test('an address that is no web address is refused, not shown', async () => {
  const server = await serve();
  server.onRegister = () => ({ body: { AuthURL: 'file:///etc/passwd' } });
  const seen = start(server.url);
  seen.client.login({ interactive: false });
  await seen.until(() => seen.refusals.length > 0);
  expect(seen.refusals[0]).toContain('no web address');
  expect(seen.urls).toEqual([]);
});

test('gives the words of a refusal and goes on trying with the same key', async () => {
  const server = await serve();
  server.onRegister = () =>
    server.registers.length < 3 ? { body: { Error: 'authkey expired' } } : { body: {} };
  const seen = start(server.url);
  seen.client.login({ interactive: false, authKey: 'x' });
  await seen.until(() => seen.logins.length === 1);
  expect(seen.refusals).toEqual(['authkey expired', 'authkey expired']);
  expect(new Set(server.registers.map((body) => body['NodeKey'])).size).toBe(1);
});

test('an expired key is replaced once and named as the old one', async () => {
  const server = await serve();
  const nodeKey = generatePrivate();
  server.onRegister = (body) => ({ body: { NodeKeyExpired: body['NodeKey'] === publicText(nodeKey) } });
  const seen = start(server.url, {
    identity: { machineKey: generatePrivate(), nodeKey, oldNodeKey: undefined, lockKey: LOCK },
  });
  seen.client.login({ interactive: false });
  await seen.until(() => seen.logins.length === 1);
  expect(server.registers.map((body) => body['OldNodeKey'])).toEqual([ZERO_NODE_KEY, publicText(nodeKey)]);
  expect(seen.logins[0]?.oldNodeKey).toEqual(nodeKey);
  expect(publicText(seen.logins[0]?.nodeKey)).toBe(server.registers[1]?.['NodeKey']);
});

test('a server that calls every key expired is told from one that can be pleased', async () => {
  const server = await serve();
  server.onRegister = () => ({ body: { NodeKeyExpired: true } });
  const seen = start(server.url);
  seen.client.login({ interactive: false });
  await seen.until(() => seen.refusals.length > 0);
  expect(seen.refusals[0]).toContain('brand-new node key is expired');
});

test('429 is waited out as long as the server asks', async () => {
  const server = await serve();
  server.onRegister = () =>
    server.registers.length === 1 ? { status: 429, headers: { 'retry-after': '30' } } : { body: {} };
  const seen = start(server.url);
  const begin = seen.clock.monotonic();
  seen.client.login({ interactive: false });
  await seen.until(() => seen.logins.length === 1);
  expect(seen.clock.monotonic() - begin).toBeGreaterThanOrEqual(30_000);
});

test.each([
  {
    name: 'a failing server',
    reply: { status: 503, body: 'come back\u001b later' },
    want: 'register with the control server: it answered 503: come back later',
  },
  {
    name: 'an answer that is no JSON',
    reply: { body: '<html>' },
    want: 'register with the control server: its answer is malformed',
  },
  {
    name: 'an endless answer',
    reply: { body: ' '.repeat(1_100_000) },
    want: 'register with the control server: its answer is too long',
  },
])('$name is one clear error, and is tried again', async ({ reply, want }) => {
  const server = await serve();
  server.onRegister = () => (server.registers.length < 4 ? reply : { body: {} });
  const seen = start(server.url);
  seen.client.login({ interactive: false });
  await seen.until(() => seen.logins.length === 1);
  expect(seen.links).toEqual([
    { up: false, error: want },
    { up: false, error: undefined },
  ]);
});

test('a server that is not there is one clear error', async () => {
  const server = await FakeServer.open();
  await server[Symbol.asyncDispose]();
  const seen = start(server.url);
  seen.client.login({ interactive: false });
  await seen.until(() => seen.links.length === 1);
  expect(seen.links[0]?.error).toBe(
    `dial control server ${server.url}: connection refused; check the address and that the server is running`,
  );
});

test('a URL that is none is refused at once', () => {
  expect(() => start('vpn.example.com')).toThrow('not an http or https URL');
});

test('reconnects after a lost connection and says only what changed', async () => {
  const server = await serve();
  const seen = await online(server);
  server.cut();
  await seen.until(() => server.streams.length === 2);
  expect(seen.links.at(-1)?.up).toBe(false);
  server.streams[1]?.send({ Node: SELF, Peers: [wire(2, 'two.'), wire(3, 'three.')] });
  await seen.until(() => seen.maps.length === 2);
  expect(seen.maps[1]?.change).toEqual({
    kind: 'full',
    self: false,
    changed: ['3'],
    removed: [],
    other: true,
  });
  expect(seen.links.at(-1)).toEqual({ up: true });
});

test('a stream that is silent for two minutes is given up', async () => {
  const server = await serve();
  const seen = await online(server);
  await seen.clock.advance(119_000);
  expect(seen.links.at(-1)).toEqual({ up: true });
  server.streams[0]?.send({ KeepAlive: true, ControlTime: '2040-01-01T00:00:00Z' });
  await vi.waitFor(() => expect(seen.maps).toHaveLength(2));
  await seen.clock.advance(2_000);
  expect(seen.links).toHaveLength(1);
  await seen.until(() => server.streams.length === 2, 1_000);
  expect(seen.links.map(({ error }) => error)).toContain('the control server was silent for 120 s');
});

test.each([
  {
    name: 'a first map without our node',
    send: (raw: object) => raw,
    raw: { Peers: [wire(2, 'x')] },
    want: 'without our own node',
  },
  {
    name: 'a map of wrong types',
    send: (raw: object) => raw,
    raw: { Node: { ID: 'x' } },
    want: 'malformed map: Node.ID',
  },
])('$name ends the stream with its reason, and the next is tried', async ({ raw, want }) => {
  const server = await serve();
  const seen = start(server.url);
  seen.client.login({ interactive: false });
  await seen.until(() => server.streams.length === 1);
  server.streams[0]?.send(raw);
  await seen.until(() => server.streams.length === 2);
  expect(seen.links.at(-1)?.error).toContain(want);
  server.streams[1]?.sendRaw(Uint8Array.of(1, 2, 3));
  await seen.until(() => server.streams.length === 3);
  expect(seen.links.at(-1)?.error).toContain('it is not zstd');
});

test('a machine that the server forgot registers again, without the auth key', async () => {
  const server = await serve();
  const seen = await online(server);
  server.onStream = () =>
    server.registers.length === 1 ? { status: 404, body: 'node not found' } : undefined;
  server.cut();
  await seen.until(() => server.streams.length === 2);
  expect(server.registers).toHaveLength(2);
  expect(server.registers[1]?.['Auth']).toBeUndefined();
  expect(server.registers[1]?.['NodeKey']).toBe(server.registers[0]?.['NodeKey']);
});

test('a forgotten machine whose stream stays open learns it from its updates', async () => {
  const server = await serve();
  const seen = await online(server);
  server.onLite = () => (server.registers.length === 1 ? { status: 404 } : {});
  seen.client.setEndpoints([{ addr: '1.2.3.4:5', type: 1 }]);
  await seen.until(() => server.streams.length === 2);
  expect(server.registers).toHaveLength(2);
});

test('updates are gathered, sent one at a time, and only when something differs', async () => {
  const server = await serve();
  const seen = await online(server);
  await seen.until(() => server.lites.length === 1);
  const { client } = seen;
  for (let i = 0; i < 50; i++) client.setEndpoints([{ addr: `10.0.0.1:${i}`, type: 1 }]);
  client.setHostinfo(hostinfo.parse({ OS: 'linux', Hostname: 'renamed' }));
  await seen.until(() => server.lites.length === 2);
  expect(server.lites[1]).toMatchObject({ Endpoints: ['10.0.0.1:49'], Hostinfo: { Hostname: 'renamed' } });
  client.setHostinfo(hostinfo.parse({ OS: 'linux', Hostname: 'renamed' }));
  client.setEndpoints([]);
  await seen.until(() => server.lites.length === 3);
  expect(server.lites[2]?.['Endpoints']).toEqual([]);
});

test('a failed update is sent again with what holds by then', async () => {
  const server = await serve();
  const seen = await online(server);
  await seen.until(() => server.lites.length === 1);
  server.onLite = () => (server.lites.length < 4 ? { status: 500 } : {});
  seen.client.setEndpoints([{ addr: '10.0.0.1:1', type: 1 }]);
  await seen.until(() => server.lites.length === 4);
  expect(server.lites[3]).toMatchObject({ Endpoints: ['10.0.0.1:1'] });
  expect(seen.links.at(-1)).toEqual({ up: true });
});

test('a new key is signed in while the map of the old one goes on', async () => {
  const server = await serve();
  const seen = await online(server);
  let release = (): void => undefined;
  server.onRegister = (body) =>
    body['Followup'] === ''
      ? { body: { AuthURL: 'https://x/r' } }
      : new Promise((resolve) => {
          release = () => resolve({ body: {} });
        });
  seen.client.login({ interactive: true });
  await seen.until(() => server.registers.length === 3);
  server.streams[0]?.send({ PeersRemoved: [2] });
  await seen.until(() => seen.maps.length === 2);
  expect(seen.links.at(-1)).toEqual({ up: true });
  release();
  await seen.until(() => server.streams.length === 2);
  expect(server.registers[1]?.['OldNodeKey']).toBe(server.registers[0]?.['NodeKey']);
  expect(server.streams[1]?.request['NodeKey']).toBe(server.registers[1]?.['NodeKey']);
  expect(server.streams[0]?.stream.destroyed).toBe(true);
});

test('pausing ends the stream and resuming opens another', async () => {
  const server = await serve();
  const seen = await online(server);
  seen.client.setPaused(true);
  await seen.until(() => server.streams[0]?.stream.destroyed === true);
  expect(seen.links.at(-1)).toEqual({ up: false });
  await seen.clock.advance(60_000);
  expect(server.streams).toHaveLength(1);
  seen.client.setPaused(false);
  await seen.until(() => server.streams.length === 2);
  expect(server.registers).toHaveLength(1);
});

test('logs out with the current key and a past expiry, and the next login makes a new key', async () => {
  const server = await serve();
  const seen = await online(server);
  await seen.client.logout(AbortSignal.timeout(5_000));
  expect(server.registers[1]).toMatchObject({
    NodeKey: server.registers[0]?.['NodeKey'],
    Expiry: '1970-01-01T00:02:03Z',
  });
  expect(seen.links.at(-1)).toEqual({ up: false });
  seen.client.login({ interactive: false });
  await seen.until(() => server.registers.length === 3);
  expect(server.registers[2]?.['NodeKey']).not.toBe(server.registers[0]?.['NodeKey']);
  expect(server.registers[2]?.['Auth']).toBeUndefined();
});

test('a logout that the server refuses or never hears of is an error', async () => {
  const server = await serve();
  const seen = await online(server);
  server.onRegister = () => ({ body: { Error: 'not yours' } });
  await expect(seen.client.logout(AbortSignal.timeout(5_000))).rejects.toThrow(
    'log out: the control server says: not yours',
  );
  server.onRegister = () => new Promise(() => undefined);
  await expect(seen.client.logout(AbortSignal.abort(new Error('too long')))).rejects.toThrow('too long');
});

test('answers a control-to-node echo, a ping over the channel, and hands data plane pings on', async () => {
  const server = await serve();
  const fetched: string[] = [];
  const head = async (url: string): Promise<void> => {
    fetched.push(url);
  };
  const seen = await online(server, { network: { head } });
  const [stream] = server.streams;
  const Payload = Buffer.from('POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello').toString(
    'base64',
  );
  const c2n = { URL: 'https://unused/c2n/1', Types: 'c2n', Payload };
  stream?.send({ KeepAlive: true, PingRequest: c2n });
  stream?.send({ KeepAlive: true, PingRequest: c2n });
  await seen.until(() => server.posts.length === 1);
  expect(server.posts[0]?.path).toBe('/c2n/1');
  expect(server.posts[0]?.body).toMatch(/^HTTP\/1\.1 200 OK\r\n.*\r\n\r\nhello$/s);
  stream?.send({ PingRequest: { URL: 'https://unused/head', URLIsNoise: true } });
  stream?.send({ PingRequest: { URL: 'https://vpn.example.com/machine/ping-response?id=1' } });
  stream?.send({ PingRequest: { URL: 'gopher://x' } });
  await seen.until(() => server.posts.length === 2 && fetched.length === 1);
  expect(server.posts[1]?.path).toBe('/head');
  expect(fetched).toEqual(['https://vpn.example.com/machine/ping-response?id=1']);
  stream?.send({ PingRequest: { URL: 'https://unused/ping?x=1', Types: 'disco', IP: '100.64.0.2' } });
  await seen.until(() => seen.pings.length === 1);
  seen.client.answerPing({ URL: 'https://unused/ping?x=1' } as Parameters<ControlClient['answerPing']>[0], {
    Type: 'disco',
    LatencySeconds: 0.01,
  });
  await seen.until(() => server.posts.length === 3);
  expect(server.posts[2]).toEqual({ path: '/ping?x=1', body: '{"Type":"disco","LatencySeconds":0.01}' });
});

test('opens web pages only, each once per stream', async () => {
  const server = await serve();
  const seen = await online(server);
  for (const PopBrowserURL of ['javascript:alert(1)', 'https://x/1', 'https://x/1', 'https://x/2'])
    server.streams[0]?.send({ PopBrowserURL });
  await seen.until(() => seen.opened.length === 2);
  expect(seen.opened).toEqual(['https://x/1', 'https://x/2']);
});

test('sleeps when asked, but not for ever, and corrects for the clock of the server', async () => {
  const server = await serve();
  const seen = await online(server);
  const begin = seen.clock.monotonic();
  server.streams[0]?.send({ Debug: { SleepSeconds: 999_999, Exit: 1 }, PeersRemoved: [2] });
  await seen.until(() => seen.maps.length === 2, 1_000);
  expect(seen.clock.monotonic() - begin).toBeGreaterThanOrEqual(300_000);
  expect(seen.clock.monotonic() - begin).toBeLessThan(305_000);
  const late = seen.clock.now() + 3_600_000;
  server.streams[0]?.send({ KeepAlive: true, ControlTime: new Date(late).toISOString() });
  await seen.until(() => seen.maps.length === 3);
  expect(Math.round((seen.maps[2]?.map.clockSkewMs ?? 0) / 60_000)).toBe(60);
});

test('a wrong clock costs no new map with each keepalive', async () => {
  const server = await serve();
  const seen = await online(server);
  const tell = (skewMs: number): void =>
    server.streams[0]?.send({
      KeepAlive: true,
      ControlTime: new Date(seen.clock.now() + skewMs).toISOString(),
    });
  tell(3_600_000);
  await seen.until(() => seen.maps.length === 2);
  for (const jitter of [40, -700, 1_500]) tell(3_600_000 + jitter);
  tell(7_200_000);
  await seen.until(() => seen.maps.some(({ map }) => map.clockSkewMs > 7_000_000));
  expect(seen.maps).toHaveLength(3);
});

test('a network change cuts the wait short', async () => {
  const server = await serve();
  server.onRegister = () =>
    server.registers.length === 1 ? { status: 429, headers: { 'retry-after': '3000' } } : { body: {} };
  const seen = start(server.url);
  seen.client.login({ interactive: false });
  await vi.waitFor(() => expect(seen.links).toHaveLength(1));
  seen.client.retryNow();
  await vi.waitFor(() => expect(seen.logins).toHaveLength(1));
});

test('a self key that is expired by the server clock is renewed at the next login', async () => {
  const server = await serve();
  const seen = await online(server);
  server.streams[0]?.send({ Node: wire(1, 'self.', { KeyExpiry: '2001-01-01T00:00:00Z' }) });
  await seen.until(() => seen.maps.length === 2);
  seen.client.login({ interactive: false });
  await seen.until(() => server.registers.length === 2);
  expect(server.registers[1]?.['OldNodeKey']).toBe(server.registers[0]?.['NodeKey']);
});

test('closing ends everything and leaves no timer', async () => {
  const server = await serve();
  const seen = await online(server);
  const before = seen.links.length;
  await seen.client[Symbol.asyncDispose]();
  expect(seen.clock.pending).toBe(0);
  await vi.waitFor(() => expect(server.sessions[0]?.destroyed).toBe(true));
  expect(seen.links).toHaveLength(before);
});
