/** The relay client against a relay in memory and a fake clock: home, demand, routes, failures, restarts. */
import { expect, test } from 'vitest';
import { concat, utf8 } from '#shared/bytes/bytes.ts';
import { generatePrivate, publicOf } from '#shared/crypto/x25519.ts';
import { encodeFrame, FrameType } from '#shared/derp/frames.ts';
import * as m from '#shared/derp/messages.ts';
import { DISCO_MAGIC } from '#shared/disco/envelope.ts';
import { keyBytes, type NodeKey, nodeKeyFrom, privateKeyFrom } from '#shared/key/key.ts';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import type { DerpMap } from '#shared/wire/map.ts';
import { DerpClients } from './clients.ts';
import { MemoryRelay, type MemoryRelayOptions } from './testing/memory-relay.ts';
import type { RelayState } from './types.ts';

const PEER = nodeKeyFrom(new Uint8Array(32).fill(7));
const OTHER = nodeKeyFrom(new Uint8Array(32).fill(8));
const hello = utf8('hello');
const discoLike = concat(DISCO_MAGIC, new Uint8Array(60));

const node = (name: string, region: number): Record<string, unknown> => ({
  Name: name,
  RegionID: region,
  HostName: `${name}.example`,
});
const mapOf = (...regions: readonly { id: number; nodes: readonly string[]; name?: string }[]): DerpMap =>
  ({
    Regions: Object.fromEntries(
      regions.map(({ id, nodes, name }) => [
        String(id),
        {
          RegionID: id,
          RegionCode: `r${id}`,
          RegionName: name ?? `Region ${id}`,
          Nodes: nodes.map((n) => node(n, id)),
        },
      ]),
    ),
  }) as unknown as DerpMap;
const MAP = mapOf({ id: 1, nodes: ['1a', '1b'] }, { id: 2, nodes: ['2a'] });

interface Got {
  readonly region: number;
  readonly from: NodeKey;
  readonly text: string;
}

/** One relay stands for all regions; each link tells by its request which one was meant. */
function setUp(options: Partial<MemoryRelayOptions> = {}) {
  const clock = new FakeClock();
  const relay = new MemoryRelay({ clock, latencyMs: 10, ...options });
  const got: Got[] = [];
  const gone: [number, NodeKey, number][] = [];
  const states: RelayState[] = [];
  const privateKey = generatePrivate();
  const clients = new DerpClients({
    clock,
    random: () => 0.5,
    log: silent,
    dial: relay.dial,
    onPacket: (region, from, data) => got.push({ region, from, text: new TextDecoder().decode(data) }),
    onPeerGone: (region, key, reason) => gone.push([region, key, reason]),
    onState: (_, state) => states.push(state),
  });
  clients.setIdentity(privateKey);
  clients.setMap(MAP);
  const state = (region = 1): RelayState | undefined => clients.regions().find((r) => r.region === region);
  const preferred = (): (number | undefined)[] =>
    relay.latest.ofType(FrameType.NotePreferred).map((payload) => payload[0]);
  return { clock, relay, clients, got, gone, states, privateKey, state, preferred };
}

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

test('a relay that is away is tried again and again, more and more slowly', async () => {
  const { clock, relay, clients, state } = setUp();
  relay.mood.down = 'connection refused';
  clients.setHome(1);
  await clock.advance(1_000);
  expect(state()).toMatchObject({ state: 'waiting', lastError: 'dial relay: connection refused' });
  const early = relay.requests.length;
  await clock.advance(60_000);
  expect(relay.requests.length - early).toBeLessThan(30);
  expect(state()?.failures).toBeGreaterThan(20);
  relay.mood.down = undefined;
  await clock.advance(5_100);
  expect(state()).toMatchObject({ state: 'connected', lastError: undefined, failures: 0 });
});

test('another network ends the waiting', async () => {
  const { clock, relay, clients, state } = setUp();
  relay.mood.down = 'network is unreachable';
  clients.setHome(1);
  await clock.advance(60_000);
  relay.mood.down = undefined;
  clients.networkChanged();
  await clock.advance(50);
  expect(state()?.state).toBe('connected');
});

test('the whole of connecting has ten seconds', async () => {
  const { clock, relay, clients, state } = setUp();
  relay.mood.dialMs = 11_000;
  clients.setHome(1);
  await clock.advance(9_999);
  expect(state()?.state).toBe('dialing');
  await clock.advance(1);
  expect(state()).toMatchObject({ state: 'waiting', lastError: 'timed out' });
  relay.mood.dialMs = 0;
  relay.mood.isFrozen = true;
  await clock.advance(10);
  expect(state()?.state).toBe('dialing');
  await clock.advance(10_000);
  expect(state()).toMatchObject({ state: 'waiting', failures: 2 });
  expect(relay.open).toHaveLength(0);
});

test('a relay that does not take us is told apart', async () => {
  const { clock, relay, clients, state } = setUp();
  relay.mood.refuses = true;
  clients.setHome(1);
  await clock.advance(100);
  expect(state()?.lastError).toBe('the relay closed the connection before it admitted us');
  expect(relay.latest.isAdmitted).toBe(false);
});

test('a node that accepts and then fails lets the others of its region go first', async () => {
  const { clock, relay, clients, state } = setUp();
  relay.mood.refuses = true;
  clients.setHome(1);
  await clock.advance(60);
  relay.mood.refuses = false;
  await clock.advance(60);
  expect(state()).toMatchObject({ state: 'connected', node: '1b', isIdealNode: false });
  expect(relay.latest.request).toContain('Ideal-Node: 1a');
  relay.latest.hangUp();
  await clock.advance(1_000);
  expect(state()).toMatchObject({ state: 'connected', node: '1a' });
});

test.each<[string, Uint8Array, string]>([
  [
    'garbage',
    Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff),
    'relay frame 0xff has 4294967295 bytes, above 1048576',
  ],
  [
    'a frame that is too long',
    encodeFrame(5, new Uint8Array(1_048_577)),
    'relay frame 0x5 has 1048577 bytes, above 1048576',
  ],
  [
    'server info that is not sealed for us',
    encodeFrame(3, new Uint8Array(60)),
    'its server info is malformed',
  ],
])('%s ends the connection, which comes back', async (_, bytes, why) => {
  const { clock, relay, clients, state, states } = setUp();
  clients.setHome(1);
  await clock.advance(100);
  relay.latest.send(bytes);
  await clock.advance(10);
  expect(states.some((s) => s.state === 'waiting' && s.lastError === why)).toBe(true);
  await clock.advance(1_000);
  expect(state()?.state).toBe('connected');
});

test('short frames, unknown types and the greeting after a fast start are passed over', async () => {
  const { clock, relay, clients, state, got, gone } = setUp({ hasMeta: true });
  clients.setHome(1);
  await clock.advance(100);
  for (const type of [1, 5, 8, 9, 0x12, 0x13, 0x15, 0x77])
    relay.latest.send(encodeFrame(type, new Uint8Array(5)));
  relay.latest.send(m.encodeServerKey(relay.identity.publicRaw));
  relay.latest.send(m.encodeRecvPacket(keyBytes(PEER), hello));
  await clock.advance(10);
  expect([state()?.state, got.length, gone.length]).toEqual(['connected', 1, 0]);
});

test('pings of the relay are answered', async () => {
  const { clock, relay, clients } = setUp();
  clients.setHome(1);
  await clock.advance(100);
  relay.latest.send(m.encodePing(utf8('12345678')));
  await clock.advance(20);
  expect(relay.latest.ofType(FrameType.Pong)).toEqual([utf8('12345678')]);
});

test('a connection that died in silence is noticed within eleven seconds of its use', async () => {
  const { clock, relay, clients, states } = setUp();
  clients.setHome(1);
  await clock.advance(30_000);
  relay.mood.isFrozen = true;
  await clock.advance(1_000);
  clients.send(1, PEER, hello);
  await clock.advance(11_000);
  expect(states.find((s) => s.lastError !== undefined)?.lastError).toBe('the relay did not answer a ping');
});

test('a full buffer that moves is as good as an answer', async () => {
  const { clock, relay, clients, state } = setUp();
  clients.setHome(1);
  await clock.advance(1_000);
  const link = relay.latest;
  relay.mood.answersPings = false;
  for (let i = 0; i < 20; i++) {
    link.isStuck = true;
    for (let n = 0; n < 60; n++) clients.send(1, PEER, new Uint8Array(1_400));
    await clock.advance(2_000);
    link.unstick();
  }
  expect([state()?.state, relay.links.length]).toEqual(['connected', 1]);
  clients.send(1, PEER, hello);
  await clock.advance(11_000);
  expect(relay.links).toHaveLength(2);
});

test('a connection that dies in the middle of a frame comes back, and begins with a whole one', async () => {
  const { clock, relay, clients, got, state } = setUp();
  clients.setHome(1);
  await clock.advance(100);
  relay.latest.send(m.encodeRecvPacket(keyBytes(PEER), hello).subarray(0, 38));
  relay.latest.hangUp('connection reset');
  await clock.advance(10);
  expect(state()).toMatchObject({ state: 'waiting', lastError: 'connection reset' });
  await clock.advance(1_000);
  relay.latest.send(m.encodeRecvPacket(keyBytes(PEER), hello));
  await clock.advance(10);
  expect(got).toHaveLength(1);
});

test('each change of state is told once', async () => {
  const { clock, relay, clients, states } = setUp();
  clients.setHome(1);
  await clock.advance(100);
  relay.latest.hangUp();
  await clock.advance(100);
  await clients[Symbol.asyncDispose]();
  const seen = states.map((s) => s.state).filter((kind, i, all) => kind !== all[i - 1]);
  expect(seen).toEqual(['dialing', 'connected', 'waiting', 'dialing', 'connected', 'idle']);
  expect(states.length).toBeLessThanOrEqual(seen.length + 1);
});

test('after a change of network a connection must answer within three seconds', async () => {
  const { clock, relay, clients, state } = setUp();
  clients.setHome(1);
  await clock.advance(100);
  clients.networkChanged();
  await clock.advance(4_000);
  expect([state()?.state, relay.links.length]).toEqual(['connected', 1]);
  relay.mood.isFrozen = true;
  clients.networkChanged();
  await clock.advance(2_990);
  expect(relay.open).toHaveLength(1);
  relay.mood.isFrozen = false;
  await clock.advance(100);
  expect([state()?.state, relay.links.length]).toEqual(['connected', 2]);
});

test('a connection from an address that is no longer ours is made anew at once', async () => {
  const { clock, relay, clients, state } = setUp();
  clients.setHome(1);
  clients.send(2, PEER, hello);
  await clock.advance(61_000);
  relay.mood.localIp = '198.51.100.2';
  clients.networkChanged((ip) => ip === '198.51.100.2');
  await clock.advance(100);
  expect(state()).toMatchObject({ state: 'connected', localIp: '198.51.100.2' });
  // Nobody wants the other any more.
  expect(state(2)?.state).toBe('idle');
});

test('an announced restart is waited for as the relay asks, then followed quickly', async () => {
  const { clock, relay, clients, state } = setUp();
  clients.setHome(1);
  await clock.advance(20_000);
  relay.latest.send(m.encodeRestarting({ reconnectInMs: 3_000, tryForMs: 5_000 }));
  relay.latest.hangUp();
  relay.mood.down = 'connection refused';
  await clock.advance(2_900);
  expect(state()).toMatchObject({ state: 'waiting', lastError: 'the relay is restarting', failures: 0 });
  expect(relay.requests).toHaveLength(1);
  await clock.advance(3_000);
  expect(relay.requests.length).toBeGreaterThan(8);
  relay.mood.down = undefined;
  await clock.advance(400);
  expect(state()?.state).toBe('connected');
});

test('a relay that announces its restart and stays is left at the announced time', async () => {
  const { clock, relay, clients, state } = setUp();
  clients.setHome(1);
  await clock.advance(20_000);
  relay.latest.send(m.encodeRestarting({ reconnectInMs: 4_000_000_000, tryForMs: 0 }));
  await clock.advance(59_000);
  expect(relay.links).toHaveLength(1);
  await clock.advance(2_000);
  expect([state()?.state, relay.links.length]).toEqual(['connected', 2]);
});

test('what the relay says about the connection is there until it takes it back', async () => {
  const { clock, relay, clients, state } = setUp();
  clients.setHome(1);
  await clock.advance(100);
  relay.latest.send(m.encodeHealth('two machines use this key'));
  await clock.advance(10);
  expect(state()?.problem).toBe('two machines use this key');
  relay.latest.send(m.encodeHealth(''));
  await clock.advance(10);
  expect(state()?.problem).toBeUndefined();
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

test('a wall clock that jumps changes nothing, a long sleep ends the connection', async () => {
  const { clock, relay, clients, state } = setUp();
  clients.setHome(1);
  await clock.advance(100);
  clock.stepWall(-86_400_000);
  await clock.advance(1_000);
  expect([state()?.state, relay.links.length]).toEqual(['connected', 1]);
  relay.mood.isFrozen = true;
  await clock.advance(75_100);
  expect(relay.open.length).toBeLessThanOrEqual(1);
  relay.mood.isFrozen = false;
  await clock.advance(20_000);
  expect(state()?.state).toBe('connected');
  expect(relay.links.length).toBeGreaterThan(1);
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
