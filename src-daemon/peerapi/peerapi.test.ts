/** The PeerAPI against friends, strangers and browsers, over real sockets of this machine's loopback. */

import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { decode, encode } from 'dns-packet';
import { afterEach, describe, expect, test } from 'vitest';
import type { SockAddr } from '#shared/ip/address.ts';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import type { Caller, PeerApiWorld } from './caller.ts';
import { peerApiPort } from './port.ts';
import { PeerApi } from './server.ts';

const FRIEND: Caller = {
  id: 'n1',
  name: 'laptop',
  owner: 'Alice <alice@example.com>',
  isOwner: true,
  mayDebug: true,
  mayResolve: true,
};
/** Loopback addresses stand for those of the network. */
const OWN = '127.0.0.1';

const parts: AsyncDisposable[] = [];
afterEach(async () => {
  for (const part of parts.splice(0)) await part[Symbol.asyncDispose]();
});

const answerTo = (query: Uint8Array): Uint8Array => {
  const { id, questions } = decode(Buffer.from(query));
  const name = questions?.[0]?.name ?? '';
  return new Uint8Array(
    encode({
      type: 'response',
      id,
      questions: questions ?? [],
      answers: [{ type: 'A', name, data: '192.0.2.7' }],
    }),
  );
};

async function open(
  world: Partial<PeerApiWorld> = {},
): Promise<{ api: PeerApi; port: number; told: SockAddr[][] }> {
  const told: SockAddr[][] = [];
  const api = new PeerApi({
    world: {
      caller: () => FRIEND,
      dns: () => ({ answerForPeer: async (query) => (query.length < 12 ? undefined : answerTo(query)) }),
      refusedNames: () => [],
      pages: { metrics: () => 'a_metric 1\n' },
      ...world,
    },
    clock: new FakeClock(),
    log: silent,
    changed: (at) => told.push([...at]),
  });
  parts.push(api);
  await api.configure([OWN]);
  return { api, port: api.listening[0]?.port ?? 0, told };
}

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Buffer;
}

const ask = (
  port: number,
  path: string,
  options: {
    readonly method?: string;
    readonly headers?: Record<string, string>;
    readonly body?: Uint8Array;
  } = {},
): Promise<Reply> =>
  new Promise((resolve, reject) => {
    const { method = 'GET', headers = {}, body } = options;
    const asked = request({ host: OWN, port, path, method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    });
    asked.on('error', reject);
    asked.end(body);
  });

const closed = (socket: Socket): Promise<string> =>
  new Promise((resolve) => {
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(text));
  });

test('an address has its port, the next attempts have others, and most machines the same in both families', () => {
  expect(peerApiPort('100.101.102.103', 0)).toBe(peerApiPort('fd7a::65:6667', 0));
  const ports = [0, 1, 2, 3, 4].map((attempt) => peerApiPort('100.101.102.103', attempt));
  expect(new Set(ports).size).toBe(5);
  for (const port of ports) expect(port).toBeGreaterThanOrEqual(0x8000);
});

test('a friend is greeted by name, without getting any of it as markup', async () => {
  const { port, told } = await open();
  expect(told).toEqual([[{ ip: OWN, port }]]);
  const { status, body, headers } = await ask(port, '/');
  expect(status).toBe(200);
  expect(body.toString()).toContain('Alice &lt;alice@example.com&gt; (127.0.0.1)');
  expect(body.toString()).toContain('You own this machine');
  expect(headers['content-security-policy']).toBeUndefined();
  expect((await ask(port, '/', { method: 'HEAD' })).body.length).toBe(0);
  const browser = await ask(port, '/', { headers: { 'User-Agent': 'Mozilla/5.0', 'Accept-Language': 'de' } });
  expect(browser.headers['content-security-policy']).toContain("default-src 'none'");
});

describe('what no daemon would send is refused', () => {
  test.each<[string, Record<string, string>]>([
    ['another host name', { Host: 'evil.example.com' }],
    ['an address that is not ours', { Host: '100.64.0.9:1' }],
    ['no port', { Host: OWN }],
    ['an origin', { Origin: 'https://evil.example.com' }],
    ['a referer', { Referer: 'https://evil.example.com/' }],
  ])('%s', async (_what, headers) => {
    const { port } = await open();
    const { status, body } = await ask(port, '/', { headers });
    expect([status, body.toString()]).toEqual([403, 'invalid peerapi request\n']);
  });

  test('but a peer may call us by that name', async () => {
    const { port } = await open();
    expect((await ask(port, '/', { headers: { Host: 'peer' } })).status).toBe(200);
  });
});

test('who is nobody hears nothing, nor does who stops being somebody', async () => {
  let caller: Caller | undefined;
  const { port } = await open({ caller: () => caller });
  expect(await closed(connect({ host: OWN, port }))).toBe('');
  caller = FRIEND;
  const socket = connect({ host: OWN, port });
  await new Promise((resolve) => socket.once('connect', resolve));
  expect((await ask(port, '/')).status).toBe(200);
  caller = undefined;
  const end = closed(socket);
  socket.write('GET / HTTP/1.1\r\nHost: peer\r\n\r\n');
  expect(await end).toBe('');
});

test('pages about the inside are for whom they are meant, and other paths are nobody’s', async () => {
  let caller = FRIEND;
  const { port } = await open({ caller: () => caller });
  expect((await ask(port, '/v0/metrics')).body.toString()).toBe('a_metric 1\n');
  expect((await ask(port, '/v0/__proto__')).status).toBe(404);
  expect((await ask(port, '/v0/put/x', { method: 'PUT' })).status).toBe(404);
  expect((await ask(port, '/..%2f')).status).toBe(404);
  expect((await ask(port, '/', { method: 'DELETE' })).status).toBe(405);
  caller = { ...FRIEND, mayDebug: false };
  expect((await ask(port, '/v0/metrics')).status).toBe(403);
  expect((await ask(port, '/')).body.toString()).not.toContain('metrics');
});

describe('names', () => {
  const query = new Uint8Array(
    encode({ type: 'query', id: 7, questions: [{ type: 'A', name: 'example.com' }] }),
  );
  const base64 = Buffer.from(query).toString('base64url');
  const type = { 'Content-Type': 'application/dns-message' };

  test('are resolved by GET and by POST, and for people as a list', async () => {
    const { port } = await open();
    const got = await ask(port, `/dns-query?dns=${base64}`);
    expect([got.status, got.headers['content-type']]).toEqual([200, 'application/dns-message']);
    const posted = await ask(port, '/dns-query', { method: 'POST', headers: type, body: query });
    expect(posted.body).toEqual(got.body);
    expect(decode(got.body).id).toBe(7);
    expect((await ask(port, '/dns-query?q=example.com&t=a')).body.toString()).toBe('["192.0.2.7"]\n');
  });

  test.each<[string, string, Parameters<typeof ask>[2], number]>([
    ['no question', '/dns-query', {}, 400],
    ['another alphabet', '/dns-query?dns=a+/=', {}, 400],
    ['too short to be one', '/dns-query?dns=AAAA', {}, 400],
    ['a name that is none', `/dns-query?q=${'a'.repeat(64)}.com`, {}, 400],
    ['another method', '/dns-query', { method: 'PUT' }, 400],
    ['another content type', '/dns-query', { method: 'POST', body: query }, 400],
    [
      'a body that is too large',
      '/dns-query',
      { method: 'POST', headers: type, body: new Uint8Array(300_000) },
      400,
    ],
  ])('with %s the answer is an error', async (_what, path, options, status) => {
    const { port } = await open();
    expect((await ask(port, path, options)).status).toBe(status);
  });

  test('are not for everybody, and not without a resolver', async () => {
    const stranger = await open({ caller: () => ({ ...FRIEND, mayResolve: false }) });
    const refused = await ask(stranger.port, `/dns-query?dns=${base64}`);
    expect([refused.status, refused.body.toString()]).toEqual([403, 'DNS access denied\n']);
    const { port } = await open({ dns: () => undefined });
    expect((await ask(port, `/dns-query?dns=${base64}`)).status).toBe(501);
  });

  test('whose resolver fails give 500', async () => {
    const { port } = await open({ dns: () => ({ answerForPeer: () => Promise.reject(new Error('no')) }) });
    expect((await ask(port, `/dns-query?dns=${base64}`)).status).toBe(500);
  });
});

test('headers that are too large, tunnels and upgrades end the connection', async () => {
  const { port } = await open();
  const send = async (text: string): Promise<string> => {
    const socket = connect({ host: OWN, port });
    const end = closed(socket);
    socket.write(text);
    return await end;
  };
  expect(await send(`GET / HTTP/1.1\r\nHost: peer\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`)).toContain('431');
  expect(await send('CONNECT example.com:443 HTTP/1.1\r\nHost: peer\r\n\r\n')).toBe('');
  expect(await send('GET / HTTP/1.1\r\nHost: peer\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n')).toBe('');
  expect((await ask(port, 'http://example.com/', { headers: { Host: 'peer' } })).status).toBe(400);
});

test('one machine holds only so many connections, and other machines still get in', async () => {
  let caller = FRIEND;
  const { api, port } = await open({ caller: () => caller });
  const held = Array.from({ length: 70 }, () => connect({ host: OWN, port }));
  const ends = held.map(closed);
  await Promise.race(ends);
  expect(api.counters()['too-many-connections']).toBeGreaterThan(0);
  caller = { ...FRIEND, id: 'n2' };
  expect((await ask(port, '/')).status).toBe(200);
  for (const socket of held) socket.destroy();
});

test('listeners follow our addresses', async () => {
  const { api, told } = await open();
  await api.configure([OWN, '127.0.0.2']);
  expect(told.at(-1)).toHaveLength(2);
  await api.configure(['127.0.0.2']);
  expect(told.at(-1)).toHaveLength(1);
  await api.configure(['127.0.0.2']);
  expect(told).toHaveLength(3);
  await api.configure([]);
  expect(told.at(-1)).toEqual([]);
});

test('one machine has only so many questions under way, and hears of it', async () => {
  const later = Promise.withResolvers<void>();
  let underWay = 0;
  const { port } = await open({
    dns: () => ({
      answerForPeer: async (query) => {
        underWay++;
        await later.promise;
        return answerTo(query);
      },
    }),
  });
  const question = encode({ type: 'query', id: 0, questions: [{ type: 'A', name: 'a.test' }] });
  const line = `GET /dns-query?dns=${question.toString('base64url')} HTTP/1.1\r\nHost: peer\r\n\r\n`;
  const socket = connect({ host: OWN, port });
  const text = closed(socket);
  socket.write(`${line.repeat(300)}GET / HTTP/1.1\r\nHost: peer\r\nConnection: close\r\n\r\n`);
  while (underWay < 64) await new Promise((resolve) => setImmediate(resolve));
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
  expect(underWay).toBe(64);
  later.resolve();
  const replies = (await text).match(/HTTP\/1\.1 \d+/g) ?? [];
  expect(replies.filter((one) => one.endsWith('200'))).toHaveLength(65);
  expect(replies.filter((one) => one.endsWith('503'))).toHaveLength(236);
});
