/** Relays of one region: who is where, packets across one link and no further, and what a broken link undoes (§1.13). */
import { expect, test } from 'vitest';
import { concat, utf8 } from '#shared/bytes/bytes.ts';
import { generatePrivate } from '#shared/crypto/x25519.ts';
import { FrameType } from '#shared/derp/frames.ts';
import * as m from '#shared/derp/messages.ts';
import { silent } from '#shared/log/log.ts';
import { FakeClock, settle } from '#shared/testing/fake-clock.ts';
import { type RelayOptions, RelayServer } from './server.ts';
import { discoPacket, TestClient } from './testing/client.ts';
import { TestMesh } from './testing/mesh.ts';
import { testRelay } from './testing/relay.ts';

const MESH_KEY = new Uint8Array(32).fill(0xab);

const newRelay = (clock: FakeClock, options: Partial<RelayOptions> = {}): RelayServer =>
  new RelayServer({
    clock,
    random: () => 0.5,
    log: silent,
    privateKey: generatePrivate(),
    meshKey: MESH_KEY,
    afterIo: (fn) => queueMicrotask(fn),
    ...options,
  });

const calm = async (): Promise<void> => {
  for (let i = 0; i < 4; i++) await settle();
};

async function region(count: number): Promise<{ clock: FakeClock; mesh: TestMesh; relays: RelayServer[] }> {
  const clock = new FakeClock();
  const mesh = new TestMesh();
  const relays = Array.from({ length: count }, () => newRelay(clock));
  for (const [i, relay] of relays.entries()) mesh.relays.set(`relay-${i}`, relay);
  await mesh.linkAll();
  return { clock, mesh, relays };
}

const relayAt = (relays: readonly RelayServer[], i: number): RelayServer => {
  const relay = relays[i];
  if (relay === undefined) throw new TypeError(`no relay ${i}`);
  return relay;
};

test('three relays know each other, and none links to itself', async () => {
  const { relays, mesh } = await region(3);
  for (const relay of relays) expect(relay.stats()).toMatchObject({ meshLinks: 2, watchers: 2 });
  mesh.stop();
});

test('a packet crosses one link to the relay that has its destination', async () => {
  const { relays, mesh } = await region(3);
  const a = await new TestClient().join(relayAt(relays, 0));
  const b = await new TestClient().join(relayAt(relays, 1));
  await calm();
  a.send(b, utf8('over'));
  a.send(b, discoPacket());
  b.send(a, utf8('back'));
  await calm();
  expect(b.packets()).toEqual([
    { from: a.key, packet: utf8('over') },
    { from: a.key, packet: discoPacket() },
  ]);
  expect(a.packets()).toEqual([{ from: b.key, packet: utf8('back') }]);
  const forwarded = relays
    .map((relay) => relay.stats().counters)
    .map((c) => [c.packetsForwardedOut, c.packetsForwardedIn]);
  expect(forwarded).toEqual([
    [2, 1],
    [1, 2],
    [0, 0],
  ]);
  mesh.stop();
});

test('who is here is served here, even if another relay has that key as well', async () => {
  const { relays, mesh } = await region(2);
  const a = await new TestClient().join(relayAt(relays, 0));
  const b = await new TestClient().join(relayAt(relays, 1));
  await calm();
  const far = b.wire;
  await b.join(relayAt(relays, 0));
  await calm();
  a.send(b, utf8('x'));
  await calm();
  expect(b.packets()).toEqual([{ from: a.key, packet: utf8('x') }]);
  expect(relayAt(relays, 0).stats().counters.packetsForwardedOut).toBe(0);
  // Still in the region, so nobody hears of a departure.
  b.wire.leave();
  await calm();
  expect(a.got()).toEqual([]);
  a.send(b, utf8('y'));
  await calm();
  expect(far.received.at(-1)).toEqual(m.encodeRecvPacket(a.raw, utf8('y')));
  mesh.stop();
});

test('a forwarded packet is never forwarded again', async () => {
  const { relays, mesh } = await region(3);
  const b = await new TestClient().join(relayAt(relays, 1));
  const other = await new TestClient().join(relayAt(relays, 0), { meshKey: MESH_KEY });
  await calm();
  const from = new Uint8Array(32).fill(1);
  other.wire.write(m.encodeForwardPacket(from, b.raw, utf8('lost')));
  other.wire.write(m.encodeForwardPacket(from, b.raw, discoPacket()));
  await calm();
  expect(b.packets()).toEqual([]);
  const { counters } = relayAt(relays, 0).stats();
  expect([counters.packetsForwardedIn, counters.packetsForwardedOut]).toEqual([2, 0]);
  expect(relayAt(relays, 0).metricsText()).toContain(
    'derp_packets_dropped{reason="unknown_dest_on_fwd",kind="disco"} 1\n',
  );
  // The other relay learns from it that its picture is old.
  expect(other.got()).toEqual([{ type: FrameType.PeerGone, payload: concat(b.raw, Uint8Array.of(1)) }]);
  mesh.stop();
});

test('a client that leaves the region is gone everywhere', async () => {
  const { relays, mesh } = await region(3);
  const a = await new TestClient().join(relayAt(relays, 0));
  const b = await new TestClient().join(relayAt(relays, 1));
  await calm();
  b.send(a, utf8('x'));
  await calm();
  a.got();
  b.wire.leave();
  await calm();
  expect(a.got()).toEqual([{ type: FrameType.PeerGone, payload: concat(b.raw, Uint8Array.of(0)) }]);
  // What is left: `a`, and the relays themselves.
  for (const relay of relays) expect(relay.stats().peersTotal).toBe(1 + 3);
  mesh.stop();
});

test('a broken link takes its clients away, and after five seconds all is as before', async () => {
  const { relays, mesh, clock } = await region(2);
  const a = await new TestClient().join(relayAt(relays, 0));
  const b = await new TestClient().join(relayAt(relays, 1));
  await calm();
  b.send(a, utf8('x'));
  await calm();
  a.got();
  mesh.cut('relay-1');
  await calm();
  expect(a.got()).toEqual([{ type: FrameType.PeerGone, payload: concat(b.raw, Uint8Array.of(0)) }]);
  expect(relayAt(relays, 0).stats().meshLinks).toBe(0);
  await clock.advance(5_001);
  await calm();
  a.send(b, utf8('again'));
  await calm();
  expect(b.packets()).toEqual([{ from: a.key, packet: utf8('again') }]);
  mesh.stop();
});

test('a relay that restarts with another key is found again', async () => {
  const { relays, mesh, clock } = await region(3);
  const a = await new TestClient().join(relayAt(relays, 0));
  const b = await new TestClient().join(relayAt(relays, 1));
  await calm();
  mesh.relays.delete('relay-1');
  const closed = relayAt(relays, 1).closeAll({ reconnectInMs: 0, tryForMs: 0 });
  await clock.advance(3_000);
  await closed;
  expect(relayAt(relays, 0).stats().meshLinks).toBe(1);
  const fresh = newRelay(clock);
  mesh.relays.set('relay-1', fresh);
  mesh.link('relay-1');
  await clock.advance(5_500);
  await calm();
  await b.join(fresh);
  await calm();
  a.send(b, utf8('hello'));
  b.send(a, utf8('hello back'));
  await calm();
  expect(b.packets()).toEqual([{ from: a.key, packet: utf8('hello') }]);
  expect(a.packets()).toEqual([{ from: b.key, packet: utf8('hello back') }]);
  mesh.stop();
});

test('a watcher hears of all who are there, then of each who comes and goes for good', async () => {
  const { server } = testRelay({ meshKey: MESH_KEY });
  const a = await new TestClient().join(server);
  const watcher = await new TestClient().join(server, { meshKey: MESH_KEY });
  watcher.wire.write(m.encodeWatchConns());
  watcher.wire.write(m.encodeWatchConns());
  const seen = (): unknown[] =>
    watcher
      .got()
      .map(({ type, payload }) =>
        type === FrameType.PeerPresent ? m.decodePeerPresent(payload) : m.decodePeerGone(payload),
      );
  await settle();
  const addr = { ip: '192.0.2.1', port: 41_641 };
  expect(seen()).toEqual([
    { key: a.raw, addr, flags: 1 },
    { key: watcher.raw, addr, flags: 2 },
  ]);
  const first = a.wire;
  await a.join(server, { isProber: true }, { isIdeal: false });
  expect(seen()).toEqual([{ key: a.raw, addr, flags: 12 }]);
  first.leave();
  await settle();
  expect(seen()).toEqual([]);
  a.wire.leave();
  await settle();
  expect(seen()).toEqual([{ key: a.raw, reason: 0 }]);
});

test('a watcher that does not read keeps the newest word on each client', async () => {
  const { server } = testRelay({ meshKey: MESH_KEY });
  const watcher = await new TestClient().join(server, { meshKey: MESH_KEY });
  watcher.wire.write(m.encodeWatchConns());
  await settle();
  watcher.got();
  watcher.wire.stopReading();
  await new TestClient().join(server);
  watcher.got();
  const a = await new TestClient().join(server);
  for (let i = 0; i < 1_000; i++) {
    a.wire.leave();
    await settle();
    await a.join(server);
  }
  watcher.wire.read();
  await settle();
  expect(watcher.got().map(({ type, payload }) => [type, payload.subarray(0, 32)])).toEqual([
    [FrameType.PeerPresent, a.raw],
  ]);
});

test('a mesh client closes a peer; one with a wrong key is an ordinary client', async () => {
  const { server } = testRelay({ meshKey: MESH_KEY, rate: { bytesPerS: 1, burstBytes: 1 } });
  const a = await new TestClient().join(server);
  const boss = await new TestClient().join(server, { meshKey: MESH_KEY });
  boss.wire.write(m.encodeClosePeer(a.raw));
  await settle();
  expect(a.ended).toBe(true);
  const wrong = await new TestClient().join(server, { meshKey: new Uint8Array(32).fill(0xac) });
  expect(server.clients().map((one) => one.isMesh)).toEqual([true, false]);
  wrong.wire.write(m.encodeClosePeer(boss.raw));
  await settle();
  expect([wrong.ended, boss.ended]).toEqual([true, false]);
  // Mesh clients are never slowed.
  for (let i = 0; i < 20; i++) boss.send(boss, new Uint8Array(60_000));
  expect(boss.wire.isPaused).toBe(false);
});

test('a relay needs no admission, and without a mesh key there is no mesh', async () => {
  const { server } = testRelay({ meshKey: MESH_KEY, verify: async () => false });
  expect((await new TestClient().join(server, { meshKey: MESH_KEY })).ended).toBe(false);
  const plain = testRelay().server;
  const signal = new AbortController().signal;
  const target = { name: 'x', dial: () => Promise.reject(new Error('never')) };
  await expect(plain.meshWith(target, signal)).rejects.toThrow('a mesh needs a mesh key');
});

test.each([
  ['nonsense', utf8('HTTP/1.1 200 OK\r\n\r\n')],
  ['a frame that is no greeting', m.encodeKeepAlive()],
  ['a greeting with a key of low order', m.encodeServerKey(new Uint8Array(32))],
])('a relay that greets with %s is tried again', async (_, greeting) => {
  const { server, clock } = testRelay({ meshKey: MESH_KEY });
  const stop = new AbortController();
  let dials = 0;
  const { Wire } = await import('./testing/wire.ts');
  const dial = async (): Promise<InstanceType<typeof Wire>> => {
    dials++;
    const wire = new Wire();
    wire.write(greeting);
    return wire;
  };
  const done = server.meshWith({ name: 'x', dial }, stop.signal);
  await clock.advance(5_001);
  await clock.advance(5_001);
  // Short nonsense looks like a long frame, so that its handshake deadline ends it.
  await clock.advance(16_000);
  expect(dials).toBeGreaterThanOrEqual(2);
  stop.abort(new Error('over'));
  await done;
  expect(clock.pending).toBe(0);
});
