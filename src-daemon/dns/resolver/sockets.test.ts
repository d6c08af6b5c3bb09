/** Upstream sockets against real servers on the loopback: UDP shared and alone, TCP. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { FakeClock, settle } from '#shared/testing/fake-clock.ts';
import { answering, decoded, never, queryFor, world } from '../testing/world.ts';
import { upstreamSockets } from './sockets.ts';
import type { UdpExchange } from './types.ts';

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

const A = (name: string) => [{ type: 'A' as const, name, ttl: 60, data: '192.0.2.99' }];
const plain = (clock: FakeClock) =>
  upstreamSockets(
    {
      openUdp: () => Promise.reject(new Error('nothing is marked here')),
      connectTcp: () => Promise.reject(new Error('nothing is marked here')),
    },
    clock,
  );

async function udpServer(): Promise<{
  readonly port: number;
  readonly seen: Set<number>;
  readonly server: Socket;
}> {
  const server = createSocket('udp4');
  const seen = new Set<number>();
  server.on('message', (datagram, from) => {
    seen.add(from.port);
    for (const answer of answering(A('x'))(datagram)) server.send(answer, from.port, from.address);
  });
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  open.push(() => server.close());
  return { port: server.address().port, seen, server };
}

describe('UDP', () => {
  test('few questions get a port each, many share sixteen, and after two seconds all are other ones', async () => {
    const { port, seen } = await udpServer();
    const clock = new FakeClock();
    const sockets = plain(clock);
    const exchanges: UdpExchange[] = [];
    const ask = async (count: number): Promise<void> => {
      let left = count;
      const { promise, resolve } = Promise.withResolvers<void>();
      for (let i = 0; i < count; i++) {
        let isMine = true;
        const receive = (): void => {
          if (isMine && --left === 0) resolve();
          isMine = false;
        };
        const to = { ip: '127.0.0.1', port };
        const exchange = await sockets.openUdp(to, { mark: false, receive, failed: () => undefined });
        exchanges.push(exchange);
        exchange.send(queryFor('x', 'A'));
      }
      await promise;
      for (const exchange of exchanges.splice(0)) exchange[Symbol.dispose]();
    };
    await ask(3);
    expect(seen.size).toBe(3);
    await ask(60);
    expect(seen.size).toBe(16);
    await clock.advance(2_100);
    await ask(1);
    expect(seen.size).toBe(17);
    await clock.advance(2_100);
    await settle();
    expect(clock.pending).toBe(0);
  });

  test('no question is lost when a socket has served enough of them', async () => {
    const { port } = await udpServer();
    const clock = new FakeClock();
    const sockets = plain(clock);
    for (let i = 0; i < 5_000; i++) {
      const { promise, resolve, reject } = Promise.withResolvers<unknown>();
      const to = { ip: '127.0.0.1', port };
      using exchange = await sockets.openUdp(to, { mark: false, receive: resolve, failed: reject });
      exchange.send(queryFor('x', 'A'));
      await promise;
    }
    await clock.advance(2_100);
    expect(clock.pending).toBe(0);
  });

  test('a port where nobody listens fails at once', async () => {
    const { port, server } = await udpServer();
    server.close();
    open.length = 0;
    const clock = new FakeClock();
    const { promise, resolve } = Promise.withResolvers<Error>();
    const exchange = await plain(clock).openUdp(
      { ip: '127.0.0.1', port },
      { mark: false, receive: () => undefined, failed: resolve },
    );
    exchange.send(queryFor('x', 'A'));
    expect((await promise).message).toContain('ECONNREFUSED');
    exchange[Symbol.dispose]();
    expect(clock.pending).toBe(0);
  });
});

describe('TCP', () => {
  test('a client that came by TCP gets the whole answer though UDP is silent', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (chunk) => {
        for (const answer of answering(A('example.com'))(chunk.subarray(2))) {
          const length = Buffer.from([answer.length >> 8, answer.length & 255]);
          // In pieces, as a network may.
          socket.write(length);
          socket.write(answer.subarray(0, 5));
          setImmediate(() => socket.write(answer.subarray(5)));
        }
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    open.push(() => server.close());
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const all = world(
      { defaults: [{ addr: `127.0.0.1:${port}`, bootstrap: [] }] },
      {
        sockets: {
          openUdp: async () => ({ send: () => undefined, [Symbol.dispose]: () => undefined }),
          connectTcp: async (to) => {
            const socket = connect(to.port, to.ip);
            await once(socket, 'connect');
            return socket;
          },
        },
      },
    );
    const answer = await all.resolver.answer(queryFor('example.com', 'A'), {
      transport: 'tcp',
      signal: never,
    });
    expect(decoded(answer).answers).toMatchObject([{ data: '192.0.2.99' }]);
  });
});
