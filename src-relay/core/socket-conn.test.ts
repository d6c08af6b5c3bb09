/** The relay over real sockets on loopback: a stream cut anywhere, bulk both ways, and a client that does not read. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { concat } from '#shared/bytes/bytes.ts';
import { generatePrivate } from '#shared/crypto/x25519.ts';
import { FrameReader } from '#shared/derp/frame-reader.ts';
import { FrameType } from '#shared/derp/frames.ts';
import * as m from '#shared/derp/messages.ts';
import { silent } from '#shared/log/log.ts';
import { systemClock } from '#shared/node/clock.ts';
import { RelayServer } from './server.ts';
import { socketConn } from './socket-conn.ts';
import { TestClient } from './testing/client.ts';

const cleanup: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of cleanup.splice(0).reverse()) await end();
});

interface Listening {
  readonly relay: RelayServer;
  readonly port: number;
}

async function listening(): Promise<Listening> {
  const relay = new RelayServer({
    clock: systemClock(),
    random: () => 0.5,
    log: silent,
    privateKey: generatePrivate(),
  });
  const server: Server = createServer((socket) => {
    void relay.accept(socketConn(socket), { remote: undefined, transport: 'derp', isIdeal: true });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanup.push(() => void server.close());
  cleanup.push(() => relay.closeAll({ reconnectInMs: 0, tryForMs: 0 }));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('no port');
  return { relay, port: address.port };
}

interface Client {
  readonly key: Uint8Array;
  readonly socket: Socket;
  /** The next packet for us. */
  packet(): Promise<Uint8Array>;
}

async function join({ relay, port }: Listening): Promise<Client> {
  const who = new TestClient();
  const socket = connect(port, '127.0.0.1');
  cleanup.push(() => void socket.destroy());
  const reader = new FrameReader(() => 1 << 20);
  const waiting: ((payload: Uint8Array) => void)[] = [];
  const packets: Uint8Array[] = [];
  const info = Promise.withResolvers<void>();
  socket.on('data', (chunk) => {
    reader.push(chunk);
    for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
      if (frame.type === FrameType.ServerInfo) info.resolve();
      if (frame.type !== FrameType.RecvPacket) continue;
      const packet = Uint8Array.from(frame.payload);
      const next = waiting.shift();
      if (next === undefined) packets.push(packet);
      else next(packet);
    }
  });
  socket.write(who.hello(relay));
  await info.promise;
  const packet = async (): Promise<Uint8Array> =>
    packets.shift() ?? new Promise<Uint8Array>((resolve) => waiting.push(resolve));
  return { key: who.raw, socket, packet };
}

test('packets of all sizes arrive whole and in order, byte by byte at first', async () => {
  const server = await listening();
  const [a, b] = [await join(server), await join(server)];
  const sizes = [0, 1, 61, 62, 1_400, 9_000, 65_535, 65_536];
  const frames = sizes.map((size) => m.encodeSendPacket(b.key, new Uint8Array(size).fill(size)));
  const stream = concat(...frames);
  for (let i = 0; i < 200; i++) a.socket.write(stream.subarray(i, i + 1));
  a.socket.write(stream.subarray(200));
  for (const size of sizes) {
    const packet = await b.packet();
    expect(packet.subarray(0, 32)).toEqual(a.key);
    expect(packet.length - 32).toBe(size);
    expect(packet.subarray(32).every((byte) => byte === (size & 255))).toBe(true);
  }
});

test('a flow within the queue loses nothing, both ways at once', async () => {
  const server = await listening();
  const [a, b] = [await join(server), await join(server)];
  const flow = async (from: Client, to: Client): Promise<number> => {
    let sent = 0;
    for (let got = 0; got < 2_000; got++) {
      for (; sent < got + 24 && sent < 2_000; sent++) {
        const packet = new Uint8Array(1_400).fill(sent);
        from.socket.write(m.encodeSendPacket(to.key, packet));
      }
      const packet = await to.packet();
      if (packet[32] !== (got & 255)) return got;
    }
    return sent;
  };
  expect(await Promise.all([flow(a, b), flow(b, a)])).toEqual([2_000, 2_000]);
  expect(server.relay.stats().counters.droppedPackets.every((count) => count === 0)).toBe(true);
});

test('what is kept for a client that does not read is bounded, and others are served meanwhile', async () => {
  const server = await listening();
  const [a, slow, other] = [await join(server), await join(server), await join(server)];
  slow.socket.pause();
  const block = concat(
    ...Array.from({ length: 100 }, () => m.encodeSendPacket(slow.key, new Uint8Array(60_000))),
  );
  // 60 MB, far above what the kernel takes for a reader that stands still.
  for (let i = 0; i < 10; i++) if (!a.socket.write(block)) await once(a.socket, 'drain');
  a.socket.write(m.encodeSendPacket(other.key, new Uint8Array(1)));
  await other.packet();
  const { counters } = server.relay.stats();
  const dropped = counters.droppedPackets.reduce((sum, count) => sum + count, 0);
  expect(counters.packetsReceived).toBe(1_001);
  expect(dropped).toBeGreaterThan(100);
  slow.socket.resume();
  await slow.packet();
});

test('a socket whose other end takes nothing says so, until that takes something', async () => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  cleanup.push(() => void server.close());
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('no port');
  const near = connect(address.port, '127.0.0.1');
  const [far] = (await once(server, 'connection')) as [Socket];
  cleanup.push(
    () => void near.destroy(),
    () => void far.destroy(),
  );
  const conn = socketConn(near);
  const drained = new Promise<void>((resolve) =>
    conn.start({ data: () => undefined, closed: () => undefined, drained: resolve }),
  );
  expect([conn.isStalled(), conn.isStalled()]).toEqual([false, false]);
  // More than the kernel takes for a reader that stands still.
  expect(conn.send(new Uint8Array(32 << 20))).toBe(false);
  conn.isStalled();
  expect(conn.isStalled()).toBe(true);
  far.resume();
  await drained;
  expect(conn.isStalled()).toBe(false);
});

test('a client that goes away is forgotten', async () => {
  const server = await listening();
  const [a, b] = [await join(server), await join(server)];
  expect(server.relay.stats().connections).toBe(2);
  a.socket.end();
  b.socket.resetAndDestroy();
  await Promise.all([once(a.socket, 'close'), once(b.socket, 'close')]);
  await expect.poll(() => server.relay.stats().connections).toBe(0);
});
