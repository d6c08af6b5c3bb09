/** The relay's listeners over real sockets on loopback: upgrade, fast start, WebSocket, pages, bad input. */
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { afterEach, describe, expect, test } from 'vitest';
import { createWebSocketStream, WebSocket } from 'ws';
import { toHex } from '#shared/bytes/hex.ts';
import { generatePrivate, importPrivate } from '#shared/crypto/x25519.ts';
import { FrameType } from '#shared/derp/frames.ts';
import { decodeServerKey, encodeSendPacket } from '#shared/derp/messages.ts';
import { silent } from '#shared/log/log.ts';
import { systemClock } from '#shared/node/clock.ts';
import { DEFAULT_GATE, type GateLimits } from './accept-gate.ts';
import type { CertificateSource } from './certificates.ts';
import { type OpenRelay, openRelay, type RelaySetup } from './open-relay.ts';
import { makeSelfCertificate } from './self-certificate.ts';
import { RawClient } from './testing/raw-client.ts';

const PRIVATE = generatePrivate();
const HEX = toHex(importPrivate(PRIVATE).publicRaw);
const UPGRADE = 'GET /derp HTTP/1.1\r\nHost: relay\r\nUpgrade: DERP\r\nConnection: Upgrade\r\n';

const opened: OpenRelay[] = [];
afterEach(async () => {
  for (const relay of opened.splice(0)) await relay[Symbol.asyncDispose]();
});

interface Ready {
  readonly relay: OpenRelay;
  readonly port: number;
  readonly httpPort: number;
}

const certificates = (): CertificateSource => ({
  current: makeSelfCertificate('127.0.0.1', Date.now()),
  reload: async () => undefined,
  onChange: () => undefined,
  httpChallenge: (token) => (token === 'abc' ? 'abc.thumb' : undefined),
  [Symbol.asyncDispose]: async () => undefined,
});

async function relay(setup: Partial<RelaySetup> = {}, gate: GateLimits = DEFAULT_GATE): Promise<Ready> {
  const made = await openRelay({
    clock: systemClock(),
    random: () => 0.5,
    log: silent,
    privateKey: PRIVATE,
    servesDerp: true,
    listen: {
      address: { host: '127.0.0.1', port: 0 },
      certificates: certificates(),
      http: { host: '127.0.0.1', port: 0 },
      hostName: undefined,
      gate,
    },
    ...setup,
  });
  opened.push(made);
  return { relay: made, port: made.front?.port ?? 0, httpPort: made.front?.httpPort ?? 0 };
}

interface Page {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

function fetchPage(
  kind: 'http' | 'https',
  port: number,
  path: string,
  options: { method?: string; headers?: Record<string, string> } = {},
): Promise<Page> {
  const ask = kind === 'https' ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const asked = ask(
      { host: '127.0.0.1', port, path, agent: false, ...options, ...{ rejectUnauthorized: false } },
      (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (part: string) => {
          body += part;
        });
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
        );
      },
    );
    asked.on('error', reject).end();
  });
}

/** Shakes hands, so that what follows are packets. */
async function joined(client: RawClient, ready: Ready): Promise<RawClient> {
  expect((await client.frame())?.type).toBe(FrameType.ServerKey);
  client.write(client.hello(ready.relay.publicKey));
  expect((await client.frame())?.type).toBe(FrameType.ServerInfo);
  return client;
}

async function joinedPlainly(ready: Ready): Promise<RawClient> {
  const client = await RawClient.tls(ready.port);
  client.write(`${UPGRADE}\r\n`);
  await client.head();
  return joined(client, ready);
}

describe('the upgrade', () => {
  test('is answered with the version and the key, and the first frame is the key again', async () => {
    const { port } = await relay();
    using client = await RawClient.tls(port);
    client.write(`${UPGRADE}\r\n`);
    expect(await client.head()).toBe(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: DERP\r\nConnection: Upgrade\r\n' +
        `Derp-Version: 2\r\nDerp-Public-Key: ${HEX}\r\n\r\n`,
    );
    const first = await client.frame();
    expect(first?.type).toBe(FrameType.ServerKey);
    expect(toHex(decodeServerKey(first?.payload ?? new Uint8Array()) ?? new Uint8Array())).toBe(HEX);
  });

  test('with fast start has no answer, and the frame that came with the request counts', async () => {
    const ready = await relay();
    using client = await RawClient.tls(ready.port);
    client.write(`${UPGRADE}Derp-Fast-Start: 1\r\n\r\n`, client.hello(ready.relay.publicKey));
    expect((await client.frame())?.type).toBe(FrameType.ServerKey);
    expect((await client.frame())?.type).toBe(FrameType.ServerInfo);
    expect(ready.relay.core.clients()).toMatchObject([{ key: client.key, isIdeal: true }]);
  });

  test('takes frames cut anywhere, also within the request', async () => {
    const ready = await relay();
    using client = await RawClient.tls(ready.port);
    const all = Buffer.concat([
      Buffer.from(`${UPGRADE}Derp-Fast-Start: 1\r\nIdeal-Node: 1a\r\n\r\n`),
      client.hello(ready.relay.publicKey),
    ]);
    for (let at = 0; at < all.length; at += 17) {
      client.write(all.subarray(at, at + 17));
      await new Promise(setImmediate);
    }
    expect((await client.frame())?.type).toBe(FrameType.ServerKey);
    expect((await client.frame())?.type).toBe(FrameType.ServerInfo);
    expect(ready.relay.core.clients()).toMatchObject([{ isIdeal: false }]);
  });

  test.each(['GET /derp', 'POST /derp', 'GET /derp/probe'])(
    '%s with a foreign upgrade is an ordinary request',
    async (line) => {
      const { port } = await relay();
      using client = await RawClient.tls(port);
      client.write(`${line} HTTP/1.1\r\nHost: relay\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n`);
      expect(await client.head()).toMatch(line.endsWith('probe') ? /^HTTP\/1.1 200 / : /^HTTP\/1.1 426 /);
    },
  );

  test('without relaying there is nothing to upgrade', async () => {
    const { port } = await relay({ servesDerp: false });
    using client = await RawClient.tls(port);
    client.write(`${UPGRADE}\r\n`);
    expect(await client.head()).toMatch(/^HTTP\/1.1 426 /);
  });

  test('a client that resets in the middle harms nobody', async () => {
    const ready = await relay();
    for (let i = 0; i < 20; i++) {
      const client = await RawClient.plain(ready.port);
      client.write(Buffer.from([22, 3, 1]));
      client.stream.destroy();
    }
    using _client = await joinedPlainly(ready);
    expect(ready.relay.core.stats().connections).toBe(1);
  });
});

describe('packets', () => {
  test('go from a plain client to one in a WebSocket and back', async () => {
    const ready = await relay();
    using plain = await joinedPlainly(ready);
    const socket = new WebSocket(`wss://127.0.0.1:${ready.port}/derp`, 'derp', { rejectUnauthorized: false });
    const stream = createWebSocketStream(socket);
    using browser = await joined(new RawClient(stream), ready);
    expect(socket.protocol).toBe('derp');
    expect(socket.extensions).toBe('');

    const packet = Buffer.from('deadbeef', 'hex');
    plain.write(encodeSendPacket(browser.raw, packet));
    const there = await browser.frame();
    expect(there).toEqual({
      type: FrameType.RecvPacket,
      payload: new Uint8Array(Buffer.concat([plain.raw, packet])),
    });

    // One frame in several messages, several frames in one.
    const frame = Buffer.from(encodeSendPacket(plain.raw, packet));
    socket.send(frame.subarray(0, 7));
    socket.send(Buffer.concat([frame.subarray(7), frame]));
    for (let i = 0; i < 2; i++)
      expect(await plain.frame()).toEqual({
        type: FrameType.RecvPacket,
        payload: new Uint8Array(Buffer.concat([browser.raw, packet])),
      });
    expect(ready.relay.core.clients().map(({ transport }) => transport)).toEqual(['derp', 'websocket']);
  });

  test('a WebSocket with text is closed', async () => {
    const { port } = await relay();
    const socket = new WebSocket(`wss://127.0.0.1:${port}/derp`, 'derp', { rejectUnauthorized: false });
    const code = new Promise((resolve) => socket.on('close', resolve));
    socket.on('open', () => socket.send('hello'));
    expect(await code).toBe(1_003);
  });

  test('a WebSocket of another subprotocol is told so, and what it sends then harms nobody', async () => {
    const ready = await relay();
    using client = await RawClient.tls(ready.port);
    client.write(
      'GET /derp HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: derpy\r\n\r\n',
    );
    await client.head();
    client.write(Buffer.from('ffffffff', 'hex'));
    await client.ended();
    expect(ready.relay.core.stats().handshaking).toBe(0);
  });

  test('an old client that says WebSocket without the subprotocol speaks plain frames', async () => {
    const ready = await relay();
    using client = await RawClient.tls(ready.port);
    client.write('GET /derp HTTP/1.1\r\nHost: x\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\r\n');
    expect(await client.head()).toMatch(/^HTTP\/1.1 101 .*Derp-Version: 2/s);
    await joined(client, ready);
  });
});

describe('pages', () => {
  test.each(['/derp/probe', '/derp/latency-check'])('%s is empty, for any origin', async (path) => {
    const { port } = await relay();
    const page = await fetchPage('https', port, path);
    expect(page).toMatchObject({ status: 200, body: '', headers: { 'access-control-allow-origin': '*' } });
    expect((await fetchPage('https', port, path, { method: 'HEAD' })).status).toBe(200);
    expect((await fetchPage('https', port, path, { method: 'POST' })).status).toBe(405);
  });

  test('/derp without an upgrade says what it wants', async () => {
    const { port } = await relay();
    expect(await fetchPage('https', port, '/derp')).toMatchObject({
      status: 426,
      body: 'DERP requires connection upgrade\n',
    });
  });

  test.each([
    ['ts_derp.example-1:2', 'response ts_derp.example-1:2'],
    ['', undefined],
    ['a'.repeat(65), undefined],
    ['bad challenge', undefined],
    ['<b>', undefined],
  ])('/generate_204 answers the challenge "%s"', async (challenge, answer) => {
    const ready = await relay();
    for (const [kind, port] of [
      ['https', ready.port],
      ['http', ready.httpPort],
    ] as const) {
      const headers = { 'x-tailscale-challenge': challenge };
      const page = await fetchPage(kind, port, '/generate_204', { headers });
      expect(page.status).toBe(204);
      expect(page.headers['x-tailscale-response']).toBe(answer);
      expect(page.headers['cache-control']).toBe(
        'no-cache, no-store, must-revalidate, no-transform, max-age=0',
      );
    }
  });

  test('robots are sent away, and the home page can be empty or elsewhere', async () => {
    const { port } = await relay();
    expect((await fetchPage('https', port, '/robots.txt')).body).toBe('User-agent: *\nDisallow: /\n');
    expect((await fetchPage('https', port, '/')).body).toContain('DERP relay');
    expect((await fetchPage('https', port, '/nothing')).status).toBe(404);
    const blank = await relay({ home: { kind: 'blank' } });
    expect(await fetchPage('https', blank.port, '/')).toMatchObject({ status: 200, body: '' });
    const away = await relay({ home: { kind: 'redirect', to: 'https://example.com/' } });
    expect(await fetchPage('https', away.port, '/')).toMatchObject({
      status: 302,
      headers: { location: 'https://example.com/' },
    });
  });

  test('/bootstrap-dns names only what is published, unless it is asked for', async () => {
    const ready = await relay({ bootstrapNames: ['localhost'], unpublishedNames: ['ip4-loopback.invalid'] });
    await expect
      .poll(async () => (await fetchPage('https', ready.port, '/bootstrap-dns')).body)
      .toMatch(/^\{"localhost":\[.*"127\.0\.0\.1".*\]\}$/);
    const page = await fetchPage('https', ready.port, '/bootstrap-dns');
    expect(page.headers).toMatchObject({ 'content-type': 'application/json', connection: 'close' });
  });

  test('/metrics is for this machine', async () => {
    const { port } = await relay();
    const page = await fetchPage('https', port, '/metrics');
    expect(page.status).toBe(200);
    expect(page.body).toContain('derp_accepts 0\n');
    expect(page.body).toContain('derper_tls_request_version{version="TLSv1.3"} 1\n');
    for (const line of page.body.trim().split('\n'))
      expect(line).toMatch(/^(# (TYPE|HELP) .*|[a-z_]+(\{[^}]*\})? [0-9.e+-]+)$/);
  });

  test.each(['x-forwarded-for', 'forwarded', 'via'])(
    '/metrics is not for who comes through a proxy (%s)',
    async (name) => {
      const { port } = await relay();
      const page = await fetchPage('https', port, '/metrics', { headers: { [name]: '192.0.2.1' } });
      expect(page.status).toBe(403);
    },
  );

  test('a whole URL in the request line does not run into the host name', async () => {
    const { port, httpPort } = await relay();
    using client = await RawClient.plain(httpPort);
    client.write('GET http://elsewhere.test/ HTTP/1.1\r\nHost: relay.example.com\r\n\r\n');
    expect(await client.head()).toContain(`location: https://relay.example.com:${port}/\r\n`);
  });

  test('the plain listener answers authorities and sends everything else to https', async () => {
    const { port, httpPort } = await relay();
    const acme = await fetchPage('http', httpPort, '/.well-known/acme-challenge/abc');
    expect(acme).toMatchObject({ status: 200, body: 'abc.thumb' });
    expect((await fetchPage('http', httpPort, '/.well-known/acme-challenge/x')).status).toBe(404);
    const headers = { host: 'relay.example.com' };
    expect(await fetchPage('http', httpPort, '/a?b=c', { headers })).toMatchObject({
      status: 302,
      headers: { location: `https://relay.example.com:${port}/a?b=c` },
    });
    for (const host of ['a b', 'x@y', '-'])
      expect((await fetchPage('http', httpPort, '/', { headers: { host } })).status).toBe(400);
    expect((await fetchPage('http', httpPort, '/', { headers, method: 'POST' })).status).toBe(400);
  });
});

describe('the door', () => {
  test('closes what comes too fast, and says so in the metrics', async () => {
    const ready = await relay({}, { ...DEFAULT_GATE, perSecond: 0.001, burst: 2 });
    using first = await RawClient.plain(ready.port);
    using second = await RawClient.plain(ready.port);
    using third = await RawClient.plain(ready.port);
    await third.ended();
    expect([first.isEnded, second.isEnded]).toEqual([false, false]);
    expect(ready.relay.front?.counters.rejected).toBe(1);
  });

  test('bounds the connections of both listeners together', async () => {
    const listeners = {
      address: { host: '127.0.0.1', port: 0 },
      certificates: certificates(),
      http: { host: '127.0.0.1', port: 0 },
      hostName: undefined,
      maxConnections: 2,
    };
    const ready = await relay({ listen: listeners });
    using first = await RawClient.tls(ready.port);
    using second = await RawClient.plain(ready.httpPort);
    using third = await RawClient.plain(ready.httpPort);
    await third.ended();
    expect([first.isEnded, second.isEnded]).toEqual([false, false]);
  });

  test('garbage gets 400 and the end', async () => {
    const { httpPort } = await relay();
    using client = await RawClient.plain(httpPort);
    client.write('\x16\x03\x01 what is this\r\n\r\n');
    expect(await client.head()).toMatch(/^HTTP\/1.1 400 /);
    await client.ended();
  });

  test('what is no TLS is counted and closed', async () => {
    const ready = await relay();
    using client = await RawClient.plain(ready.port);
    client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await client.ended();
    expect(ready.relay.front?.counters.tlsFailures).toBe(1);
  });

  test('a head without end is cut off', async () => {
    const { httpPort } = await relay();
    using client = await RawClient.plain(httpPort);
    client.write(`GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${'a'.repeat(20_000)}`);
    expect(await client.head()).toMatch(/^HTTP\/1.1 (400|431) /);
  });

  test('a taken port is told in words', async () => {
    const { port } = await relay();
    const again = relay({
      listen: {
        address: { host: '127.0.0.1', port },
        certificates: certificates(),
        http: undefined,
        hostName: undefined,
      },
    });
    await expect(again).rejects.toThrow(
      `can't serve HTTPS on 127.0.0.1:${port}: the port is in use: stop the other program, or choose another port`,
    );
  });

  test('at the end clients are told to come back, and are let go', async () => {
    const ready = await relay();
    using client = await joinedPlainly(ready);
    await ready.relay[Symbol.asyncDispose]();
    opened.length = 0;
    expect((await client.frame())?.type).toBe(FrameType.Restarting);
    await client.ended();
  });
});
