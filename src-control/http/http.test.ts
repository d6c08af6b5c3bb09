/** What the outside can send: the public pages, forms, broken requests, hostile bodies and clients that stall. */
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseMachineKey } from '#shared/key/key.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { type Loopback, loopback } from '../testing/loopback.ts';
import { TestMachine } from '../testing/machine.ts';
import { RateLimit } from '../web-auth/rate-limit.ts';

let server: Loopback;
beforeAll(async () => {
  server = await loopback();
});
afterAll(() => server[Symbol.asyncDispose]());

const alive = async (): Promise<void> => expect((await fetch(`${server.url}/health`)).status).toBe(200);

describe('public pages', () => {
  test('/key has both members and wants a version', async () => {
    const answer = await fetch(`${server.url}/key?v=130`);
    expect(await answer.json()).toEqual({
      legacyPublicKey: `mkey:${'0'.repeat(64)}`,
      publicKey: expect.stringMatching(/^mkey:[0-9a-f]{64}$/),
    });
    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
    expect((await fetch(`${server.url}/key`)).status).toBe(400);
    expect((await fetch(`${server.url}/key?v=x`)).status).toBe(400);
  });

  test('version and what does not exist', async () => {
    expect(await (await fetch(`${server.url}/version`)).json()).toEqual({ version: '0.0.0-test' });
    expect((await fetch(`${server.url}/nothing`)).status).toBe(404);
    expect((await fetch(`${server.url}/ts2021`, { method: 'POST' })).status).toBe(400);
  });
});

describe('the sign-in page', () => {
  const form = async (url: string, fields: Record<string, string>, headers: Record<string, string>) =>
    fetch(url, { method: 'POST', body: new URLSearchParams(fields), headers });

  async function pending(hostname: string) {
    const machine = await TestMachine.connect(server.url);
    const { AuthURL = '' } = await machine.register({ hostname });
    const page = await fetch(AuthURL);
    const html = await page.text();
    const cookie = (page.headers.getSetCookie()[0] ?? '').split(';', 1)[0] ?? '';
    const csrf = /name="csrf" value="([^"]+)"/.exec(html)?.[1] ?? '';
    return { machine, url: AuthURL, html, page, cookie, csrf };
  }
  const newCode = async () =>
    (await server.admin.call('admin-code.create', { user: 'alice', expirationMs: 60_000 })).code;

  test('shows what machine asks, escaped, with a strict policy and nothing from elsewhere', async () => {
    const { machine, html, page } = await pending('<script>alert(1)</script>');
    expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(html).not.toContain('<script');
    expect(html).not.toMatch(/(?:src|href)=/);
    expect(html).toMatch(/<label for="code">/);
    expect(page.headers.get('content-security-policy')).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    expect(page.headers.get('cache-control')).toBe('no-store');
    expect(page.headers.getSetCookie()[0]).toMatch(/HttpOnly; SameSite=Strict/);
    await machine[Symbol.asyncDispose]();
  });

  test('a good code lets the machine in, answers its request, and works once', async () => {
    const first = await pending('by-code');
    const code = await newCode();
    const answered = first.machine.register({ followup: first.url });
    const done = await form(
      first.url,
      { csrf: first.csrf, code: code.toLowerCase() },
      { cookie: first.cookie },
    );
    expect([done.status, await done.text()]).toEqual([200, expect.stringContaining('by-code has joined')]);
    expect((await answered).MachineAuthorized).toBe(true);
    expect(await (await fetch(first.url)).text()).toContain('has joined');
    const second = await pending('second');
    const again = await form(second.url, { csrf: second.csrf, code }, { cookie: second.cookie });
    expect([again.status, await again.text()]).toEqual([
      400,
      expect.stringContaining('This code is not valid'),
    ]);
    await first.machine[Symbol.asyncDispose]();
    await second.machine[Symbol.asyncDispose]();
  });

  test.each([
    { name: 'without the token', fields: { csrf: '' }, headers: {} },
    { name: 'with another token', fields: { csrf: 'x'.repeat(43) }, headers: {} },
    { name: 'without the cookie', fields: {}, headers: { cookie: '' } },
    { name: 'from another site', fields: {}, headers: { 'sec-fetch-site': 'cross-site' } },
    { name: 'from another origin', fields: {}, headers: { origin: 'https://evil.example' } },
  ])('a form $name lets nobody in and spends no code', async ({ fields, headers }) => {
    const { machine, url, csrf, cookie } = await pending('forged');
    const code = await newCode();
    const answer = await form(url, { csrf, code, ...fields }, { cookie, ...headers });
    expect(answer.status).toBe(400);
    const good = await form(url, { csrf, code }, { cookie });
    expect(good.status).toBe(200);
    await machine[Symbol.asyncDispose]();
  });

  test('a form of our own is taken behind a proxy that does not hand on the host name', async () => {
    await using behind = await loopback({ config: { serverUrl: 'https://vpn.example' } });
    const direct = `http://${behind.server.address}`;
    await using machine = await TestMachine.connect(direct);
    const { AuthURL = '' } = await machine.register({ hostname: 'proxied' });
    const url = direct + new URL(AuthURL).pathname;
    const page = await fetch(url);
    const cookie = (page.headers.getSetCookie()[0] ?? '').split(';', 1)[0] ?? '';
    const csrf = /name="csrf" value="([^"]+)"/.exec(await page.text())?.[1] ?? '';
    const { code } = await behind.admin.call('admin-code.create', { user: 'alice', expirationMs: 60_000 });
    const answer = await form(url, { csrf, code }, { cookie, origin: 'https://vpn.example' });
    expect(answer.status).toBe(200);
  });

  test('guessing is cut off for the request, and the code still works elsewhere', async () => {
    const { machine, url, csrf, cookie } = await pending('guessed');
    const statuses = [];
    for (let n = 0; n < 6; n++)
      statuses.push((await form(url, { csrf, code: `AAAA-BBBB-CCCC-000${n}` }, { cookie })).status);
    expect(statuses).toEqual([400, 400, 400, 400, 400, 429]);
    const code = await newCode();
    expect((await form(url, { csrf, code }, { cookie })).status).toBe(429);
    await machine[Symbol.asyncDispose]();
  });

  test('an unknown request is over, not an error', async () => {
    const answer = await fetch(`${server.url}/register/rhkey-authreq-none`);
    expect([answer.status, await answer.text()]).toEqual([404, expect.stringContaining('Start it again')]);
  });

  test('a form of unreasonable size is refused', async () => {
    const answer = await fetch(`${server.url}/register/x`, { method: 'POST', body: 'x'.repeat(100_000) });
    expect(answer.status).toBe(413);
  });
});

test('a rate limit lets a burst through, then one at a time', async () => {
  const clock = new FakeClock();
  const limit = new RateLimit(clock, 2, 1_000);
  expect([limit.take('a'), limit.take('a'), limit.take('a'), limit.take('b')]).toEqual([
    true,
    true,
    false,
    true,
  ]);
  await clock.advance(1_000);
  expect([limit.allows('a'), limit.take('a'), limit.take('a')]).toEqual([true, true, false]);
});

describe('inside the channel', () => {
  test.each([
    { name: 'not JSON', body: '{"Version":', status: 400 },
    { name: 'not UTF-8', body: Buffer.from([0x22, 0xff, 0xfe, 0x22]), status: 400 },
    { name: 'an array', body: '[]', status: 400 },
    { name: 'a number', body: '7', status: 400 },
    { name: 'nothing', body: '', status: 400 },
    { name: 'wrong types', body: '{"Version":"130","NodeKey":5}', status: 400 },
    { name: 'a bad key', body: '{"Version":130,"NodeKey":"nodekey:zz"}', status: 400 },
    {
      name: 'an all-zero key',
      body: `{"Version":130,"NodeKey":"nodekey:${'0'.repeat(64)}"}`,
      status: 400,
      mapStatus: 404,
    },
    { name: 'an old client', body: `{"Version":20,"NodeKey":"nodekey:${'1'.repeat(64)}"}`, status: 400 },
    { name: 'nested without end', body: `${'['.repeat(500_000)}`, status: 400 },
    { name: 'a prototype', body: `{"__proto__":{"Version":130},"constructor":1}`, status: 400 },
    { name: 'more than 1 MiB', body: `{"Version":130,"x":"${'y'.repeat(1 << 20)}"}`, status: 413 },
  ])('$name gets $status and harms nothing', async ({ body, status, mapStatus }) => {
    await using machine = await TestMachine.connect(server.url);
    expect((await machine.post('/machine/register', body)).status).toBe(status);
    expect((await machine.post('/machine/map', body)).status).toBe(mapStatus ?? status);
    // The same connection goes on.
    expect((await machine.register({ authKey: server.authKey })).MachineAuthorized).toBe(true);
  });

  test('a body of exactly 1 MiB is read', async () => {
    await using machine = await TestMachine.connect(server.url);
    const start = JSON.stringify({ ...machine.registerBody({ authKey: server.authKey }), pad: '' }).slice(
      0,
      -2,
    );
    const body = `${start}${' '.repeat((1 << 20) - start.length - 2).replaceAll(' ', 'x')}"}`;
    expect(Buffer.byteLength(body)).toBe(1 << 20);
    expect((await machine.post('/machine/register', body)).status).toBe(200);
  });

  test('hostile Hostinfo is refused or cut down, and never handed on', async () => {
    await using machine = await TestMachine.connect(server.url);
    await machine.register({ authKey: server.authKey });
    const map = (Hostinfo: object) => machine.update({ Hostinfo });
    expect(await map({ RoutableIPs: ['not a route', '100.64.0.0/10', '10.0.0.1/8'] })).toBe(200);
    const router = [...server.server.network.nodes()].at(-1);
    expect(router?.record.hostinfo.RoutableIPs).toEqual(['10.0.0.0/8']);
    expect(router?.refusedRoutes).toEqual([
      'not a route is not a prefix such as 10.1.0.0/16',
      expect.stringMatching(/^100\.64\.0\.0\/10 overlaps/),
    ]);
    // Only the surplus is refused: a machine that learns routes must not lose its connection over one too many.
    const many = Array.from({ length: 2_000 }, (_, n) => `10.${n >> 8}.${n & 255}.0/24`);
    expect(await map({ RoutableIPs: many })).toBe(200);
    const routes = [...server.server.network.nodes()].at(-1)?.record.hostinfo.RoutableIPs;
    expect(routes).toHaveLength(1_024);
    expect(await map({ Hostname: 'x'.repeat(5_000) })).toBe(400);
    const Endpoints = Array.from({ length: 10_000 }, (_, n) => `192.0.2.1:${n + 1}`);
    expect(await machine.update({ Endpoints })).toBe(400);
    expect([...server.server.network.nodes()].at(-1)?.record.endpoints).toEqual([]);
    let deep: object = {};
    for (let n = 0; n < 5_000; n++) deep = { deep };
    expect(await map({ Hostname: 'fine', Surprise: deep, BackendLogID: 'secret-log-id' })).toBe(200);
    await using other = await TestMachine.connect(server.url);
    await other.register({ authKey: server.authKey });
    const shot = await other.post('/machine/map', JSON.stringify(other.mapBody({ Compress: '' })));
    expect(shot.body.toString()).not.toMatch(/Surprise|secret-log-id/);
  });

  test('a client that never reads its stream does not hold up its other requests', async () => {
    await using machine = await TestMachine.connect(server.url);
    await machine.register({ authKey: server.authKey });
    const stream = await machine.stream();
    stream.request.pause();
    for (let n = 0; n < 5; n++) expect(await machine.update()).toBe(200);
    stream.close();
  });

  test('a client that goes away in the middle of everything leaves nothing behind', async () => {
    const machine = await TestMachine.connect(server.url);
    await machine.register({ authKey: server.authKey });
    const before = server.server.hub.streamCount;
    await machine.stream();
    const { AuthURL = '' } = await (await TestMachine.connect(server.url)).register();
    const half = machine.session.request(
      { ':method': 'POST', ':path': '/machine/map' },
      { endStream: false },
    );
    half.on('error', () => undefined);
    half.write('{"Version":');
    expect(AuthURL).not.toBe('');
    machine.session.destroy();
    await expect.poll(() => server.server.hub.streamCount).toBe(before);
    await alive();
  });
});

describe('on the wire', () => {
  const raw = async (text: string | Uint8Array): Promise<string> => {
    const socket = net.connect(Number(new URL(server.url).port), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.end(text);
    let answer = '';
    socket.on('data', (part: Buffer) => {
      answer += part.toString('latin1');
    });
    await once(socket, 'close');
    return answer;
  };
  const upgrade = (headers: string): string =>
    `POST /ts2021 HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\n${headers}\r\n`;

  test.each([
    ['garbage', '\u0000\u0001garbage\r\n\r\n', 400],
    ['no handshake', upgrade('Upgrade: tailscale-control-protocol\r\n'), 400],
    ['another protocol', upgrade('Upgrade: h2c\r\n'), 400],
    [
      'a handshake of nonsense',
      upgrade(`Upgrade: tailscale-control-protocol\r\nX-Tailscale-Handshake: ${'A'.repeat(136)}\r\n`),
      400,
    ],
    [
      'an upgrade elsewhere',
      'GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
      404,
    ],
    ['a header of 100 kB', `GET / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(100_000)}\r\n\r\n`, 400],
    ['an absolute form that is none', 'GET http://[ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 400],
    ['TRACE', 'TRACE / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 400],
  ])('%s gets one answer and the server goes on', async (_what, text, status) => {
    expect(await raw(text)).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    await alive();
  });

  test('a channel of another server’s key is refused with a reason', async () => {
    const controlKey = parseMachineKey(`mkey:${'5'.repeat(64)}`);
    await expect(TestMachine.connect(server.url, { controlKey })).rejects.toThrow(/answered 400/);
    await alive();
  });

  test('records that are damaged end their connection only', async () => {
    await using machine = await TestMachine.connect(server.url);
    await machine.register({ authKey: server.authKey });
    const broken = net.connect(Number(new URL(server.url).port), '127.0.0.1');
    broken.on('error', () => undefined);
    broken.resume();
    broken.write(upgrade('Upgrade: tailscale-control-protocol\r\n'));
    broken.write(Buffer.alloc(50_000, 0x04));
    await once(broken, 'close');
    expect(await machine.update()).toBe(200);
  });

  test('a request that is never finished does not keep the server from others', async () => {
    const agent = new http.Agent();
    const slow = http.request(`${server.url}/register/x`, {
      method: 'POST',
      agent,
      headers: { 'content-length': '100' },
    });
    slow.on('error', () => undefined);
    slow.write('c');
    await alive();
    slow.destroy();
  });
});
