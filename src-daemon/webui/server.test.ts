/** The page over real sockets on the loopback: files with strict headers, and a bridge that checks who comes. */

import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { type Caller, Dispatcher } from '#shared/bridge/dispatch.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { isLoopbackHost } from './admission.ts';
import { readPage } from './files.ts';
import { PageServer } from './server.ts';
import { type Visitor, Visits } from './visits.ts';

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const item of open.splice(0).reverse()) await item[Symbol.asyncDispose]();
});

async function setUp({ maxPerAddress, big }: { maxPerAddress?: number; big?: number } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'rhumb-page-'));
  open.push({ [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) });
  await mkdir(join(folder, 'assets'));
  await writeFile(join(folder, 'index.html'), '<!doctype html><title>Rhumb</title>');
  await writeFile(join(folder, 'assets', 'main-1a2b.js'), 'export {};');
  await writeFile(join(folder, 'assets', 'main-1a2b.js.map'), '{}');
  if (big !== undefined) await writeFile(join(folder, 'assets', 'big-1a2b.js'), Buffer.alloc(big));
  const clock = new FakeClock();
  const visits = new Visits(clock);
  const callers: Caller[] = [];
  const server = new PageServer({
    maxPerAddress,
    files: readPage(folder) ?? new Map(),
    clock,
    host: { can: [], platform: 'linux', version: '1' },
    isOwnHost: isLoopbackHost,
    mayLook: () => true,
    admit: ({ token, key }) => {
      const held = token === undefined ? key : visits.redeem(token);
      const entered = held === undefined ? undefined : visits.enter(held);
      if (held === undefined || entered === undefined) return undefined;
      const { visitor, rights, leave } = entered;
      return { id: visitor.name, rights, sees: 'network', key: held, leave };
    },
    serve: (caller) => {
      callers.push(caller);
      return new Dispatcher(
        {
          logout: () => undefined,
          'exitNode.suggest': () => ({ id: 'n', name: 'x' }),
          // Long work, during which another operator is named.
          'report.build': () => {
            visits.operatorChanged();
            return [{ name: 'log.txt', text: 'secret' }];
          },
        },
        clock,
      );
    },
  });
  open.push(server);
  const port = await server.listen('127.0.0.1', 0);
  return { clock, visits, callers, port };
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

const get = (
  port: number,
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, headers, method }, (reply) => {
      let body = '';
      reply.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      reply.on('end', () => resolve({ status: reply.statusCode ?? 0, headers: reply.headers, body }));
    });
    asked.on('error', reject).end();
  });

/** A page’s side of the bridge: what it was sent, and how it ended. */
class Page {
  readonly frames: unknown[] = [];
  readonly socket: WebSocket;
  #wake = (): void => undefined;
  closed: number | undefined;

  constructor(port: number, headers: Record<string, string> = {}, path = '/bridge') {
    this.socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, {
      headers: { Origin: `http://127.0.0.1:${port}`, ...headers },
    });
    open.push({ [Symbol.asyncDispose]: async () => this.socket.terminate() });
    this.socket.on('message', (data) => {
      this.frames.push(JSON.parse(String(data)));
      this.#wake();
    });
    this.socket.on('error', () => this.#wake());
    this.socket.on('close', (code) => {
      this.closed = code;
      this.#wake();
    });
  }

  send(frame: unknown): void {
    this.socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
  }

  async opened(): Promise<void> {
    if (this.socket.readyState === WebSocket.CONNECTING)
      await new Promise<void>((resolve) => this.socket.once('open', resolve));
  }

  /** The next frame; undefined when the socket ended without one. */
  async next(): Promise<unknown> {
    while (this.frames.length === 0 && this.closed === undefined)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    return this.frames.shift();
  }
}

test('files come with strict headers, hashed ones for good, and nothing else is there', async () => {
  const { port } = await setUp();
  const index = await get(port, '/?x');
  expect(index).toMatchObject({ status: 200, body: '<!doctype html><title>Rhumb</title>' });
  expect(index.headers).toMatchObject({ 'cache-control': 'no-store', 'x-frame-options': 'DENY' });
  expect(index.headers['content-security-policy']).toContain("frame-ancestors 'none'");
  const script = await get(port, '/assets/main-1a2b.js');
  expect(script.headers['cache-control']).toContain('immutable');
  expect((await get(port, '/assets/main-1a2b.js', { 'Accept-Encoding': 'gzip' })).headers).toMatchObject({
    'content-encoding': 'gzip',
  });
  for (const path of [
    '/assets/main-1a2b.js.map',
    '/../package.json',
    '/%2e%2e/x',
    '/assets/',
    '/nothing',
    '//',
  ])
    expect((await get(port, path)).status, path).toBe(404);
  expect((await get(port, '/', {}, 'POST')).status).toBe(405);
});

test('S21: another name that leads here, and frames of other pages, get nothing', async () => {
  const { port } = await setUp();
  expect((await get(port, '/', { Host: 'evil.example' })).status).toBe(403);
  expect((await get(port, '/', { 'Sec-Fetch-Dest': 'iframe' })).status).toBe(403);
});

test('S21: a link lets in once, and its key lets the same page come back', async () => {
  const { port, visits } = await setUp();
  const token = visits.invite({ name: 'uid 0', rights: 'manage', isAdmin: true });
  const page = new Page(port);
  await page.opened();
  page.send({ hello: { token } });
  const welcome = (await page.next()) as { welcome: { key: string } };
  expect(welcome).toMatchObject({ welcome: { host: { platform: 'linux' } } });
  const thief = new Page(port);
  await thief.opened();
  thief.send({ hello: { token } });
  expect(await thief.next()).toEqual({ refused: {} });
  const again = new Page(port);
  await again.opened();
  again.send({ hello: { key: welcome.welcome.key } });
  expect(await again.next()).toMatchObject({ welcome: { key: welcome.welcome.key } });
});

test('S21: who may only look is refused what changes something', async () => {
  const { port, visits } = await setUp();
  const page = new Page(port);
  await page.opened();
  page.send({ hello: { token: visits.invite({ name: 'uid 1000', rights: 'readonly', isAdmin: false }) } });
  await page.next();
  page.send({ id: 1, name: 'logout' });
  expect(await page.next()).toMatchObject({ id: 1, reply: { ok: false, code: 'not-allowed' } });
  page.send({ id: 2, name: 'exitNode.suggest' });
  expect(await page.next()).toEqual({ id: 2, reply: { ok: true, value: { id: 'n', name: 'x' } } });
});

test.each<[string, Record<string, string>, string]>([
  ['another origin', { Origin: 'http://evil.example' }, '/bridge'],
  ['another name', { Host: 'evil.example', Origin: 'http://evil.example' }, '/bridge'],
  ['another site', { 'Sec-Fetch-Site': 'cross-site' }, '/bridge'],
  ['another path', {}, '/other'],
])('a socket from %s is not even opened', async (_what, headers, path) => {
  const { port, callers } = await setUp();
  const page = new Page(port, headers, path);
  expect(await page.next()).toBeUndefined();
  expect(callers).toEqual([]);
});

test.each([
  '',
  'nonsense',
  '{}',
  '{"id":1,"name":"logout"}',
  '{"hello":{}}',
  '{"hello":{"key":"x","more":1}}',
  '[]',
])('a first frame %j lets nobody in', async (frame) => {
  const { port, callers } = await setUp();
  const page = new Page(port);
  await page.opened();
  page.send(frame);
  expect(await page.next()).toEqual({ refused: {} });
  expect(await page.next()).toBeUndefined();
  expect(callers).toEqual([]);
});

test('who says nothing is shown out', async () => {
  const { port, clock } = await setUp();
  const page = new Page(port);
  await page.opened();
  await clock.advance(10_000);
  expect(await page.next()).toBeUndefined();
  expect(page.closed).toBe(1_008);
});

test('a page that goes takes its calls with it', async () => {
  const { port, visits, callers } = await setUp();
  const page = new Page(port);
  await page.opened();
  page.send({ hello: { token: visits.invite({ name: 'uid 0', rights: 'manage', isAdmin: true }) } });
  await page.next();
  const [caller] = callers;
  const gone = new Promise<void>((resolve) =>
    caller?.signal.addEventListener('abort', () => resolve(), { once: true }),
  );
  page.socket.terminate();
  await gone;
  expect(caller?.signal.aborted).toBe(true);
});

test('frames of more than a megabyte, and garbage, end the socket', async () => {
  const { port, visits } = await setUp();
  for (const bad of ['x'.repeat(1_100_000), 'garbage', '{"id":-1,"name":"logout"}']) {
    const page = new Page(port);
    await page.opened();
    page.send({ hello: { token: visits.invite({ name: 'uid 0', rights: 'manage', isAdmin: true }) } });
    await page.next();
    page.send(bad);
    expect(await page.next()).toBeUndefined();
  }
});

/** A page that was let in. */
async function enter(
  { port, visits }: Awaited<ReturnType<typeof setUp>>,
  visitor: Visitor = { name: 'uid 0', rights: 'manage', isAdmin: true },
): Promise<Page> {
  const page = new Page(port);
  await page.opened();
  page.send({ hello: { token: visits.invite(visitor) } });
  const first = await page.next();
  if (first !== undefined) expect(first).toMatchObject({ welcome: {} });
  return page;
}
const reader = (name: string): Visitor => ({ name, rights: 'readonly', isAdmin: false });

test('S21: of twenty seats readers get fifteen, one visitor ten, and who manages finds one', async () => {
  const it = await setUp();
  for (let i = 0; i < 15; i++) expect((await enter(it, reader(`uid ${1 + (i % 2)}`))).closed).toBeUndefined();
  expect((await enter(it, reader('uid 7'))).closed).toBe(1_013);
  const admins = [];
  for (let i = 0; i < 5; i++) admins.push(await enter(it));
  expect(admins.map(({ closed }) => closed)).toEqual(Array.from({ length: 5 }));
  expect((await enter(it)).closed).toBe(1_013);
  const left = new Promise((resolve) => it.callers.at(-1)?.signal.addEventListener('abort', resolve));
  admins.at(-1)?.socket.terminate();
  await left;
  expect((await enter(it)).closed).toBeUndefined();
});

test('one visitor has ten pages at most', async () => {
  const it = await setUp();
  for (let i = 0; i < 10; i++) await enter(it);
  expect((await enter(it)).closed).toBe(1_013);
});

test('S21: who opens sockets and says nothing keeps nobody out', async () => {
  const it = await setUp();
  const silent = Array.from({ length: 25 }, () => new Page(it.port));
  await Promise.all(silent.map((page) => page.opened()));
  expect((await enter(it)).closed).toBeUndefined();
  expect(silent.filter(({ closed }) => closed !== undefined).length).toBeGreaterThanOrEqual(5);
});

test('S21: a socket has one try, and nothing is heard after a refusal', async () => {
  const it = await setUp();
  const page = new Page(it.port);
  await page.opened();
  page.send({ hello: { token: 'guess' } });
  page.send({ hello: { token: it.visits.invite({ name: 'uid 0', rights: 'manage', isAdmin: true }) } });
  expect(await page.next()).toEqual({ refused: {} });
  expect(await page.next()).toBeUndefined();
  expect(it.callers).toEqual([]);
});

test.each<[string, (page: Page) => void]>([
  ['binary frames', ({ socket }) => socket.send(Buffer.from('{"id":1,"name":"logout"}'))],
  ['text that is no UTF-8', ({ socket }) => socket.send(Buffer.from([0xc3, 0x28]), { binary: false })],
  [
    'a megabyte in pieces',
    ({ socket }) => {
      for (let i = 0; i < 12; i++) socket.send('x'.repeat(100_000), { fin: i === 11 });
    },
  ],
  [
    'more frames than any page sends',
    (page) => {
      for (let i = 0; i < 300; i++) page.send({ id: i, name: 'exitNode.suggest' });
    },
  ],
  [
    'more bytes than any page sends',
    (page) => {
      for (let i = 0; i < 4; i++) page.send({ id: i, name: 'logout', arg: 'x'.repeat(900_000) });
    },
  ],
  [
    'pings without end',
    ({ socket }) => {
      for (let i = 0; i < 300; i++) socket.ping('x');
    },
  ],
  ['an id that is none', (page) => page.send({ id: 1.5, name: 'logout' })],
  ['more than a call', (page) => page.send({ id: 1, name: 'logout', rights: 'manage' })],
])('S21: %s end the socket', async (_what, attack) => {
  const it = await setUp();
  const page = await enter(it);
  const { signal } = it.callers.at(-1) ?? {};
  const gone = new Promise((resolve) => signal?.addEventListener('abort', resolve, { once: true }));
  attack(page);
  while (page.closed === undefined) await page.next();
  await gone;
  expect(page.closed).not.toBe(1_000);
});

test('a call in two frames is one, and pings are answered', async () => {
  const it = await setUp();
  const page = await enter(it);
  page.socket.send('{"id":1,"name":"exitNode', { fin: false });
  page.socket.send('.suggest"}', { fin: true });
  expect(await page.next()).toMatchObject({ id: 1, reply: { ok: true } });
  const pong = new Promise((resolve) => page.socket.once('pong', resolve));
  page.socket.ping('still there?');
  expect(String(await pong)).toBe('still there?');
});

test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', ''])(
  'S21: %j is no call',
  async (name) => {
    const page = await enter(await setUp());
    page.send({ id: 1, name });
    expect(await page.next()).toMatchObject({ id: 1, reply: { ok: false, code: 'bad-argument' } });
  },
);

test('S21: an argument as deep as a frame allows is refused like any other', async () => {
  const page = await enter(await setUp());
  const deep = `${'['.repeat(250_000)}${']'.repeat(250_000)}`;
  page.send(`{"id":1,"name":"exitNode.suggest","arg":${deep}}`);
  expect(await page.next()).toMatchObject({ id: 1, reply: { ok: false, code: 'bad-argument' } });
  page.send('{"id":2,"name":"exitNode.suggest","arg":{"__proto__":{"a":1}}}');
  expect(await page.next()).toMatchObject({ id: 2, reply: { ok: false, code: 'bad-argument' } });
});

test('S21: a page that is asked to slow down stays open', async () => {
  const it = await setUp();
  const page = await enter(it);
  for (let i = 0; i < 60; i++) page.send({ id: i, name: 'exitNode.suggest' });
  const answers = [];
  while (answers.length < 60) answers.push(await page.next());
  expect(answers.filter((answer) => JSON.stringify(answer).includes('slow down'))).toHaveLength(10);
  await it.clock.advance(1_000);
  page.send({ id: 99, name: 'exitNode.suggest' });
  expect(await page.next()).toMatchObject({ id: 99, reply: { ok: true } });
});

test('S21: a page whose rights are taken is shown out, and comes back as one that looks', async () => {
  const it = await setUp();
  const operator: Visitor = { name: 'uid 1000', rights: 'manage', isAdmin: false };
  const page = new Page(it.port);
  await page.opened();
  page.send({ hello: { token: it.visits.invite(operator) } });
  const { welcome } = (await page.next()) as { welcome: { key: string } };
  it.visits.operatorChanged();
  page.send({ id: 1, name: 'logout' });
  expect(await page.next()).toBeUndefined();
  expect(page.closed).toBe(1_012);
  const again = new Page(it.port);
  await again.opened();
  again.send({ hello: { key: welcome.key } });
  await again.next();
  again.send({ id: 1, name: 'logout' });
  expect(await again.next()).toMatchObject({ id: 1, reply: { ok: false, code: 'not-allowed' } });
});

test('S21: an answer that was still on its way when the rights were taken is not sent', async () => {
  const it = await setUp();
  const page = await enter(it, { name: 'uid 1000', rights: 'manage', isAdmin: false });
  page.send({ id: 1, name: 'report.build', arg: { mask: false } });
  expect(await page.next()).toBeUndefined();
  expect(page.closed).toBe(1_012);
});

test('S21: a page whose visit gave way to others hears no more, and can’t come back', async () => {
  const it = await setUp();
  const operator: Visitor = { name: 'uid 1000', rights: 'manage', isAdmin: false };
  const page = await enter(it, operator);
  for (let i = 0; i < 32; i++) it.visits.redeem(it.visits.invite(operator));
  page.send({ id: 1, name: 'logout' });
  expect(await page.next()).toBeUndefined();
  expect(page.closed).toBe(1_012);
});

/** Somebody who keeps to no rules: asks, and ends nothing by himself. */
function stranger(port: number, lines: readonly string[]): Socket {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  open.push({ [Symbol.asyncDispose]: async () => void socket.destroy() });
  socket.on('error', () => undefined);
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  return socket;
}

test('S21: who is refused a socket and stays on the line takes nobody’s place', async () => {
  const { port } = await setUp({ maxPerAddress: 2 });
  const upgrade = ['GET /bridge HTTP/1.1', 'Host: evil.example', 'Connection: Upgrade', 'Upgrade: websocket'];
  for (let i = 0; i < 2; i++) await once(stranger(port, upgrade).resume(), 'end');
  expect((await get(port, '/')).status).toBe(200);
});

test('S21: who asks for a file and takes none of it loses his place in time', async () => {
  // More than the system keeps for who doesn't read.
  const big = 16 * 1_024 * 1_024;
  const { port, clock } = await setUp({ maxPerAddress: 1, big });
  const socket = stranger(port, ['GET /assets/big-1a2b.js HTTP/1.1', `Host: 127.0.0.1:${port}`]);
  await once(socket, 'readable');
  await expect(get(port, '/')).rejects.toThrow();
  await clock.advance(60_000);
  socket.resume().once('end', () => socket.destroy());
  await once(socket, 'close');
  expect(socket.bytesRead).toBeLessThan(big);
  expect((await get(port, '/')).status).toBe(200);
});

test('S21: nothing can be sent to the page by a request, and what is sent is not read', async () => {
  const { port } = await setUp();
  const reply = await get(port, '/', { 'Content-Length': '5000000' });
  expect(reply).toMatchObject({ status: 413, headers: { connection: 'close' } });
  expect((await get(port, '/', { 'Transfer-Encoding': 'chunked' })).status).toBe(413);
});

test.each([
  '/__proto__',
  '/constructor',
  '/assets/../index.html',
  '/assets/..%2f..%2fetc/passwd',
  '//etc/passwd',
  '/%00',
])('S21: there is no file %j', async (path) => {
  const { port } = await setUp();
  expect((await get(port, path)).status).toBe(404);
});
