/** The real data plane: two machines on a simulated wire, with engines, handshakes and path choice as in the daemon. */
import { expect, test } from 'vitest';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { derpMap } from '#shared/wire/map.ts';
import { DiscoBox } from '../disco/disco-box.ts';
import type { EngineFlags } from '../engine/types.ts';
import { testKey } from '../testing/tunnel-host.ts';
import { SimulatedWire, seeded } from '../testing/wire.ts';
import type { Around } from '../underlay/open.ts';
import type { Mapper } from '../underlay/ports.ts';
import { FakeRelays, idleMapper, quietUnderlay } from '../underlay/testing/fake-parts.ts';
import type { Underlay } from '../underlay/underlay.ts';
import { decodeInner, encodeTsmpPing } from './inner-packets.ts';
import { echo, MemoryRelay, machine, pair, REGION } from './plane-machines.ts';

test('packets go by relay until a direct path is proven, and then no more', async () => {
  const clock = new FakeClock();
  const wire = new SimulatedWire(clock, seeded(9));
  const relay = new MemoryRelay(clock);
  wire.tap = () => false;
  const [a, b] = [await machine(clock, wire, 1, { relay }), await machine(clock, wire, 2, { relay })];
  await a.plane.configure(a.configWith(b));
  await b.plane.configure(b.configWith(a));
  a.send(echo(a, b, 1));
  await clock.advance(200);
  expect(b.received).toHaveLength(1);
  expect(a.plane.peer(b.key)?.path).toMatchObject({ kind: 'relay', region: REGION });
  expect(a.plane.peer(b.key)?.path.why).toMatch(/searching|no answer/);
  expect(a.plane.peers.traffic()).toMatchObject([{ path: 'derp' }]);
  const pong = a.plane.discoPing(b.key, new AbortController().signal);
  await clock.advance(200);
  expect(await pong).toMatchObject({ region: REGION });
  wire.tap = undefined;
  for (let i = 2; i < 12; i++) {
    a.send(echo(a, b, i));
    b.send(echo(b, a, i));
    await clock.advance(1_000);
  }
  expect(b.received).toHaveLength(11);
  expect(a.plane.peer(b.key)?.path).toMatchObject({
    kind: 'direct',
    addr: '192.0.2.2:41641',
    why: undefined,
  });
  const before = relay.carried;
  a.send(echo(a, b, 12));
  await clock.advance(100);
  expect(b.received).toHaveLength(12);
  expect(relay.carried).toBe(before);
});

test('the first packet finds its path and arrives', async () => {
  const { clock, a, b } = await pair();
  expect(a.router.config?.routes).toEqual(['100.64.0.2/32']);
  a.send(echo(a, b, 1));
  await clock.advance(500);
  expect(b.received).toHaveLength(1);
  expect(a.plane.peer(b.key)).toMatchObject({
    wireguard: 'established',
    path: { kind: 'direct', addr: '192.0.2.2:41641' },
    active: true,
  });
  expect(a.plane.peers.traffic()).toMatchObject([{ path: 'direct_ipv4' }]);
});

test('the engine hears what the server switches off, and when that changes', async () => {
  const { a, b } = await pair();
  const told: EngineFlags[] = [];
  const apply = a.engine.apply.bind(a.engine);
  a.engine.apply = (ops) => {
    for (const op of ops) if (op.op === 'flags-set') told.push(op.flags);
    apply(ops);
  };
  const engineFlags = { noUdpGro: true };
  await a.plane.configure({ ...a.configWith(b), engineFlags });
  await a.plane.configure({ ...a.configWith(b), engineFlags });
  await a.plane.configure(a.configWith(b));
  expect(told).toEqual([{ noUdpGro: true }, {}]);
});

test('both sides hear when a tunnel comes up', async () => {
  const { clock, a, b } = await pair();
  const told: string[] = [];
  for (const { plane, n } of [a, b])
    plane.attach({
      endpoints: () => undefined,
      network: () => undefined,
      netInfo: () => undefined,
      relays: () => undefined,
      peerApi: () => undefined,
      linkChanged: () => undefined,
      peerUp: () => told.push(`${n} ${plane.peer(n === 1 ? b.key : a.key)?.wireguard}`),
      trouble: () => undefined,
    });
  a.send(echo(a, b, 1));
  await clock.advance(500);
  expect(told).toEqual(expect.arrayContaining(['1 established', '2 established']));
});

test('a TSMP ping goes up to us and not to the host', async () => {
  const { clock, a, b } = await pair();
  a.plane.send(b.key, encodeTsmpPing(a.ip, b.ip, new Uint8Array(8)));
  await clock.advance(500);
  expect(b.received).toEqual([]);
  expect(b.inner.map(({ from, packet }) => [from, decodeInner(packet)?.kind])).toEqual([
    [a.key, 'tsmp-ping'],
  ]);
});

test('a disco ping tells path and latency', async () => {
  const { clock, a, b } = await pair();
  const pong = a.plane.discoPing(b.key, new AbortController().signal);
  await clock.advance(500);
  expect((await pong).endpoint).toEqual({ ip: '192.0.2.2', port: 41_641 });
  await expect(a.plane.discoPing(a.key, new AbortController().signal)).rejects.toThrow('no tunnel');
});

test('disposing takes everything away and leaves no timer', async () => {
  const { clock, a, b } = await pair();
  a.send(echo(a, b, 1));
  await clock.advance(500);
  await a.plane[Symbol.asyncDispose]();
  await b.plane[Symbol.asyncDispose]();
  await Promise.all([a.kill(), b.kill()]);
  expect(a.router.config).toBeUndefined();
  expect(clock.pending).toBe(0);
});

test('a first handshake message that a relay loses costs a second, and nothing once a direct path is there', async () => {
  const clock = new FakeClock();
  const wire = new SimulatedWire(clock, seeded(9));
  const relay = new MemoryRelay(clock);
  wire.tap = () => false;
  const [a, b] = [await machine(clock, wire, 1, { relay }), await machine(clock, wire, 2, { relay })];
  await a.plane.configure(a.configWith(b));
  await b.plane.configure(b.configWith(a));
  relay.drops = 1;
  a.send(echo(a, b, 1));
  await clock.advance(1_500);
  expect(b.received).toHaveLength(1);

  const other = new FakeClock();
  const open = new SimulatedWire(other, seeded(9));
  const lossy = new MemoryRelay(other);
  const [c, d] = [
    await machine(other, open, 1, { relay: lossy }),
    await machine(other, open, 2, { relay: lossy }),
  ];
  await c.plane.configure(c.configWith(d));
  await d.plane.configure(d.configWith(c));
  open.conditions.delayMs = 60;
  lossy.drops = 1_000;
  c.send(echo(c, d, 1));
  await other.advance(600);
  expect(d.received).toHaveLength(1);
});

test('a router is asked to forward the port of the real socket', async () => {
  const clock = new FakeClock();
  const ports: number[] = [];
  const mapper: Mapper = { ...idleMapper, setLocalPort: (port) => ports.push(port) };
  const { plane, configWith, kill } = await machine(clock, new SimulatedWire(clock, seeded(9)), 1, {
    mapper,
  });
  await plane.configure(configWith());
  expect(ports.at(-1)).toBe(41_641);
  await plane.configure(undefined);
  expect(ports.at(-1)).toBe(0);
  await plane[Symbol.asyncDispose]();
  await kill();
});

test('the relays of another network never see the key of the one before', async () => {
  const clock = new FakeClock();
  const relays = new FakeRelays();
  const wire = new SimulatedWire(clock, seeded(9));
  const { plane, configWith, kill } = await machine(clock, wire, 1, { relays });
  const [first, second] = [derpMap.parse({ Regions: {} }), derpMap.parse({})];
  await plane.configure({ ...configWith(), derpMap: first });
  expect([relays.hasKey, relays.map]).toEqual([true, first]);
  const keyAt: boolean[] = [];
  relays.setMap = () => keyAt.push(relays.hasKey);
  await plane.configure({ ...configWith(), derpMap: second, privateKey: testKey(2) });
  expect(keyAt).toEqual([false]);
  expect(relays.hasKey).toBe(true);
  await plane[Symbol.asyncDispose]();
  await kill();
});

test('peers without a home relay are peers all the same: our mapping is kept known for them', async () => {
  const clock = new FakeClock();
  const relays = new FakeRelays();
  const wire = new SimulatedWire(clock, seeded(9));
  const told: (readonly number[])[] = [];
  const open = (around: Around): Underlay => {
    const underlay = quietUnderlay(clock, relays)(around);
    const setMap = underlay.setMap.bind(underlay);
    underlay.setMap = (map, homes) => {
      told.push(homes);
      setMap(map, homes);
    };
    return underlay;
  };
  const a = await machine(clock, wire, 1, { open });
  const b = await machine(clock, wire, 2);
  await a.plane.configure(a.configWith(b));
  expect(told).toEqual([[0]]);
  for (const { plane, kill } of [a, b]) {
    await plane[Symbol.asyncDispose]();
    await kill();
  }
});

test('in another network the peer is never called with the addresses of the one before', async () => {
  const clock = new FakeClock();
  const wire = new SimulatedWire(clock, seeded(9));
  const relays = new FakeRelays();
  relays.route = REGION;
  const [a, b] = [await machine(clock, wire, 1, { relays }), await machine(clock, wire, 2)];
  const node = { Name: '7a', RegionID: REGION, HostName: 'relay.example' };
  const region = { RegionID: REGION, RegionCode: 'x', RegionName: 'X', Nodes: [node] };
  const map = derpMap.parse({ Regions: { [REGION]: region } });
  wire.tap = () => false;
  await a.plane.configure({ ...a.configWith(b), derpMap: map });
  a.send(echo(a, b, 1));
  await clock.advance(5_000);
  const box = new DiscoBox(testKey(102));
  box.setPeers([a.plane.discoKey]);
  relays.sent.length = 0;
  const addresses = [{ interfaceName: 'eth0', ip: '198.51.100.1', bits: 24, isLoopback: false }];
  a.plane.networkIs({ addresses, defaultRoutes: [] }, true);
  await clock.advance(1_000);
  const lists = relays.sent.flatMap(({ packet }) => {
    const opened = box.open(packet, 'relay', 0);
    return opened.ok && opened.message.type === 'call-me-maybe' ? [opened.message.endpoints] : [];
  });
  expect(new Set(lists.flat().map(({ ip }) => ip))).toEqual(new Set(['198.51.100.1']));
  for (const { plane, kill } of [a, b]) {
    await plane[Symbol.asyncDispose]();
    await kill();
  }
});
