/** DNS over TCP with clients that do not keep to what is polite. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { DnsTcpServer } from './tcp-server.ts';

const LOOPBACK = '127.0.0.1';
const QUESTION = Uint8Array.of(0, 17, ...new Uint8Array(17));

async function open(
  answer: () => Uint8Array | Promise<Uint8Array>,
): Promise<{ socket: Socket; asked: () => number }> {
  let asked = 0;
  const server = await DnsTcpServer.listen({
    ip: LOOPBACK,
    onlyFrom: LOOPBACK,
    resolver: {
      answer: () => {
        asked++;
        return answer();
      },
    },
  });
  onTestFinished(async () => await server[Symbol.asyncDispose]());
  const socket = connect({ host: LOOPBACK, port: server.port });
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return { socket, asked: () => asked };
}

const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
};

test('a client that does not read its answers gets no more of them made, and all of them when it does', async () => {
  const count = 1_000;
  const { socket, asked } = await open(() => new Uint8Array(60_000));
  socket.pause();
  socket.end(Buffer.concat(Array.from({ length: count }, () => QUESTION)));
  await once(socket, 'finish');
  await turns(500);
  // What the kernel takes for both sides, and what was under way.
  expect(asked()).toBeLessThan(400);
  let received = 0;
  socket.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  socket.resume();
  await once(socket, 'close');
  expect(asked()).toBe(count);
  expect(received).toBe(count * 60_002);
});

test('a client that has no more to ask still hears what it asked before', async () => {
  const later = Promise.withResolvers<Uint8Array>();
  const { socket } = await open(() => later.promise);
  socket.end(QUESTION);
  const got: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => got.push(chunk));
  await once(socket, 'finish');
  await turns(20);
  later.resolve(Uint8Array.of(7));
  await once(socket, 'close');
  expect([...Buffer.concat(got)]).toEqual([0, 1, 7]);
});
