/** The system's sockets on loopback: both families, refusals in words, and errors of sending. */
import { expect, test } from 'vitest';
import type { SockAddr } from '#shared/ip/address.ts';
import { silent } from '#shared/log/log.ts';
import type { UdpSocket } from './types.ts';
import { systemSockets } from './udp-sockets.ts';

interface Opened extends AsyncDisposable {
  readonly socket: UdpSocket;
  readonly received: { readonly from: SockAddr; readonly data: Uint8Array }[];
  next(): Promise<void>;
  readonly failed: Promise<{ readonly to: SockAddr; readonly code: string }>;
}

async function open(family: 4 | 6, port = 0): Promise<Opened> {
  const received: { from: SockAddr; data: Uint8Array }[] = [];
  const failure = Promise.withResolvers<{ to: SockAddr; code: string }>();
  let arrived = Promise.withResolvers<void>();
  const socket = await systemSockets(silent).open({
    family,
    port,
    receive: (from, data) => {
      received.push({ from, data: new Uint8Array(data) });
      arrived.resolve();
      arrived = Promise.withResolvers<void>();
    },
    failed: (error) => failure.reject(error),
    sendFailed: (to, code) => failure.resolve({ to, code }),
  });
  return {
    socket,
    received,
    next: () => arrived.promise,
    failed: failure.promise,
    [Symbol.asyncDispose]: () => socket.close(),
  };
}

test.each([
  { family: 4, ip: '127.0.0.1' },
  { family: 6, ip: '::1' },
] as const)('datagrams travel over IPv$family', async ({ family, ip }) => {
  await using a = await open(family);
  await using b = await open(family);
  const arrived = b.next();
  a.socket.send({ ip, port: b.socket.port }, Uint8Array.of(1, 2, 3));
  await arrived;
  expect(b.received).toEqual([{ from: { ip, port: a.socket.port }, data: Uint8Array.of(1, 2, 3) }]);
});

test('a port in use is a conflict that says what to do', async () => {
  await using a = await open(4);
  await expect(open(4, a.socket.port)).rejects.toMatchObject({
    code: 'conflict',
    message: expect.stringContaining('another program uses it'),
  });
});

test('the IPv6 socket leaves the IPv4 port alone', async () => {
  await using a = await open(4);
  await using b = await open(6, a.socket.port);
  expect(b.socket.port).toBe(a.socket.port);
});

test('a datagram that is too long is told by name, and the socket lives on', async () => {
  await using a = await open(4);
  await using b = await open(4);
  a.socket.send({ ip: '127.0.0.1', port: b.socket.port }, new Uint8Array(65_530));
  expect(await a.failed).toEqual({ to: { ip: '127.0.0.1', port: b.socket.port }, code: 'EMSGSIZE' });
  const arrived = b.next();
  a.socket.send({ ip: '127.0.0.1', port: b.socket.port }, Uint8Array.of(1));
  await arrived;
});

test('five hundred small sockets have five hundred ports', async () => {
  const factory = systemSockets(silent);
  const sockets = await Promise.all(
    Array.from({ length: 500 }, () =>
      factory.open({
        family: 4,
        port: 0,
        bufferBytes: 65_536,
        dontFragment: true,
        receive: () => undefined,
        failed: (error) => expect.unreachable(error.message),
      }),
    ),
  );
  expect(new Set(sockets.map(({ port }) => port)).size).toBe(500);
  await Promise.all(sockets.map((socket) => socket.close()));
});

test('a closed socket sends nothing and closes twice', async () => {
  const a = await open(4);
  await a.socket.close();
  await a.socket.close();
  a.socket.send({ ip: '127.0.0.1', port: 9 }, Uint8Array.of(1));
});
