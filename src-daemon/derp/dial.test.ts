/** Dialling real TLS servers on loopback: whom we trust, fast start, session reuse, and servers that misbehave. */
import net, { type AddressInfo } from 'node:net';
import tls, { type TlsOptions } from 'node:tls';
import { afterEach, expect, test } from 'vitest';
import { toHex } from '#shared/bytes/hex.ts';
import { systemClock } from '#shared/node/clock.ts';
import { type SystemDialOptions, systemDial } from './dial.ts';
import { type Certificate, makeCertificate, metaCertificate } from './testing/certificates.ts';
import type { DerpNode, DerpRegion, Dial, Dialed } from './types.ts';

const clock = systemClock();
const KEY = '42'.repeat(32);
const authority = makeCertificate({ commonName: 'Test Authority', isAuthority: true });
const good = makeCertificate({ commonName: 'relay.example', dnsNames: ['relay.example'], issuer: authority });
const own = makeCertificate({ commonName: 'relay.example', dnsNames: ['relay.example'] });
const meta = metaCertificate(KEY);

const open: AsyncDisposable[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one[Symbol.asyncDispose]()));
});

interface Server {
  readonly port: number;
  /** Server names asked for, in order. */
  readonly names: (string | undefined)[];
  readonly reused: boolean[];
}

async function serve(chain: readonly Certificate[], options: TlsOptions = {}): Promise<Server> {
  const sockets = new Set<net.Socket>();
  const names: (string | undefined)[] = [];
  const reused: boolean[] = [];
  const server = tls.createServer({
    ...options,
    cert: chain.map(({ pem }) => pem).join(''),
    key: chain[0]?.keyPem,
  });
  server.on('connection', (socket) => sockets.add(socket));
  server.on('secureConnection', (socket) => {
    names.push(typeof socket.servername === 'string' ? socket.servername : undefined);
    reused.push(socket.isSessionReused());
    socket.on('error', () => undefined);
    socket.write('hi');
  });
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push({
    [Symbol.asyncDispose]: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  });
  return { port: (server.address() as AddressInfo).port, names, reused };
}

const node = (port: number, change: Partial<DerpNode> = {}): DerpNode =>
  ({
    Name: '1a',
    RegionID: 1,
    HostName: 'relay.example',
    IPv4: '127.0.0.1',
    IPv6: 'none',
    DERPPort: port,
    ...change,
  }) as DerpNode;
const region = { RegionID: 1, RegionCode: 'r1', RegionName: 'One' } as DerpRegion;
const never = new AbortController().signal;

const dialler = (options: Partial<SystemDialOptions> = {}): Dial =>
  systemDial({ clock, extraCa: [authority.pem], ...options });
/** Waits until the server has said something, so that its session tickets are here too. */
const heard = (dialed: Dialed): Promise<void> =>
  new Promise((resolve) =>
    dialed.stream.start({ data: () => resolve(), drained: () => undefined, closed: () => resolve() }),
  );

async function dialOne(dial: Dial, ...nodes: readonly DerpNode[]): Promise<Dialed> {
  const dialed = await dial({ region, nodes, prefersIpv6: false }, never);
  open.push({
    [Symbol.asyncDispose]: () => {
      dialed.stream.close();
      return Promise.resolve();
    },
  });
  await heard(dialed);
  return dialed;
}

const keyOf = ({ stream }: Dialed): string | undefined => stream.serverKey && toHex(stream.serverKey);

test('a certificate of a known authority for the name of the node is good, and its meta certificate is found', async () => {
  const server = await serve([good, authority, meta]);
  const dialed = await dialOne(dialler(), node(server.port));
  expect([keyOf(dialed), dialed.node.Name, dialed.stream.localIp, server.names]).toEqual([
    KEY,
    '1a',
    '127.0.0.1',
    ['relay.example'],
  ]);
});

test.each<[string, readonly Certificate[], Partial<DerpNode>, TlsOptions, string | undefined]>([
  ['no meta certificate', [good], {}, {}, undefined],
  ['TLS 1.2, where anybody could read it', [good, meta], {}, { maxVersion: 'TLSv1.2' }, undefined],
  [
    'a certificate for another name',
    [good, meta],
    { CertName: 'relay.example', HostName: 'front.example' },
    {},
    KEY,
  ],
  ['no verification at all', [own, meta], { InsecureForTests: true, HostName: 'x.example' }, {}, KEY],
  ['a pin', [own, meta], { CertName: `sha256-raw:${own.sha256}` }, {}, KEY],
  ['a pin without meta certificate', [own], { CertName: `sha256-raw:${own.sha256}` }, {}, undefined],
  [
    'a pin and an address',
    [own, meta],
    { CertName: `sha256-raw:${own.sha256}`, HostName: '127.0.0.1' },
    {},
    KEY,
  ],
])('connects with %s', async (_, chain, change, options, key) => {
  const server = await serve(chain, options);
  expect(keyOf(await dialOne(dialler(), node(server.port, change)))).toBe(key);
});

test('the name of the handshake is that of the node, and none for an address', async () => {
  const server = await serve([own]);
  const pin = { CertName: `sha256-raw:${own.sha256}` };
  await dialOne(dialler(), node(server.port, { HostName: 'a.example', InsecureForTests: true }));
  await dialOne(dialler(), node(server.port, { ...pin, HostName: '127.0.0.1' }));
  expect(server.names).toEqual(['a.example', undefined]);
});

const HOUR = 3_600_000;
const expired = makeCertificate({
  commonName: 'relay.example',
  dnsNames: ['relay.example'],
  validFromMs: Date.now() - 2 * HOUR,
  validToMs: Date.now() - HOUR,
});
const early = makeCertificate({
  commonName: 'relay.example',
  dnsNames: ['relay.example'],
  validFromMs: Date.now() + HOUR,
});

test.each<[string, readonly Certificate[], Partial<DerpNode>, string]>([
  ['an unknown authority', [own], {}, 'its certificate is self-signed'],
  ['another name', [good], { HostName: 'other.example' }, 'its certificate is for another name'],
  [
    'another name than the map wants',
    [good],
    { CertName: 'other.example' },
    'its certificate is for another name',
  ],
  ['a name for an address', [good], { HostName: '127.0.0.1' }, 'its certificate is for another name'],
  ['the wrong pin', [own], { CertName: `sha256-raw:${good.sha256}` }, 'not the one that the relay map pins'],
  [
    'one certificate too many',
    [own, authority],
    { CertName: `sha256-raw:${own.sha256}` },
    'more certificates',
  ],
  [
    'a pinned one for another name',
    [own],
    { CertName: `sha256-raw:${own.sha256}`, HostName: 'b.example' },
    'another name',
  ],
  [
    'a pinned one that has expired',
    [expired, meta],
    { CertName: `sha256-raw:${expired.sha256}` },
    'has expired',
  ],
  ['a pinned one of the future', [early], { CertName: `sha256-raw:${early.sha256}` }, 'is the clock right'],
  ['a malformed pin', [own], { CertName: 'sha256-raw:12' }, 'malformed certificate pin'],
])('refuses %s', async (_, chain, change, why) => {
  const server = await serve(chain);
  await expect(dialOne(dialler(), node(server.port, change))).rejects.toThrow(why);
});

test.each<[string, Partial<DerpNode>, readonly Certificate[]]>([
  ['a name', {}, [good, meta]],
  ['a pin', { CertName: `sha256-raw:${own.sha256}` }, [own, meta]],
])('the session of a relay that took us is taken up again, with its key: %s', async (_, change, chain) => {
  const server = await serve(chain);
  const dial = dialler();
  await dialOne(dial, node(server.port, change));
  const second = await dialOne(dial, node(server.port, change));
  // Nobody took us yet: nothing is kept.
  expect(server.reused).toEqual([false, false]);
  second.stream.admitted();
  const third = await dialOne(dial, node(server.port, change));
  expect([server.reused.at(-1), keyOf(third)]).toEqual([true, KEY]);
  // Used once.
  await dialOne(dial, node(server.port, change));
  expect(server.reused.at(-1)).toBe(false);
});

test('the next node is tried, and the first failure told when none is left', async () => {
  const server = await serve([good]);
  const bad = await serve([own]);
  const dial = dialler();
  const dialed = await dialOne(
    dial,
    node(bad.port),
    node(1, { Name: '1b' }),
    node(server.port, { Name: '1c' }),
  );
  expect(dialed.node.Name).toBe('1c');
  await expect(dialOne(dial, node(1, { Name: '1b' }), node(bad.port))).rejects.toThrow(
    'dial relay 1b: connection refused',
  );
  await expect(dialOne(dial)).rejects.toThrow('region 1 has no relay in the relay map');
});

async function raw(onSocket: (socket: net.Socket) => void): Promise<number> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push({
    [Symbol.asyncDispose]: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  });
  return (server.address() as AddressInfo).port;
}

test('a server that speaks something else, or closes, is a failure with words', async () => {
  const http = await raw((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  await expect(dialOne(dialler(), node(http))).rejects.toThrow(
    /it does not speak TLS there|the TLS handshake failed/,
  );
  const shut = await raw((socket) => socket.destroy());
  await expect(dialOne(dialler(), node(shut))).rejects.toThrow(
    /connection reset|closed the connection|disconnected/,
  );
});

test('a server that says nothing is left when the caller has had enough', async () => {
  const connected = Promise.withResolvers<net.Socket>();
  const port = await raw((socket) => connected.resolve(socket));
  const stop = new AbortController();
  const dialing = dialler()({ region, nodes: [node(port)], prefersIpv6: false }, stop.signal);
  const socket = await connected.promise;
  const closed = new Promise((resolve) => socket.on('close', resolve));
  socket.resume();
  stop.abort(new Error('enough'));
  await expect(dialing).rejects.toThrow('enough');
  await closed;
});

test('a node that accepts and says nothing does not hide the others of its region', async () => {
  const spokenTo = Promise.withResolvers<void>();
  const silent = await raw((socket) => socket.on('data', () => spokenTo.resolve()));
  const server = await serve([good]);
  const shares: (() => void)[] = [];
  const after = (ms: number, fn: () => void): (() => void) => {
    if (ms === 4_000) shares.push(fn);
    return () => undefined;
  };
  const dial = dialler({ clock: { ...clock, after } });
  const dialing = dialOne(dial, node(silent), node(server.port, { Name: '1b' }));
  await spokenTo.promise;
  // Its share of the time is over; the last node has all that is left.
  for (const over of shares) over();
  expect([(await dialing).node.Name, shares.length]).toEqual(['1b', 1]);
});

test('names are resolved, and the last address is kept for when they are not', async () => {
  const server = await serve([good]);
  const answers = [['127.0.0.1'], []];
  const dial = dialler({ resolve: () => Promise.resolve(answers.shift() ?? []) });
  const byName = node(server.port, { IPv4: '' });
  for (let i = 0; i < 2; i++) expect((await dialOne(dial, byName)).node.Name).toBe('1a');
  expect(answers).toEqual([]);
  await expect(dialOne(dialler({ resolve: () => Promise.resolve([]) }), byName)).rejects.toThrow(
    'no such host',
  );
});

test('sockets come from where they are wanted from', async () => {
  const server = await serve([good]);
  const targets: string[] = [];
  const dial = dialler({
    connect: ({ host, port, family }) => {
      targets.push(`${family} ${host}:${port}`);
      return new Promise((resolve) => {
        const socket = net.connect(server.port, '127.0.0.1', () => resolve(socket));
      });
    },
  });
  await dialOne(dial, node(7, { IPv4: '192.0.2.1' }));
  expect(targets).toEqual(['4 192.0.2.1:7']);
});
