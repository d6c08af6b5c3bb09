/** `dial`: what goes through the tunnel and what the caller is to dial itself, bytes both ways, refusals. */
import { once } from 'node:events';
import { request } from 'node:http';
import { createServer, type Server } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterEach, expect, test } from 'vitest';
import { newPrefs } from '#shared/localapi/prefs.ts';
import { dialThrough } from '#shared/node/localapi-dial.ts';
import { fakeNode } from '../backend/fake-world.ts';
import { isTunnelled } from './dial.ts';
import { type Api, openApi } from './testing/api.ts';

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function setUp(): Promise<Api> {
  const api = await openApi();
  open.push(() => api[Symbol.asyncDispose]());
  await api.world.backend.startWith({
    UpdatePrefs: { ...newPrefs(), ControlURL: 'http://control.example', WantRunning: true },
    AuthKey: 'key',
  });
  // Loopback stands for a machine of the network: only there can a test connect to.
  const peer = fakeNode({
    id: 2,
    name: 'peer',
    more: { Addresses: ['127.0.0.1/32'], AllowedIPs: ['127.0.0.1/32'] },
  });
  await api.world.join([peer, fakeNode({ id: 3, name: 'other' })]);
  return api;
}

async function echo(): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  open.push(() => server.close());
  const address = server.address();
  return { server, port: typeof address === 'object' && address !== null ? address.port : 0 };
}

const never = new AbortController().signal;

test.each([
  { ip: '100.64.0.3', want: true },
  { ip: '192.0.2.1', want: false },
  { ip: '10.1.2.3', want: true },
  { ip: '10.1.9.9', want: false },
  { ip: 'fd7a:115c:a1e0::3', want: true },
  { ip: 'nonsense', want: false },
])('$ip goes through the tunnel: $want', ({ ip, want }) => {
  const plane = {
    routes: ['100.64.0.3/32', '10.1.0.0/16', 'fd7a:115c:a1e0::/48'],
    localRoutes: ['10.1.9.0/24'],
  };
  expect(isTunnelled(plane, ip)).toBe(want);
  expect(isTunnelled(undefined, ip)).toBe(false);
});

test('what is none of the network is for the caller to dial', async () => {
  const api = await setUp();
  const answer = await dialThrough(api.path, { host: '192.0.2.1', port: 80 }, never);
  expect(answer).toEqual({ kind: 'self', address: { ip: '192.0.2.1', port: 80 } });
});

async function streamTo(api: Api, port: number): Promise<Duplex> {
  const plane = api.world.backend.wishedPlane;
  if (plane === undefined) throw new Error('the plane is up');
  // Loopback is never routed into a tunnel, so the test says that it is.
  Object.defineProperty(api.world.backend, 'wishedPlane', {
    value: { ...plane, routes: [...plane.routes, '127.0.0.1/32'] },
  });
  const answer = await dialThrough(api.path, { host: 'peer.tail.example', port }, never);
  if (answer.kind !== 'stream') throw new Error('a stream was expected');
  return answer.stream;
}

test('bytes go both ways by the name of a machine, and the end of one side ends the other', async () => {
  const api = await setUp();
  const { server, port } = await echo();
  const stream = await streamTo(api, port);
  const connections = async (): Promise<number> =>
    new Promise((resolve) => server.getConnections((_error, count) => resolve(count)));
  expect(await connections()).toBe(1);
  stream.write('x'.repeat(100_000));
  let got = 0;
  for await (const piece of stream as AsyncIterable<Buffer>) {
    got += piece.length;
    if (got === 100_000) break;
  }
  expect(got).toBe(100_000);
  stream.destroy();
  while ((await connections()) > 0) await new Promise((resolve) => setImmediate(resolve));
});

test('the end of the daemon ends streams', async () => {
  const api = await setUp();
  const { port } = await echo();
  const stream = await streamTo(api, port);
  stream.on('error', () => undefined);
  stream.resume();
  const closed = once(stream, 'close');
  open.splice(0, 1);
  await api[Symbol.asyncDispose]();
  await closed;
});

test('a machine that does not answer is the gateway’s failure', async () => {
  const api = await setUp();
  const { server, port } = await echo();
  server.close();
  await expect(streamTo(api, port)).rejects.toThrow('dial failure');
});

interface Refused {
  readonly status: number;
  readonly body: string;
}

function upgrade(api: Api, headers: Record<string, string>): Promise<Refused> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        socketPath: api.path,
        method: 'POST',
        path: '/localapi/v0/dial',
        agent: false,
        headers: { Host: 'local-tailscaled.sock', ...headers },
      },
      (response) => {
        let body = '';
        response.on('data', (piece: Buffer) => {
          body += piece.toString('utf8');
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: body.trim() }));
      },
    );
    outgoing.on('error', reject);
    outgoing.end();
  });
}

const UPGRADE = { Connection: 'upgrade', Upgrade: 'ts-dial' };

test.each<[string, Record<string, string>, number, string]>([
  ['no upgrade', {}, 400, 'bad ts-dial upgrade'],
  ['another protocol', { Connection: 'upgrade', Upgrade: 'websocket' }, 400, 'bad ts-dial upgrade'],
  ['an upgrade in capitals', { Connection: 'Upgrade', Upgrade: 'ts-dial' }, 400, 'bad ts-dial upgrade'],
  ['no host', { ...UPGRADE, 'Dial-Port': '1' }, 400, 'missing Dial-Host or Dial-Port header'],
  ['no port', { ...UPGRADE, 'Dial-Host': 'a' }, 400, 'missing Dial-Host or Dial-Port header'],
  ['a port that is none', { ...UPGRADE, 'Dial-Host': 'a', 'Dial-Port': '70000' }, 502, 'resolve failure'],
  [
    'a network that is none',
    { ...UPGRADE, 'Dial-Host': 'a', 'Dial-Port': '1', 'Dial-Network': 'sctp' },
    502,
    'resolve failure',
  ],
  [
    'a browser',
    { ...UPGRADE, 'Dial-Host': 'a', 'Dial-Port': '1', Origin: 'https://evil.example' },
    403,
    'invalid localapi request',
  ],
])('%s is refused', async (_name, headers, status, text) => {
  const api = await setUp();
  const reply = await upgrade(api, headers);
  expect(reply.status).toBe(status);
  expect(reply.body).toContain(text);
  expect(api.bugs).toEqual([]);
});

test('of the addresses of a name only those beyond the tunnel are dialled: the rest is the caller’s own affair', async () => {
  const api = await setUp();
  const outside = createServer((socket) => socket.destroy());
  outside.listen(0, '127.0.0.2');
  await once(outside, 'listening');
  open.push(() => outside.close());
  const address = outside.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const both = fakeNode({ id: 2, name: 'peer', more: { Addresses: ['127.0.0.1/32', '127.0.0.2/32'] } });
  await api.world.join([both]);
  await expect(streamTo(api, port)).rejects.toThrow('dial failure');
});
