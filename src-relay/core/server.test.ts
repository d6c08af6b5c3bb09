/** What a relay does for its clients: handshake, admission, packets, gone notices, pings, homes, goodbyes. */
import { expect, test } from 'vitest';
import { concat, utf8 } from '#shared/bytes/bytes.ts';
import { encodeFrame, FrameType } from '#shared/derp/frames.ts';
import * as m from '#shared/derp/messages.ts';
import { settle } from '#shared/testing/fake-clock.ts';
import { discoPacket, TestClient } from './testing/client.ts';
import { testRelay } from './testing/relay.ts';

test('a client is greeted, let in, and its packets arrive under its name, in order', async () => {
  const { server } = testRelay();
  const a = await new TestClient().join(server);
  const b = await new TestClient().join(server);
  expect(a.opensServerInfo(server)).toBe(true);
  a.send(b, utf8('one'));
  a.send(b, utf8('two'));
  b.send(a, utf8('three'));
  a.send(a, utf8('to myself'));
  await settle();
  expect(b.packets()).toEqual([
    { from: a.key, packet: utf8('one') },
    { from: a.key, packet: utf8('two') },
  ]);
  expect(a.packets()).toEqual([
    { from: b.key, packet: utf8('three') },
    { from: a.key, packet: utf8('to myself') },
  ]);
  expect(server.clients().map((client) => client.key)).toEqual([a.key, b.key]);
});

test('the greeting goes out at once, before anything is asked', () => {
  const { server } = testRelay();
  const a = new TestClient();
  a.connect(server);
  expect(m.decodeServerKey(concat(...a.wire.received).subarray(5))).toHaveLength(32);
});

test('what came before the connection was handed over is not lost (fast start)', async () => {
  const { server } = testRelay();
  const b = await new TestClient().join(server);
  const a = new TestClient();
  a.wire.write(concat(a.hello(server), m.encodeSendPacket(b.raw, utf8('early'))));
  void server.accept(a.wire, { remote: undefined, transport: 'derp', isIdeal: true });
  await settle();
  expect(b.packets()).toEqual([{ from: a.key, packet: utf8('early') }]);
});

test('packets for several clients in one chunk each find their way', async () => {
  const { server } = testRelay();
  const [a, b, c] = await Promise.all([1, 2, 3].map(() => new TestClient().join(server)));
  if (a === undefined || b === undefined || c === undefined) throw new TypeError();
  const to = (client: TestClient, text: string): Uint8Array => m.encodeSendPacket(client.raw, utf8(text));
  a.wire.write(
    concat(to(b, '1'), to(b, '2'), to(c, '3'), m.encodePing(new Uint8Array(8)), to(b, '4'), to(c, '5')),
  );
  await settle();
  const texts = (client: TestClient): string[] =>
    client.packets().map(({ packet }) => new TextDecoder().decode(packet));
  expect(texts(b)).toEqual(['1', '2', '4']);
  expect(texts(c)).toEqual(['3', '5']);
});

test.each([
  ['an unknown frame first', encodeFrame(0x77, new Uint8Array(100))],
  ['a packet first', m.encodeSendPacket(new Uint8Array(32), new Uint8Array(100))],
  ['a client info too short', encodeFrame(FrameType.ClientInfo, new Uint8Array(55))],
  ['a client info too long, by its header alone', Uint8Array.of(2, 0, 4, 0, 1)],
  ['a box of nonsense', encodeFrame(FrameType.ClientInfo, new Uint8Array(200).fill(7))],
  ['a key of low order', encodeFrame(FrameType.ClientInfo, new Uint8Array(200))],
])('the connection ends at %s', async (_, bytes) => {
  const { server } = testRelay();
  const a = new TestClient();
  a.connect(server);
  a.wire.write(bytes);
  await settle();
  expect(a.ended).toBe(true);
  expect(a.wire.isDestroyed).toBe(true);
  expect(server.stats()).toMatchObject({
    connections: 0,
    handshaking: 0,
    counters: { refused: { handshake: 1 } },
  });
});

test('who does not shake hands within ten seconds is closed, and no timer stays', async () => {
  const { server, clock } = testRelay();
  const a = new TestClient();
  a.connect(server);
  a.wire.write(Uint8Array.of(2, 0));
  await clock.advance(9_900);
  expect(a.ended).toBe(false);
  await clock.advance(700);
  expect(a.ended).toBe(true);
  expect(server.stats().counters.refused.timeout).toBe(1);
  expect(clock.pending).toBe(0);
});

test('admission decides, and what came meanwhile waits for it', async () => {
  const asked: string[] = [];
  const answer = Promise.withResolvers<boolean>();
  const { server } = testRelay({
    verify: async (key, source) => {
      asked.push(`${key} ${source}`);
      return answer.promise;
    },
  });
  const a = await new TestClient().join(server);
  a.send(a, utf8('x'));
  await settle();
  expect(a.wire.isPaused).toBe(true);
  expect(a.packets()).toEqual([]);
  expect(asked).toEqual([`${a.key} 192.0.2.1`]);
  answer.resolve(true);
  await settle();
  expect(a.wire.isPaused).toBe(false);
  expect(a.packets()).toEqual([{ from: a.key, packet: utf8('x') }]);
});

test.each([
  ['says no', async () => false],
  ['fails', async () => Promise.reject(new Error('out of reach'))],
])('a client is closed when admission %s', async (_, verify) => {
  const { server } = testRelay({ verify });
  const a = await new TestClient().join(server);
  await settle();
  expect(a.ended).toBe(true);
  expect(server.stats()).toMatchObject({ connections: 0, counters: { refused: { admission: 1 } } });
});

test('an admission that is no longer wanted is told so', async () => {
  const told: unknown[] = [];
  const { server, clock } = testRelay({
    verify: (_, __, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          told.push(signal.reason);
          reject(signal.reason);
        });
      }),
  });
  const gone = await new TestClient().join(server);
  gone.wire.leave();
  const slow = await new TestClient().join(server);
  await clock.advance(16_000);
  await settle();
  expect(told).toHaveLength(2);
  expect([gone.ended, slow.ended]).toEqual([true, true]);
});

test('a packet for nobody is dropped and counted', async () => {
  const { server } = testRelay();
  const a = await new TestClient().join(server);
  a.send(new Uint8Array(32), utf8('x'));
  await settle();
  expect(a.got()).toEqual([]);
  expect(server.metricsText()).toContain('derp_packets_dropped{reason="unknown_dest",kind="other"} 1\n');
  expect(server.metricsText()).toContain('derp_bytes_dropped{reason="unknown_dest",kind="other"} 1\n');
});

test('"not here" answers disco alone, three at once and then one per second', async () => {
  const { server, clock } = testRelay();
  const a = await new TestClient().join(server);
  const nobody = new Uint8Array(32).fill(9);
  const notHere = { type: FrameType.PeerGone, payload: concat(nobody, Uint8Array.of(1)) };
  for (let i = 0; i < 10; i++) a.send(nobody, discoPacket());
  a.send(nobody, new Uint8Array(100));
  a.send(nobody, discoPacket().subarray(0, 61));
  await settle();
  expect(a.got()).toEqual([notHere, notHere, notHere]);
  await clock.advance(1_000);
  for (let i = 0; i < 10; i++) a.send(nobody, discoPacket());
  await settle();
  expect(a.got()).toEqual([notHere]);
});

test('who had packets from a client is told when it leaves, once, and again after it came back', async () => {
  const { server } = testRelay();
  const a = await new TestClient().join(server);
  const b = await new TestClient().join(server);
  const stranger = await new TestClient().join(server);
  for (let round = 0; round < 2; round++) {
    a.send(b, utf8('x'));
    a.send(b, utf8('y'));
    await settle();
    b.got();
    a.wire.leave();
    await settle();
    expect(b.got()).toEqual([{ type: FrameType.PeerGone, payload: concat(a.raw, Uint8Array.of(0)) }]);
    await a.join(server);
  }
  expect(stranger.got()).toEqual([]);
});

test('nobody is told of one who left before', async () => {
  const { server } = testRelay();
  const a = await new TestClient().join(server);
  const b = await new TestClient().join(server);
  a.send(b, utf8('x'));
  await settle();
  b.wire.leave();
  a.wire.leave();
  await settle();
  expect(server.stats()).toMatchObject({ connections: 0, peersTotal: 0, peersLocal: 0 });
});

test('a ping is answered with its first eight bytes', async () => {
  const { server } = testRelay();
  const a = await new TestClient().join(server);
  a.wire.write(
    encodeFrame(
      FrameType.Ping,
      Uint8Array.from({ length: 1_000 }, (_, i) => i),
    ),
  );
  await settle();
  expect(a.got()).toEqual([{ type: FrameType.Pong, payload: Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7) }]);
});

test.each([
  ['a packet without a whole key', encodeFrame(FrameType.SendPacket, new Uint8Array(31))],
  ['a packet above 64 KiB, by its header alone', Uint8Array.of(4, 0, 1, 0, 33)],
  ['a home note of two bytes', encodeFrame(FrameType.NotePreferred, new Uint8Array(2))],
  ['a ping of seven bytes', encodeFrame(FrameType.Ping, new Uint8Array(7))],
  ['a ping of 1001 bytes', encodeFrame(FrameType.Ping, new Uint8Array(1_001))],
  [
    'a packet to forward, from one without the mesh key',
    encodeFrame(FrameType.ForwardPacket, new Uint8Array(64)),
  ],
  ['watching, without the mesh key', m.encodeWatchConns()],
  ['closing a peer, without the mesh key', m.encodeClosePeer(new Uint8Array(32))],
])('a client is closed for %s', async (_, bytes) => {
  const { server } = testRelay();
  const a = await new TestClient().join(server);
  a.wire.write(bytes);
  await settle();
  expect(a.ended).toBe(true);
  expect(server.stats()).toMatchObject({ connections: 0, counters: { refused: { protocol: 1 } } });
});

test('frames of the future are skipped, whatever their size', async () => {
  const { server } = testRelay();
  const a = await new TestClient().join(server);
  a.wire.write(
    concat(encodeFrame(0x77), encodeFrame(0x42, new Uint8Array(200_000)), encodeFrame(0x05, utf8('?'))),
  );
  a.send(a, utf8('still here'));
  await settle();
  expect(a.packets()).toEqual([{ from: a.key, packet: utf8('still here') }]);
  expect(server.stats().counters.unknownFrames).toBe(3);
});

test('the largest packet goes through', async () => {
  const { server } = testRelay();
  const a = await new TestClient().join(server);
  const packet = Uint8Array.from({ length: 65_536 }, (_, i) => i);
  a.send(a, packet);
  await settle();
  expect(a.packets()).toEqual([{ from: a.key, packet }]);
});

test('idle clients hear something every 60 to 65 seconds', async () => {
  const { server, clock } = testRelay();
  const a = await new TestClient().join(server);
  const pinging = await new TestClient().join(server, { canAckPings: true });
  await settle();
  const before = a.wire.received.length;
  await clock.advance(62_400);
  expect(a.wire.received.length).toBe(before);
  await clock.advance(500);
  expect(a.wire.received.slice(before)).toEqual([Uint8Array.of(6, 0, 0, 0, 0)]);
  const [ping] = pinging.got();
  expect(ping?.type).toBe(FrameType.Ping);
  pinging.wire.write(m.encodePong(ping?.payload ?? new Uint8Array()));
  expect(server.metricsText()).toMatch(/derp_tcp_rtt\{le="\d+ms"\} 1\n/);
});

test('a client that stops answering pings is given up, one that never could is not', async () => {
  const { server, clock } = testRelay();
  const dead = await new TestClient().join(server, { canAckPings: true });
  const quiet = await new TestClient().join(server);
  const alive = await new TestClient().join(server, { canAckPings: true });
  for (let i = 0; i < 5; i++) {
    await clock.advance(62_000);
    alive.wire.write(m.encodePong(new Uint8Array(8)));
  }
  expect([dead.ended, quiet.ended, alive.ended]).toEqual([true, false, false]);
});

test('homes are counted, moves only after the first five seconds', async () => {
  const { server, clock } = testRelay();
  const a = await new TestClient().join(server);
  const figures = (): unknown => {
    const { homes, counters } = server.stats();
    return [homes, counters.homeMovesIn, counters.homeMovesOut];
  };
  a.wire.write(m.encodeNotePreferred(true));
  a.wire.write(m.encodeNotePreferred(true));
  expect(figures()).toEqual([1, 0, 0]);
  await clock.advance(5_001);
  a.wire.write(m.encodeNotePreferred(false));
  expect(figures()).toEqual([0, 0, 1]);
  a.wire.write(m.encodeNotePreferred(true));
  expect(figures()).toEqual([1, 1, 1]);
  a.wire.leave();
  await settle();
  expect(figures()).toEqual([0, 1, 1]);
});

test('a revoked client is closed with all its connections', async () => {
  const { server } = testRelay();
  const a = await new TestClient().join(server);
  const first = a.wire;
  await a.join(server);
  expect(server.closePeer(a.key)).toBe(2);
  await settle();
  expect([first.isDestroyed, a.wire.isDestroyed]).toEqual([true, true]);
  expect(server.closePeer(a.key)).toBe(0);
});

test('at the end everybody is told when to come back, and nobody new is taken', async () => {
  const { server, clock } = testRelay();
  const a = await new TestClient().join(server);
  const stubborn = await new TestClient().join(server);
  const closed = server.closeAll({ reconnectInMs: 1_000, tryForMs: 30_000 });
  await settle();
  expect(a.got().map(({ payload }) => m.decodeRestarting(payload))).toEqual([
    { reconnectInMs: 500, tryForMs: 30_000 },
  ]);
  expect(a.wire.isEnded).toBe(true);
  a.wire.leave();
  const late = await new TestClient().join(server);
  expect(late.ended).toBe(true);
  await clock.advance(3_000);
  await closed;
  expect(stubborn.wire.isDestroyed).toBe(true);
  expect(clock.pending).toBe(0);
});

test('one address holds so many connections and no more; programs on this machine are not counted', async () => {
  const { server } = testRelay({ perSource: 2 });
  const from = (ip: string): Promise<TestClient> =>
    new TestClient().join(server, {}, { remote: { ip, port: 1 } });
  const inside = [await from('2001:db8::1'), await from('2001:db8::2')];
  expect((await from('2001:db8::3')).ended).toBe(true);
  expect((await from('2001:db8:0:1::3')).ended).toBe(false);
  inside[0]?.wire.leave();
  await settle();
  expect((await from('2001:db8::3')).ended).toBe(false);
  for (let i = 0; i < 3; i++) expect((await from('127.0.0.1')).ended).toBe(false);
});

test('clients are listed with what is known of them', async () => {
  const { server, clock } = testRelay();
  const a = await new TestClient().join(server, { appName: 'probe' }, { isIdeal: false });
  a.wire.write(m.encodeNotePreferred(true));
  expect(server.clients()).toEqual([
    {
      key: a.key,
      remote: '192.0.2.1',
      transport: 'derp',
      connectedAt: clock.now(),
      isHome: true,
      isMesh: false,
      isIdeal: false,
      isActive: true,
      appName: 'probe',
    },
  ]);
  expect(server.stats().notIdeal).toBe(1);
});
