/** The daemon's own sockets behave like Node's; whether they are marked needs privileges and is the lab's to show. */
import { readdirSync } from 'node:fs';
import { type AddressInfo, createServer, connect as plainConnect, type Server, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { outsideSockets } from './sockets.ts';

const isLinux = process.platform === 'linux';
const log = Object.assign(() => undefined, { child: () => log }) as never;
const { connectTcp, openUdp } = outsideSockets({ log, wayOut: () => ({ kind: 'none' }) });
const never = new AbortController().signal;

let server: Server;
let port = 0;
const accepted: Socket[] = [];

beforeAll(async () => {
  server = createServer({ keepAlive: true }, (socket) => {
    accepted.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (data) => void socket.write(data));
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  port = (server.address() as AddressInfo).port;
});
afterAll(() => {
  for (const socket of accepted) socket.destroy();
  server.close();
});

const once = (socket: Socket, event: string): Promise<unknown> =>
  new Promise((resolve) => socket.once(event, resolve));
const openFiles = (): number => readdirSync('/proc/self/fd').length;
const failure = async (work: Promise<unknown>): Promise<Readonly<Record<string, unknown>>> => {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  const { code, syscall, errno, address, port: at, message } = error as Record<string, unknown>;
  return { code, syscall, errno, address, port: at, message };
};

test('gives an open socket that knows both ends, carries data and ends', async () => {
  const socket = await connectTcp({ host: '127.0.0.1', port }, never);
  expect(socket.connecting).toBe(false);
  expect(socket.readyState).toBe('open');
  expect([socket.localAddress, socket.remoteAddress, socket.remotePort, socket.remoteFamily]).toEqual([
    '127.0.0.1',
    '127.0.0.1',
    port,
    'IPv4',
  ]);
  expect(() => socket.setKeepAlive(true, 1_000).setNoDelay(true).setTimeout(0)).not.toThrow();
  socket.write('hello');
  expect(String(await once(socket, 'data'))).toBe('hello');
  const closed = once(socket, 'close');
  socket.end();
  accepted.at(-1)?.end();
  await closed;
  expect(socket.destroyed).toBe(true);
});

test('connects from the address that is asked for', async () => {
  const socket = await connectTcp({ host: '127.0.0.1', port, from: '127.0.0.9' }, never);
  expect(socket.localAddress).toBe('127.0.0.9');
  socket.destroy();
});

test.runIf(isLinux)('fails word for word as a socket of Node does', async () => {
  const plain = new Promise((_, reject) => {
    plainConnect(1, '127.0.0.1').on('error', reject);
  });
  expect(await failure(connectTcp({ host: '127.0.0.1', port: 1 }, never))).toEqual(await failure(plain));
  expect(await failure(connectTcp({ host: '127.0.0.1', port, from: '203.0.113.9' }, never))).toMatchObject({
    code: 'EADDRNOTAVAIL',
    syscall: 'bind',
  });
});

test('a name is refused: looking it up is another’s work', async () => {
  await expect(connectTcp({ host: 'localhost', port }, never)).rejects.toThrow('it is no IP address');
});

test.runIf(isLinux)('neither success nor failure nor abort leaves a descriptor behind', async () => {
  const before = openFiles();
  for (let n = 0; n < 20; n++) {
    const ending = new AbortController();
    // Abort wins: the connection is there, but has not been seen yet.
    const aborted = connectTcp({ host: '127.0.0.1', port }, ending.signal);
    ending.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    await expect(connectTcp({ host: '127.0.0.1', port: 1 }, never)).rejects.toThrow('ECONNREFUSED');
    await expect(connectTcp({ host: '127.0.0.1', port }, AbortSignal.abort(new Error('no')))).rejects.toThrow(
      'no',
    );
    const socket = await connectTcp({ host: '127.0.0.1', port }, never);
    const closed = once(socket, 'close');
    socket.destroy();
    await closed;
    // A signal that comes too late closes nothing that another has by now.
    ending.abort();
  }
  for (const socket of accepted.splice(0)) socket.destroy();
  for (let n = 0; n < 50 && openFiles() > before; n++) await setImmediate();
  expect(openFiles()).toBeLessThanOrEqual(before);
});

test('UDP sockets come bound, of one family, and carry datagrams', async () => {
  const [a, b] = [await openUdp({ family: 4, ip: '127.0.0.1' }), await openUdp({ family: 4 })];
  const heard = new Promise((resolve) => a.once('message', resolve));
  b.send('hello', a.address().port, '127.0.0.1');
  expect(String(await heard)).toBe('hello');
  await expect(openUdp({ family: 4, ip: '127.0.0.1', port: a.address().port })).rejects.toThrow('EADDRINUSE');
  a.close();
  b.close();
});

test('a port may be shared with other programs', async () => {
  const first = await openUdp({ family: 4, ip: '127.0.0.1', shared: true });
  const second = await openUdp({ family: 4, ip: '127.0.0.1', port: first.address().port, shared: true });
  expect(second.address().port).toBe(first.address().port);
  first.close();
  second.close();
});
