/** The relay client against a relay in memory and a fake clock: home, demand, routes, back-pressure, changes of map and key. */
import { expect, test } from 'vitest';
import { concat, utf8 } from '#shared/bytes/bytes.ts';
import { generatePrivate, publicOf } from '#shared/crypto/x25519.ts';
import { FrameType } from '#shared/derp/frames.ts';
import * as m from '#shared/derp/messages.ts';
import { DISCO_MAGIC } from '#shared/disco/envelope.ts';
import { keyBytes, nodeKeyFrom, privateKeyFrom } from '#shared/key/key.ts';
import { silent } from '#shared/log/log.ts';
import { DerpClients } from './clients.ts';
import { hello, MAP, mapOf, OTHER, PEER, setUp } from './testing/rig.ts';

const discoLike = concat(DISCO_MAGIC, new Uint8Array(60));

test.each([
  ['after the upgrade', false],
  ['at once with a meta certificate', true],
])('home is connected eagerly and noted as preferred, %s', async (_, hasMeta) => {
  const { clock, relay, clients, state, privateKey, preferred } = setUp({ hasMeta });
  clients.setHome(1);
  expect(state()?.state).toBe('dialing');
  // Two round trips with the upgrade, one without.
  await clock.advance(hasMeta ? 20 : 40);
  expect(state()).toMatchObject({ state: 'connected', isHome: true, node: '1a', isIdealNode: true });
  expect(relay.latest.request.includes('Derp-Fast-Start: 1')).toBe(hasMeta);
  expect(relay.latest.writes).toBe(hasMeta ? 3 : 4);
  expect(relay.latest.info).toMatchObject({
    version: 2,
    canAckPings: true,
    isProber: false,
    meshKey: undefined,
  });
  expect(`nodekey:${relay.latest.clientKey}`).toBe(nodeKeyFrom(publicOf(privateKey)));
  expect(relay.latest.isAdmitted).toBe(true);
  await clock.advance(50);
  expect(preferred()).toEqual([1]);
  expect(state()?.latencyMs).toBe(20);
});

test('a change of home is told to every connection, and the old one stays until it is idle', async () => {
  const { clock, relay, clients, state } = setUp();
  clients.setHome(1);
  await clock.advance(100);
  clients.setHome(2);
  await clock.advance(100);
  const [first, second] = relay.open;
  expect(first?.ofType(FrameType.NotePreferred).map((p) => p[0])).toEqual([1, 0]);
  expect(second?.ofType(FrameType.NotePreferred).map((p) => p[0])).toEqual([1]);
  await clock.advance(50_000);
  expect(state(1)?.state).toBe('connected');
  await clock.advance(30_000);
  expect([state(1)?.state, state(2)?.state]).toEqual(['idle', 'connected']);
  expect(relay.open).toHaveLength(1);
});

test('another region is dialled on demand, its first packet waits, and it is closed when idle', async () => {
  const { clock, relay, clients, state } = setUp({ hasMeta: true });
  expect(clients.send(2, PEER, hello)).toBe(true);
  await clock.advance(15);
  // The packet follows the client info without a round trip more.
  expect(relay.latest.packets).toEqual(['hello']);
  expect(relay.latest.ofType(FrameType.NotePreferred)).toEqual([]);
  await clock.advance(40_000);
  clients.send(2, PEER, hello);
  await clock.advance(59_000);
  expect(state(2)?.state).toBe('connected');
  await clock.advance(20_000);
  expect(state(2)?.state).toBe('idle');
  expect(clients.counters().idleClosed).toBe(1);
  expect(clock.pending).toBe(0);
});

test('home is never closed for idleness', async () => {
  const { clock, relay, clients, state } = setUp();
  clients.setHome(1);
  for (let i = 0; i < 60; i++) {
    await clock.advance(60_000);
    relay.latest.send(m.encodeKeepAlive());
  }
  expect(state()?.state).toBe('connected');
  expect(relay.links).toHaveLength(1);
});

test('what cannot be sent is refused', async () => {
  const { clients } = setUp();
  expect(clients.send(3, PEER, hello)).toBe(false);
  expect(clients.send(1, PEER, new Uint8Array(65_537))).toBe(false);
  expect(clients.send(1, PEER, new Uint8Array(65_536))).toBe(true);
  clients.setIdentity(undefined);
  expect(clients.send(1, PEER, hello)).toBe(false);
  expect(clients.counters().dropped).toMatchObject({ 'too-large': 1, 'no-region': 2, closed: 1 });
  await clients[Symbol.asyncDispose]();
  clients.setIdentity(generatePrivate());
  expect(clients.send(1, PEER, hello)).toBe(false);
});

test('packets come with their region and sender, and go away from the caller by copy', async () => {
  const { clock, relay, clients, got } = setUp();
  clients.setHome(1);
  await clock.advance(100);
  relay.latest.send(m.encodeRecvPacket(keyBytes(PEER), utf8('one')));
  relay.latest.send(m.encodeRecvPacket(keyBytes(OTHER), utf8('two')));
  await clock.advance(10);
  expect(got).toEqual([
    { region: 1, from: PEER, text: 'one' },
    { region: 1, from: OTHER, text: 'two' },
  ]);
  const packet = utf8('mine');
  clients.send(1, PEER, packet);
  packet.fill(0);
  await clock.advance(10);
  expect(relay.latest.packets).toEqual(['mine']);
  expect(clients.counters()).toMatchObject({
    sentPackets: 1,
    sentBytes: 4,
    receivedPackets: 2,
    receivedBytes: 6,
  });
});

test('all packets of one turn leave in one write', async () => {
  const { clock, relay, clients } = setUp();
  clients.setHome(1);
  await clock.advance(100);
  const before = relay.latest.writes;
  for (let i = 0; i < 20; i++) clients.send(1, PEER, utf8(`${i}`));
  await clock.advance(10);
  expect(relay.latest.packets).toHaveLength(20);
  expect(relay.latest.writes - before).toBe(1);
});

test('while dialling the newest packets are kept and disco is not behind them', async () => {
  const { clock, relay, clients } = setUp();
  for (let i = 0; i < 40; i++) clients.send(1, PEER, utf8(`${i}`));
  clients.send(1, PEER, discoLike);
  await clock.advance(100);
  const [first, second, ...rest] = relay.latest.packets;
  expect(first?.startsWith('TS')).toBe(true);
  expect([second, rest.length, rest.at(-1)]).toEqual(['8', 31, '39']);
  expect(clients.counters().dropped['queue-head']).toBe(8);
});

test('a connection that takes nothing more holds no more than its bound, and goes on when it can', async () => {
  const { clock, relay, clients, state } = setUp();
  clients.setHome(1);
  await clock.advance(100);
  relay.latest.isStuck = true;
  for (let i = 0; i < 200; i++) {
    clients.send(1, PEER, new Uint8Array(1_400));
    await Promise.resolve();
  }
  expect(relay.latest.bufferedBytes).toBeLessThan(70_000);
  expect(state()?.queued).toBe(32);
  expect(clients.counters().dropped['queue-head']).toBeGreaterThan(100);
  relay.latest.unstick();
  await clock.advance(10);
  expect([relay.latest.packets.length, state()?.queued]).toEqual([32, 0]);
});

test('the rate that the relay asks for is kept', async () => {
  const { clock, relay, clients } = setUp({
    info: { tokenBucketBytesPerSecond: 1_000, tokenBucketBytesBurst: 100 },
  });
  clients.setHome(1);
  await clock.advance(100);
  for (let i = 0; i < 5; i++) clients.send(1, PEER, new Uint8Array(13));
  await clock.advance(50);
  clients.send(1, PEER, new Uint8Array(13));
  await clock.advance(50);
  expect(relay.latest.packets).toHaveLength(3);
  expect(clients.counters().dropped.rate).toBe(3);
});

test('a peer is reached at its home when we are there, else where it reached us, else by dialling', async () => {
  const { clock, relay, clients } = setUp();
  expect([clients.routeFor(PEER, 2), clients.routeFor(PEER, 9), clients.routeFor(PEER, undefined)]).toEqual([
    2,
    undefined,
    undefined,
  ]);
  clients.setHome(1);
  await clock.advance(100);
  expect(clients.routeFor(PEER, 2)).toBe(2);
  relay.latest.send(m.encodeRecvPacket(keyBytes(PEER), hello));
  await clock.advance(10);
  expect([clients.routeFor(PEER, 2), clients.routeFor(PEER, undefined), clients.routeFor(OTHER, 2)]).toEqual([
    1, 1, 2,
  ]);
  clients.send(2, OTHER, hello);
  await clock.advance(100);
  expect(clients.routeFor(PEER, 2)).toBe(2);
});

test('a reverse route ends when the peer is gone, and when the connection is another', async () => {
  const { clock, relay, clients, gone } = setUp();
  clients.setHome(1);
  await clock.advance(100);
  const hear = async (): Promise<void> => {
    relay.latest.send(m.encodeRecvPacket(keyBytes(PEER), hello));
    await clock.advance(10);
    expect(clients.routeFor(PEER, 2)).toBe(1);
  };
  await hear();
  relay.latest.send(m.encodePeerGone(keyBytes(PEER), m.PeerGoneReason.NotHere));
  await clock.advance(10);
  expect(gone).toEqual([[1, PEER, m.PeerGoneReason.NotHere]]);
  expect(clients.routeFor(PEER, 2)).toBe(2);
  await hear();
  relay.latest.hangUp();
  await clock.advance(1_000);
  expect(relay.links).toHaveLength(2);
  expect(clients.routeFor(PEER, 2)).toBe(2);
});

test('pings of the relay are answered', async () => {
  const { clock, relay, clients } = setUp();
  clients.setHome(1);
  await clock.advance(100);
  relay.latest.send(m.encodePing(utf8('12345678')));
  await clock.advance(20);
  expect(relay.latest.ofType(FrameType.Pong)).toEqual([utf8('12345678')]);
});

test('a region that changed is dialled anew when it is home, closed otherwise, and forgotten when it vanished', async () => {
  const { clock, relay, clients, state } = setUp();
  clients.setHome(1);
  clients.send(2, PEER, hello);
  await clock.advance(100);
  clients.setMap(mapOf({ id: 2, nodes: ['2a'] }, { id: 1, nodes: ['1a', '1b'] }));
  await clock.advance(100);
  expect(relay.links).toHaveLength(2);
  clients.setMap(mapOf({ id: 1, nodes: ['1c'] }, { id: 2, nodes: ['2a'], name: 'Renamed' }));
  await clock.advance(100);
  expect([relay.links.length, relay.open.length, state()?.node, state(2)]).toEqual([3, 1, '1c', undefined]);
  clients.setMap(undefined);
  expect([relay.open.length, clients.regions().length, clients.send(1, PEER, hello)]).toEqual([0, 0, false]);
  clients.setMap(MAP);
  await clock.advance(100);
  expect(state()).toMatchObject({ state: 'connected', isHome: true });
});

test('another key ends what was made with the old one, the same again does not', async () => {
  const { clock, relay, clients, privateKey } = setUp();
  clients.setHome(1);
  await clock.advance(100);
  const old = relay.latest;
  clients.setIdentity(privateKeyFrom(privateKey));
  expect(old.isClosed).toBe(false);
  clients.setIdentity(generatePrivate());
  await clock.advance(100);
  expect([old.isClosed, relay.open.length]).toEqual([true, 1]);
  expect(relay.latest.clientKey).not.toBe(old.clientKey);
});

test('at a node that is not the first, the first is tried later when nothing flows', async () => {
  const { clock, relay, clients, state } = setUp();
  const everyNode = relay.dial;
  // The first node is away: the dialler takes the second.
  const asSecond: typeof relay.dial = async (request, signal) => {
    const dialed = await everyNode(request, signal);
    const second = request.nodes[1];
    return second === undefined ? dialed : { ...dialed, node: second };
  };
  const other = new DerpClients({
    clock,
    random: () => 0.5,
    log: silent,
    dial: asSecond,
    onPacket: () => undefined,
    onPeerGone: () => undefined,
    onState: () => undefined,
  });
  await clients[Symbol.asyncDispose]();
  other.setIdentity(generatePrivate());
  other.setMap(MAP);
  other.setHome(1);
  await clock.advance(100);
  expect(other.regions()[0]).toMatchObject({ node: '1b', isIdealNode: false });
  expect(relay.latest.request).toContain('Ideal-Node: 1a\r\n');
  const alive = async (minutes: number): Promise<void> => {
    for (let i = 0; i < minutes; i++) {
      await clock.advance(59_000);
      relay.latest.send(m.encodeKeepAlive());
      await clock.advance(1_000);
    }
  };
  await alive(44);
  expect(relay.requests).toHaveLength(1);
  other.send(1, PEER, hello);
  await alive(3);
  expect(other.regions()[0]).toMatchObject({ state: 'connected', node: '1a', isIdealNode: true });
  expect(relay.open).toHaveLength(1);
  expect(relay.latest.request).not.toContain('Ideal-Node');
  expect(state()).toBeUndefined();
});

test('nothing is left when it is disposed of', async () => {
  const { clock, relay, clients } = setUp();
  clients.setHome(1);
  clients.send(2, PEER, hello);
  await clock.advance(100);
  await clients[Symbol.asyncDispose]();
  await clock.advance(100);
  expect([relay.open.length, clock.pending, clients.regions().length]).toEqual([0, 0, 0]);
});
