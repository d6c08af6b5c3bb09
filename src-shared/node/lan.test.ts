/** HTTP and UDP towards the local network, on loopback: bounds, refusals, multicast, and nothing left open. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import type { SockAddr } from '../ip/address.ts';
import { lanFetch } from './lan-fetch.ts';
import { openLanGroup, openLanSocket } from './lan-udp.ts';

const SELF = '127.0.0.1';
const signal = new AbortController().signal;

/** Answers each path in its own way. */
async function serve(): Promise<AsyncDisposable & { readonly url: string; readonly requests: string[] }> {
  const requests: string[] = [];
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method, url, headers } = request;
      requests.push(`${method} ${url} ${headers['x-a'] ?? ''} ${Buffer.concat(chunks).toString()}`.trim());
      if (url === '/long') response.end('a'.repeat(70_000));
      else if (url === '/endless') response.write('a');
      else if (url === '/away') response.writeHead(302, { location: '/long' }).end();
      else if (url === '/header') response.writeHead(200, { x: 'a'.repeat(9_000) }).end();
      else if (url !== '/silent') response.end('hello');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, SELF, resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${SELF}:${port}`,
    requests,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

test('gets and posts from the address that is asked for', async () => {
  await using server = await serve();
  const answer = { status: 200, body: 'hello' };
  expect(await lanFetch({ url: `${server.url}/x`, localIp: SELF }, signal)).toEqual(answer);
  const post = { url: `${server.url}/y`, localIp: SELF, headers: { 'X-A': 'b' }, body: 'grüß' };
  expect(await lanFetch(post, signal)).toEqual(answer);
  expect(server.requests).toEqual(['GET /x', 'POST /y b grüß']);
});

test('a redirect is an answer like any other', async () => {
  await using server = await serve();
  expect(await lanFetch({ url: `${server.url}/away`, localIp: SELF }, signal)).toMatchObject({ status: 302 });
  expect(server.requests).toEqual(['GET /away']);
});

test.each([
  ['/long', 'too long'],
  ['/header', 'Header overflow'],
  ['/silent', 'abort'],
  ['/endless', 'abort'],
])('%s is refused', async (path, why) => {
  await using server = await serve();
  await expect(lanFetch({ url: server.url + path, localIp: SELF }, signal)).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining(why),
  });
});

test('can be given up', async () => {
  await using server = await serve();
  const stop = new AbortController();
  const asked = lanFetch({ url: `${server.url}/silent`, localIp: SELF }, stop.signal);
  stop.abort();
  await expect(asked).rejects.toMatchObject({ code: 'unavailable' });
});

test('nobody there is unavailable', async () => {
  await expect(lanFetch({ url: `http://${SELF}:9/`, localIp: SELF }, signal)).rejects.toMatchObject({
    code: 'unavailable',
  });
});

test('datagrams go to and fro, and none after closing', async () => {
  const arrived = Promise.withResolvers<{ from: SockAddr; data: Uint8Array }>();
  const a = await openLanSocket({ localIp: SELF, receive: () => undefined });
  const port = Promise.withResolvers<SockAddr>();
  const b = await openLanSocket({
    localIp: SELF,
    receive: (from, data) => arrived.resolve({ from, data: new Uint8Array(data) }),
  });
  // A socket learns the other's port from a group that both are in.
  const group = await openLanGroup(
    { ip: '224.0.0.1', port: 35_350 },
    { localIp: SELF, receive: (from) => port.resolve(from) },
  );
  b.send({ ip: '224.0.0.1', port: 35_350 }, Uint8Array.of(7));
  a.send(await port.promise, Uint8Array.of(1, 2));
  const { from, data } = await arrived.promise;
  expect(from.ip).toBe(SELF);
  expect(data).toEqual(Uint8Array.of(1, 2));
  await Promise.all([a.close(), b.close(), group.close()]);
  await a.close();
  a.send(from, Uint8Array.of(3));
});

test('an address that is not ours is unavailable', async () => {
  const receive = (): void => undefined;
  await expect(openLanSocket({ localIp: '203.0.113.77', receive })).rejects.toMatchObject({
    code: 'unavailable',
  });
  const group = { ip: '224.0.0.1', port: 35_351 };
  await expect(openLanGroup(group, { localIp: '203.0.113.77', receive })).rejects.toMatchObject({
    code: 'unavailable',
  });
});
