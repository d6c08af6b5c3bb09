/** The control channel over real loopback sockets: both sides against each other, and each against bad peers. */
import { once } from 'node:events';
import http, { type IncomingMessage } from 'node:http';
import http2, { type ServerHttp2Session } from 'node:http2';
import https from 'node:https';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import { concat, utf8 } from '../bytes/bytes.ts';
import { initiate, respond } from '../crypto/noise-ik.ts';
import { RecordOpener, RecordSealer } from '../crypto/noise-records.ts';
import { generatePrivate, importPrivate } from '../crypto/x25519.ts';
import { type MachineKey, machineKeyFrom, ZERO_MACHINE_KEY } from '../key/key.ts';
import { UPGRADE_PROTOCOL } from '../noise/messages.ts';
import type { Connect } from './carried.ts';
import { systemClock } from './clock.ts';
import { fetchControlKey } from './control-key.ts';
import { dialTs2021, type Ts2021DialOptions, type Ts2021Session } from './ts2021-client.ts';
import { acceptTs2021, type Ts2021Peer, type Ts2021ServerOptions } from './ts2021-server.ts';

const control = importPrivate(generatePrivate());
const machine = importPrivate(generatePrivate());
const controlKey = machineKeyFrom(control.publicRaw);
// A self-signed certificate for localhost, made for this test only; it guards nothing.
const TEST_KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgNCp+qfPVw6o2gqkC
917H0varVk0vAg+R1m72rk/RR4ihRANCAAQW2Uf3GVxVx6+0ecCfxBb7SOFfymw6
DHYmjvpahQflV+xWOqoXnJ/h05nXO5/RaKuc4Nu1sCoisDVy8vp03Ro6
-----END PRIVATE KEY-----`;
const TEST_CERT = `-----BEGIN CERTIFICATE-----
MIIBmzCCAUGgAwIBAgIUZZzqmzWsj+0cSSlviogupFZuhIQwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMjE1NDkxNFoYDzIxMjYxMDI5
MTU0OTE0WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQW2Uf3GVxVx6+0ecCfxBb7SOFfymw6DHYmjvpahQflV+xWOqoXnJ/h
05nXO5/RaKuc4Nu1sCoisDVy8vp03Ro6o28wbTAdBgNVHQ4EFgQUV2LkEAiO/YqJ
lN4J6wTT9ROpEsowHwYDVR0jBBgwFoAUV2LkEAiO/YqJlN4J6wTT9ROpEsowDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSAAwRQIhAOy/CU58jKlpU3zg3tj4foFYy2YMqfUaptOpE9wQARmGAiAM
iHanT9w+80CI+7A8i2vuOZUPWYoGwsv1k0kVvZ/VKg==
-----END CERTIFICATE-----`;
const open: { close(): void }[] = [];
afterEach(() => {
  for (const thing of open.splice(0)) thing.close();
});

async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push({
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  });
  return (server.address() as AddressInfo).port;
}

interface Fixture {
  readonly url: URL;
  readonly port: number;
  readonly peers: Ts2021Peer[];
  readonly sessions: ServerHttp2Session[];
}

/** A control server that echoes bodies and tells the peer's machine key in a header. */
async function serve(options: Partial<Ts2021ServerOptions> = {}): Promise<Fixture> {
  const peers: Ts2021Peer[] = [];
  const sessions: ServerHttp2Session[] = [];
  const server = http.createServer((_request, response) => response.writeHead(404).end());
  server.on('upgrade', (request: IncomingMessage, socket, head) =>
    acceptTs2021(request, socket, head, {
      controlKey: control,
      onSession: (session, peer) => {
        peers.push(peer);
        sessions.push(session);
        session.on('stream', (stream) => {
          stream.respond({ ':status': 200, 'x-machine': peer.machineKey });
          stream.pipe(stream);
        });
      },
      ...options,
    }),
  );
  const port = await listen(server);
  return { url: new URL(`http://127.0.0.1:${port}`), port, peers, sessions };
}

async function dial(url: URL, options: Partial<Ts2021DialOptions> = {}): Promise<Ts2021Session> {
  const session = await dialTs2021({
    serverUrl: url,
    controlKey,
    machine,
    clock: systemClock(),
    signal: new AbortController().signal,
    ...options,
  });
  open.push({ close: () => session.session.destroy() });
  return session;
}

function post(session: Ts2021Session, body: Uint8Array): Promise<{ machine: unknown; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const stream = session.session.request({ ':method': 'POST', ':path': '/machine/map' });
    const parts: Buffer[] = [];
    let machineKey: unknown;
    stream.on('response', (headers) => {
      machineKey = headers['x-machine'];
    });
    stream.on('data', (part: Buffer) => parts.push(part));
    stream.on('end', () => resolve({ machine: machineKey, body: Buffer.concat(parts) }));
    stream.on('error', reject);
    stream.end(body);
  });
}

describe('both sides', () => {
  test('carry requests of any size in both directions and name the machine', async () => {
    const server = await serve();
    const session = await dial(server.url);
    const big = Buffer.alloc(3_000_000, 'abcdefg');
    const answers = await Promise.all([
      post(session, big),
      post(session, utf8('small')),
      post(session, utf8('')),
    ]);
    expect(answers[0]?.body.equals(big)).toBe(true);
    expect(answers[1]?.body.toString()).toBe('small');
    expect(answers[2]?.machine).toBe(machineKeyFrom(machine.publicRaw));
    expect(server.peers).toEqual([
      { machineKey: machineKeyFrom(machine.publicRaw), version: 130, remoteAddress: '127.0.0.1' },
    ]);
    expect([session.via, session.localAddress]).toEqual(['http', '127.0.0.1']);
    await session[Symbol.asyncDispose]();
    expect(await session.closed).toBeUndefined();
  });

  test('a client sees the end of its server and a server that of its client', async () => {
    const server = await serve();
    const one = await dial(server.url);
    await post(one, utf8('x'));
    server.sessions[0]?.destroy();
    await one.closed;
    const two = await dial(server.url);
    await post(two, utf8('x'));
    const gone = new Promise((resolve) => server.sessions[1]?.on('close', () => resolve('gone')));
    await two[Symbol.asyncDispose]();
    expect(await gone).toBe('gone');
  });

  test('an old client gets no early payload, and works', async () => {
    const server = await serve();
    const session = await dial(server.url, { version: 48 });
    expect((await post(session, utf8('old'))).body.toString()).toBe('old');
  });

  test('a client below the floor is told so', async () => {
    const server = await serve({ minVersion: 113 });
    await expect(dial(server.url, { version: 112 })).rejects.toThrow('POST /ts2021 answered 400');
  });

  test('the wrong server key fails with one clear error', async () => {
    const server = await serve();
    const other = machineKeyFrom(importPrivate(generatePrivate()).publicRaw);
    await expect(dial(server.url, { controlKey: other })).rejects.toThrow('POST /ts2021 answered 400');
    await expect(dial(server.url, { controlKey: ZERO_MACHINE_KEY })).rejects.toThrow('no Noise key');
  });
});

describe('the server', () => {
  async function raw(port: number, text: string): Promise<string> {
    const socket = connect(port, '127.0.0.1');
    let got = '';
    socket.on('data', (part) => {
      got += part.toString('latin1');
    });
    socket.write(text);
    await new Promise((resolve) => socket.on('close', resolve));
    return got;
  }
  const head = (lines: string): string => `${lines}\r\nHost: x\r\nConnection: upgrade\r\n`;
  const hello = (bytes: Uint8Array): string =>
    `X-Tailscale-Handshake: ${Buffer.from(bytes).toString('base64')}\r\n`;
  const good = initiate({ machine, controlPublic: control.publicRaw, version: 130 }).message;
  const bent = good.map((byte, i) => (i === 60 ? byte ^ 1 : byte));

  test.each([
    {
      name: 'another protocol',
      lines: 'POST /ts2021 HTTP/1.1',
      upgrade: 'websocket',
      extra: hello(good),
      want: 'unknown upgrade',
    },
    {
      name: 'another method',
      lines: 'PUT /ts2021 HTTP/1.1',
      upgrade: UPGRADE_PROTOCOL,
      extra: hello(good),
      want: 'POST',
    },
    {
      name: 'a body',
      lines: 'POST /ts2021 HTTP/1.1',
      upgrade: UPGRADE_PROTOCOL,
      extra: `${hello(good)}Content-Length: 5\r\n`,
      want: 'body',
    },
    {
      name: 'no handshake',
      lines: 'POST /ts2021 HTTP/1.1',
      upgrade: UPGRADE_PROTOCOL,
      extra: '',
      want: 'no X-Tailscale-Handshake',
    },
    {
      name: 'no base64',
      lines: 'POST /ts2021 HTTP/1.1',
      upgrade: UPGRADE_PROTOCOL,
      extra: `X-Tailscale-Handshake: ${'*'.repeat(136)}\r\n`,
      want: 'not an initiation',
    },
    {
      name: 'a short initiation',
      lines: 'POST /ts2021 HTTP/1.1',
      upgrade: UPGRADE_PROTOCOL,
      extra: hello(good.subarray(0, 100)),
      want: 'not an initiation',
    },
    {
      name: 'a damaged initiation',
      lines: 'POST /ts2021 HTTP/1.1',
      upgrade: UPGRADE_PROTOCOL,
      extra: hello(bent),
      want: 'handshake failed',
    },
  ])('answers $name with 400 and says why', async ({ lines, upgrade, extra, want }) => {
    const server = await serve();
    const answer = await raw(server.port, `${head(lines)}Upgrade: ${upgrade}\r\n${extra}\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(answer).toContain(want);
    expect(server.peers).toEqual([]);
  });

  test('answers in one segment: switch, response, early payload; and reads what a client sent behind its request', async () => {
    const server = await serve();
    const initiator = initiate({ machine, controlPublic: control.publicRaw, version: 130 });
    const socket = connect(server.port, '127.0.0.1');
    open.push({ close: () => socket.destroy() });
    socket.write(
      `${head('POST /ts2021 HTTP/1.1')}Upgrade: Tailscale-Control-Protocol\r\n${hello(initiator.message)}\r\n`,
    );
    const first = await new Promise<Buffer>((resolve) => socket.once('data', resolve));
    const end = first.indexOf('\r\n\r\n') + 4;
    expect(first.subarray(0, end).toString()).toContain(`Upgrade: ${UPGRADE_PROTOCOL}\r\n`);
    const keys = initiator.finish(first.subarray(end, end + 51));
    const plain: Uint8Array[] = [];
    new RecordOpener(keys?.receive ?? utf8('')).feed(first.subarray(end + 51), (part) => plain.push(part));
    expect(Buffer.from(concat(...plain)).toString('latin1')).toContain('{"nodeKeyChallenge":"chalpub:');
  });

  test('drops a client that shakes hands and then says nothing, and one that sends rubbish', async () => {
    const server = await serve({ handshakeTimeoutMs: 30 });
    for (const after of ['', 'rubbish that is no record']) {
      const initiator = initiate({ machine, controlPublic: control.publicRaw, version: 130 });
      const request = `${head('POST /ts2021 HTTP/1.1')}Upgrade: ${UPGRADE_PROTOCOL}\r\n${hello(initiator.message)}\r\n`;
      expect(await raw(server.port, request + after)).toContain('101 Switching');
    }
    expect(server.sessions.map((session) => session.destroyed)).toEqual([true, true]);
  });
});

describe('the client', () => {
  /** A server that upgrades and then does as it is told. */
  async function fake(
    act: (socket: Duplex, hello: Uint8Array) => void,
    upgrade = UPGRADE_PROTOCOL,
  ): Promise<URL> {
    const server = http.createServer();
    server.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
      socket.on('error', () => undefined);
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: ${upgrade}\r\nConnection: upgrade\r\n\r\n`);
      act(socket, Buffer.from(String(request.headers['x-tailscale-handshake']), 'base64'));
    });
    return new URL(`http://127.0.0.1:${await listen(server)}`);
  }

  test.each([
    {
      name: 'closes',
      act: (socket: Duplex) => socket.end(),
      want: 'closed the connection instead of shaking hands',
    },
    {
      name: 'sends rubbish',
      act: (socket: Duplex) => socket.write('HTTP/1.1 200 OK'),
      want: 'its Noise handshake is malformed',
    },
    {
      name: 'sends a false response',
      act: (socket: Duplex) => socket.write(concat(Uint8Array.of(2, 0, 48), new Uint8Array(48))),
      want: 'the Noise handshake failed',
    },
    {
      name: 'refuses',
      act: (socket: Duplex) => socket.write(concat(Uint8Array.of(3, 0, 4), utf8('nope'))),
      want: 'refused: nope (not authenticated)',
    },
  ])('says so when a server $name', async ({ act, want }) => {
    await expect(dial(await fake(act))).rejects.toThrow(want);
  });

  test('refuses another protocol', async () => {
    await expect(dial(await fake(() => undefined, 'websocket'))).rejects.toThrow(
      'switched to another protocol',
    );
  });

  test('reads a handshake that comes byte by byte, with the early payload over three records', async () => {
    const url = await fake((socket, hello) => {
      const accepted = respond(control, hello);
      if (accepted === undefined) throw new Error('the client sent a bad initiation');
      const sealer = new RecordSealer(accepted.keys.send);
      const opener = new RecordOpener(accepted.keys.receive);
      const early = ['\xff\xff\xffTS', '\0\0\0\x02', '{}'].map(
        (text) => sealer.seal(Buffer.from(text, 'latin1')) ?? utf8(''),
      );
      for (const byte of concat(accepted.message, ...early)) socket.write(Uint8Array.of(byte));
      const inner = new Duplex({
        read: () => undefined,
        write: (chunk: Buffer, _encoding, done) => {
          socket.write(sealer.seal(chunk) ?? utf8(''), done);
        },
      });
      socket.on('data', (chunk: Buffer) => opener.feed(chunk, (plain) => inner.push(plain)));
      const session = http2.performServerHandshake(inner);
      session.on('stream', (stream) => {
        stream.respond({ ':status': 200 });
        stream.pipe(stream);
      });
    });
    const session = await dial(url);
    expect((await post(session, utf8('bytewise'))).body.toString()).toBe('bytewise');
  });

  test('a damaged record ends the session with one error', async () => {
    const url = await fake((socket, hello) => {
      const accepted = respond(control, hello);
      socket.write(concat(accepted?.message ?? utf8(''), Uint8Array.of(4, 0, 16), new Uint8Array(16)));
    });
    const session = await dial(url);
    expect((await session.closed)?.message).toContain('a record did not decrypt');
  });

  test('a port where nobody listens and a server that never answers are named', async () => {
    const dead = await listen(createServer());
    open.splice(0).forEach((thing) => {
      thing.close();
    });
    await expect(dial(new URL(`http://127.0.0.1:${dead}`))).rejects.toThrow(
      `dial control server http://127.0.0.1:${dead}: connection refused; check the address and that the server is running`,
    );
    const mute = await listen(createServer(() => undefined));
    await expect(dial(new URL(`http://127.0.0.1:${mute}`), { timeoutMs: 40 })).rejects.toThrow('timed out');
    const stop = new AbortController();
    const dialling = dial(new URL(`http://127.0.0.1:${mute}`), { signal: stop.signal });
    stop.abort(new Error('not needed any more'));
    await expect(dialling).rejects.toThrow('not needed any more');
  });

  test('what is no control server is told by its answer', async () => {
    const port = await listen(http.createServer((_request, response) => response.writeHead(404).end('no')));
    await expect(dial(new URL(`http://127.0.0.1:${port}`))).rejects.toThrow('POST /ts2021 answered 404');
  });
});

/** Node's own connections, and ready ones of somebody else's. */
const made: string[] = [];
const ways: readonly { readonly name: string; readonly by: Connect | undefined }[] = [
  { name: 'connections of its own', by: undefined },
  {
    name: 'connections that it is given',
    by: async ({ host, port }) => {
      made.push(`${host} ${port}`);
      const socket = connect(port, host);
      await once(socket, 'connect');
      return socket;
    },
  },
];

describe.each(ways)('the key of a server, over $name', ({ by }) => {
  async function keyServer(answer: http.RequestListener): Promise<URL> {
    return new URL(`http://127.0.0.1:${await listen(http.createServer(answer))}`);
  }
  const fetchKey = (url: URL): Promise<MachineKey> => fetchControlKey(url, AbortSignal.timeout(5_000), by);
  const body = JSON.stringify({ legacyPublicKey: ZERO_MACHINE_KEY, publicKey: controlKey });

  test('is fetched with our version, also behind a redirect', async () => {
    const asked: string[] = [];
    const url = await keyServer((request, response) => {
      asked.push(request.url ?? '');
      if (asked.length === 1) response.writeHead(302, { location: '/moved' }).end();
      else response.end(body);
    });
    expect(await fetchKey(url)).toBe(controlKey);
    expect(asked).toEqual(['/key?v=130', '/moved']);
  });

  test.each<{ name: string; answer: http.RequestListener; want: string }>([
    { name: 'another status', answer: (_q, r) => r.writeHead(404).end(), want: 'GET /key answered 404' },
    { name: 'no JSON', answer: (_q, r) => r.end('<html>'), want: 'did not answer with keys' },
    { name: 'no key', answer: (_q, r) => r.end('{"publicKey":7}'), want: 'did not answer with keys' },
    {
      name: 'a zero key',
      answer: (_q, r) => r.end(body.replaceAll(controlKey, ZERO_MACHINE_KEY)),
      want: 'too old',
    },
    { name: 'endless bytes', answer: (_q, r) => r.end(' '.repeat(70_000)), want: 'more than 64 KiB' },
    { name: 'circles', answer: (_q, r) => r.writeHead(302, { location: '/key' }).end(), want: 'in circles' },
    {
      name: 'a redirect to nowhere',
      answer: (_q, r) => r.writeHead(302, { location: 'file:///etc/passwd' }).end(),
      want: 'unusable address',
    },
  ])('is refused with its reason: $name', async ({ answer, want }) => {
    const url = await keyServer(answer);
    await expect(fetchKey(url)).rejects.toThrow(
      `${url.origin} is not a Rhumb or Tailscale-compatible control server: `,
    );
    await expect(fetchKey(url)).rejects.toThrow(want);
  });

  test('needs a trusted certificate', async () => {
    const server = https.createServer({ key: TEST_KEY, cert: TEST_CERT }, (_request, response) =>
      response.end(body),
    );
    const port = await listen(server);
    await expect(fetchKey(new URL(`https://127.0.0.1:${port}`))).rejects.toThrow(
      `dial control server https://127.0.0.1:${port}: its certificate is self-signed`,
    );
  });
});

test.each(ways)(
  'TLS is tried when plain HTTP fails, whatever the certificate, over $name',
  async ({ by }) => {
    const server = https.createServer({ key: TEST_KEY, cert: TEST_CERT });
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      acceptTs2021(request, socket, head, {
        controlKey: control,
        onSession: (session) =>
          session.on('stream', (stream) => {
            stream.respond({ ':status': 200 });
            stream.pipe(stream);
          }),
      }),
    );
    const port = await listen(server);
    for (const preferTls of [true, false]) {
      const session = await dial(new URL(`https://127.0.0.1:${port}`), { preferTls, connect: by });
      expect(session.via).toBe('https');
      expect((await post(session, utf8('over TLS'))).body.toString()).toBe('over TLS');
      if (by !== undefined) expect(made).toContain(`127.0.0.1 ${port}`);
    }
  },
);

test('a connection that cannot be made is told as one of its own would be', async () => {
  const refused = (host: string): Promise<never> =>
    Promise.reject(Object.assign(new Error(`connect ECONNREFUSED ${host}`), { code: 'ECONNREFUSED' }));
  const url = new URL('https://control.example');
  const never = new AbortController().signal;
  await expect(fetchControlKey(url, never, ({ host }) => refused(host))).rejects.toThrow(
    'dial control server https://control.example: connection refused; check the address',
  );
  await expect(dial(url, { connect: ({ host }) => refused(host) })).rejects.toThrow(
    'dial control server https://control.example: connection refused',
  );
});
