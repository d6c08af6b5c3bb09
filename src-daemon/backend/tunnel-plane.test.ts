/** The real data plane: two machines on a simulated wire, with engines, handshakes and path choice as in the daemon. */
import { expect, test, vi } from 'vitest';
import { publicOf } from '#shared/crypto/x25519.ts';
import { looksLikeDisco } from '#shared/disco/envelope.ts';
import { parseSockAddr, type SockAddr } from '#shared/ip/address.ts';
import { discoKeyFrom, type NodeKey, nodeKeyFrom } from '#shared/key/key.ts';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { derpMap } from '#shared/wire/map.ts';
import { DiscoBox } from '../disco/disco-box.ts';
import { createPortableEngine } from '../engine/portable.ts';
import type { EngineFlags, MemoryTun, PacketEngine } from '../engine/types.ts';
import { Magicsock } from '../magicsock/magicsock.ts';
import { type KillSwitch, NO_FIREWALL, type Router, type RouterConfig } from '../router/types.ts';
import { openHandshakeTime } from '../store/handshake-time.ts';
import { memoryStore } from '../store/state-store.ts';
import { testKey } from '../testing/tunnel-host.ts';
import { SimulatedWire, seeded } from '../testing/wire.ts';
import type { Around, OpenUnderlay } from '../underlay/open.ts';
import type { Mapper } from '../underlay/ports.ts';
import { FakeRelays, idleMapper, quietUnderlay } from '../underlay/testing/fake-parts.ts';
import type { Underlay } from '../underlay/underlay.ts';
import { decodeInner, encodeDiscoKey, encodeEchoRequest, encodeTsmpPing } from './inner-packets.ts';
import type { PlaneConfig, PlanePeer } from './plane.ts';
import { TunnelPlane } from './tunnel-plane.ts';

class FakeRouter implements Router {
  config: RouterConfig | undefined;
  applied = 0;
  failure: string | undefined;
  async apply(config: RouterConfig): Promise<readonly []> {
    if (this.failure !== undefined) throw new Error(this.failure);
    this.applied++;
    this.config = config;
    return [];
  }
  /** What stayed closed at each end, in order. */
  readonly closed: (KillSwitch | undefined | 'as found')[] = [];
  async clear({ killSwitch }: { readonly killSwitch: KillSwitch | undefined }): Promise<void> {
    this.config = undefined;
    this.closed.push(killSwitch);
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.config = undefined;
    if (this.closed.length === 0) this.closed.push('as found');
    this.hasEnded = true;
  }
  hasEnded = false;
}

interface Machine {
  readonly n: number;
  readonly engine: PacketEngine;
  readonly plane: TunnelPlane;
  readonly router: FakeRouter;
  readonly received: Uint8Array[];
  readonly inner: { readonly from: NodeKey; readonly packet: Uint8Array }[];
  readonly key: NodeKey;
  readonly ip: string;
  send(packet: Uint8Array): void;
  /** Ends it without a word to anyone. */
  kill(): Promise<void>;
  configWith(...peers: readonly Machine[]): PlaneConfig;
}

/** One relay region that carries packets between planes by key, with a delay. */
class MemoryRelay {
  readonly #clock: FakeClock;
  readonly #members = new Map<NodeKey, Around>();
  /** WireGuard packets; a call-me-maybe may come at any time. */
  carried = 0;
  /** How many of the next WireGuard packets get lost. */
  drops = 0;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  joining(own: NodeKey): OpenUnderlay {
    const relays = new FakeRelays();
    relays.route = REGION;
    relays.send = (_region, to, packet) => {
      if (this.drops > 0 && !looksLikeDisco(packet)) {
        this.drops--;
        return true;
      }
      const copy = packet.slice();
      this.#clock.after(RELAY_DELAY_MS, () => {
        if (!looksLikeDisco(copy)) this.carried++;
        this.#members.get(to as NodeKey)?.relayed(REGION, own, copy);
      });
      return true;
    };
    return (around) => {
      this.#members.set(own, around);
      return quietUnderlay(this.#clock, relays)(around);
    };
  }
}
const REGION = 7;
const RELAY_DELAY_MS = 20;

async function machine(
  clock: FakeClock,
  wire: SimulatedWire,
  n: number,
  options: {
    readonly disco?: number;
    readonly isResumed?: boolean;
    readonly relay?: MemoryRelay;
    readonly mapper?: Mapper;
    readonly relays?: FakeRelays;
    readonly open?: OpenUnderlay;
  } = {},
): Promise<Machine> {
  const received: Uint8Array[] = [];
  const tun: MemoryTun = { receive: (packet) => received.push(packet.slice()), send: undefined };
  const engine = createPortableEngine({ clock, random: seeded(n), log: silent });
  const host = wire.host({ v4: `192.0.2.${n}` });
  await engine.start({ tun: { kind: 'memory', tun }, mtu: 1_280, port: 41_641, sockets: host.sockets });
  const router = new FakeRouter();
  const plane = new TunnelPlane({
    engine,
    router,
    clock,
    random: seeded(n + 50),
    log: silent,
    discoPrivate: testKey(options.disco ?? 100 + n),
    isResumed: options.isResumed ?? false,
    openUnderlay:
      options.open ??
      options.relay?.joining(nodeKeyFrom(publicOf(testKey(n)))) ??
      quietUnderlay(clock, options.relays, options.mapper),
    handshakeTime: openHandshakeTime(memoryStore(), clock.now()),
    deviceLost: () => undefined,
  });
  plane.networkIs(
    {
      addresses: [{ interfaceName: 'eth0', ip: `192.0.2.${n}`, bits: 24, isLoopback: false }],
      defaultRoutes: [],
    },
    false,
  );
  const inner: Machine['inner'] = [];
  plane.onInner((from, packet) => inner.push({ from, packet }));
  const ip = `100.64.0.${n}`;
  const key = nodeKeyFrom(publicOf(testKey(n)));
  return {
    n,
    engine,
    plane,
    router,
    received,
    inner,
    key,
    ip,
    send: (packet) => tun.send?.(packet),
    kill: () => engine.destroy(),
    configWith: (...peers) => ({
      privateKey: testKey(n),
      addresses: [`${ip}/32`],
      peers: peers.map(asPeer),
      routes: peers.map((peer) => `${peer.ip}/32`),
      localRoutes: [],
      accepts: [],
      firewall: NO_FIREWALL,
      dns: undefined,
      derpMap: undefined,
      filter: OPEN_FILTER,
      shieldsUp: false,
      engineFlags: {},
    }),
  };
}

/** Everybody may begin everything. */
const OPEN_FILTER = [
  {
    protocols: [],
    sources: ['0.0.0.0/0', '::/0'],
    destinations: ['0.0.0.0/0', '::/0'].map((prefix) => ({ prefix, first: 0, last: 65_535 })),
  },
];

const asPeer = (other: Machine): PlanePeer => ({
  nodeKey: other.key,
  discoKey: other.plane.discoKey,
  endpoints: other.plane.endpoints().map(({ addr }) => parseSockAddr(addr) as SockAddr),
  allowedIps: [`${other.ip}/32`],
  wireguardOnly: false,
  jailed: false,
  nodeId: '',
  homeRegion: undefined,
  isOnline: true,
});

const echo = (from: Machine, to: Machine, sequence: number): Uint8Array =>
  encodeEchoRequest({ from: from.ip, to: to.ip, ident: 1, sequence });

async function pair(): Promise<{ clock: FakeClock; wire: SimulatedWire; a: Machine; b: Machine }> {
  const clock = new FakeClock();
  const wire = new SimulatedWire(clock, seeded(9));
  const [a, b] = [await machine(clock, wire, 1), await machine(clock, wire, 2)];
  await a.plane.configure(a.configWith(b));
  await b.plane.configure(b.configWith(a));
  return { clock, wire, a, b };
}

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

test('taken away and put back, the tunnel carries the very next packet of the other side', async () => {
  const { clock, a, b } = await pair();
  a.send(echo(a, b, 1));
  await clock.advance(500);
  await b.plane.configure(undefined);
  expect(b.router.config).toBeUndefined();
  expect(b.plane.peer(a.key)).toBeUndefined();
  await clock.advance(2_000);
  await b.plane.configure(b.configWith(a));
  await clock.advance(200);
  const before = b.received.length;
  a.send(echo(a, b, 2)); // with the session that b has lost, if nobody renewed it
  await clock.advance(200);
  expect(b.received).toHaveLength(before + 1);
});

test('a machine killed and started with its map and disco key is reached at once', async () => {
  const { clock, wire, a, b } = await pair();
  a.send(echo(a, b, 1));
  await clock.advance(500);
  await b.kill();
  const again = await machine(clock, wire, 2, { isResumed: true });
  await again.plane.configure(again.configWith(a));
  await clock.advance(200);
  a.send(echo(a, again, 2));
  await clock.advance(200);
  expect(again.received).toHaveLength(1);
});

test('a machine that restarted and does not know who is online is reached with its peer’s next heartbeat', async () => {
  const { clock, wire, a, b } = await pair();
  a.send(echo(a, b, 1));
  await clock.advance(500);
  await b.kill();
  const again = await machine(clock, wire, 2, { isResumed: true });
  const config = again.configWith(a);
  await again.plane.configure({ ...config, peers: config.peers.map((p) => ({ ...p, isOnline: false })) });
  await clock.advance(3_500);
  a.send(echo(a, again, 2));
  await clock.advance(200);
  expect(again.received).toHaveLength(1);
});

test('a change that concerns no address and no route leaves the interface alone, until it was taken away', async () => {
  const { a, b } = await pair();
  const config = a.configWith(b);
  const applied = a.router.applied;
  await a.plane.configure({ ...config, peers: config.peers.map((p) => ({ ...p, isOnline: false })) });
  expect(a.router.applied).toBe(applied);
  a.router.failure = 'busy';
  const more = { ...config, routes: [...config.routes, '100.64.0.77/32'] };
  await expect(a.plane.configure(more)).rejects.toThrow('busy');
  a.router.failure = undefined;
  await a.plane.configure(config);
  expect(a.router.applied).toBe(applied + 1);
  await a.plane.configure(undefined);
  await a.plane.configure(config);
  expect(a.router.applied).toBe(applied + 2);
});

test('a peer with another disco key has started anew: our session of it ends', async () => {
  const { clock, wire, a, b } = await pair();
  a.send(echo(a, b, 1));
  await clock.advance(500);
  await b.kill();
  const again = await machine(clock, wire, 2, { disco: 222 });
  await again.plane.configure(again.configWith(a));
  await a.plane.configure(a.configWith(again));
  expect(a.plane.peer(b.key)?.wireguard).not.toBe('established');
  a.send(echo(a, again, 2));
  await clock.advance(500);
  expect(again.received).toHaveLength(1);
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

test('what is closed stays so without a configuration, and when the daemon ends, until somebody says otherwise', async () => {
  const { a, b } = await pair();
  const closed = { lan: ['192.0.2.0/24'] };
  await a.plane.configure(undefined, closed);
  await a.plane.configure(undefined, undefined);
  await a.plane.configure(undefined, closed);
  expect(a.router.hasEnded).toBe(false);
  await a.plane[Symbol.asyncDispose]();
  expect(a.router.closed).toEqual([closed, undefined, closed, closed]);
  expect(a.router.hasEnded).toBe(true);
  const config = b.configWith(a);
  await b.plane.configure({ ...config, firewall: { ...config.firewall, mode: 'on', killSwitch: closed } });
  await b.plane[Symbol.asyncDispose]();
  expect(b.router.closed).toEqual([closed]);
});

test('a daemon that ends before it knows what is wanted leaves what it found', async () => {
  const one = await machine(new FakeClock(), new SimulatedWire(new FakeClock(), seeded(1)), 1);
  await one.plane[Symbol.asyncDispose]();
  expect(one.router.closed).toEqual(['as found']);
});

test('a configuration that fails half-way still counts for what stays closed', async () => {
  const { a, b } = await pair();
  const config = a.configWith(b);
  const killSwitch = { lan: [] };
  a.router.failure = 'no';
  await expect(
    a.plane.configure({ ...config, firewall: { ...config.firewall, mode: 'on', killSwitch } }),
  ).rejects.toThrow('no');
  await a.plane[Symbol.asyncDispose]();
  expect(a.router.closed).toEqual([killSwitch]);
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

test('a peer that restarted with another disco key is found again without the server', async () => {
  const clock = new FakeClock();
  const wire = new SimulatedWire(clock, seeded(9));
  const relay = new MemoryRelay(clock);
  const [a, b] = [await machine(clock, wire, 1, { relay }), await machine(clock, wire, 2, { relay })];
  await a.plane.configure(a.configWith(b));
  await b.plane.configure(b.configWith(a));
  a.send(echo(a, b, 1));
  await clock.advance(500);
  expect(a.plane.peer(b.key)?.path.kind).toBe('direct');
  await b.kill();
  // It has the map of before, and our key is in it; ours has its old key, and nobody can tell us the new one.
  const again = await machine(clock, wire, 2, { relay, disco: 222 });
  await again.plane.configure(again.configWith(a));
  again.send(echo(again, a, 2));
  await clock.advance(3_000);
  expect(a.received.length).toBeGreaterThan(0);
  expect(again.plane.peer(a.key)?.path.kind).toBe('direct');
  expect(a.plane.peer(b.key)?.path.kind).toBe('direct');
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

test('a peer that names one disco key after another keeps nobody busy', async () => {
  const { clock, a, b } = await pair();
  a.send(echo(a, b, 1));
  await clock.advance(1_000);
  const adopted = vi.spyOn(Magicsock.prototype, 'adoptDiscoKey');
  for (let i = 0; i < 100; i++) {
    const key = discoKeyFrom(publicOf(testKey(150 + (i % 100))));
    b.plane.send(a.key, encodeDiscoKey(b.ip, a.ip, key));
    await clock.advance(50);
  }
  expect(adopted.mock.calls.length).toBeGreaterThan(2);
  expect(adopted.mock.calls.length).toBeLessThan(12);
  adopted.mockRestore();
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
