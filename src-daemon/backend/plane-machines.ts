/** For tests: machines with the real data plane on a simulated wire, a relay in memory, and a router that only notes. */
import { publicOf } from '#shared/crypto/x25519.ts';
import { looksLikeDisco } from '#shared/disco/envelope.ts';
import { parseSockAddr, type SockAddr } from '#shared/ip/address.ts';
import { type NodeKey, nodeKeyFrom } from '#shared/key/key.ts';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { createPortableEngine } from '../engine/portable.ts';
import type { MemoryTun, PacketEngine } from '../engine/types.ts';
import { type KillSwitch, NO_FIREWALL, type Router, type RouterConfig } from '../router/types.ts';
import { openHandshakeTime } from '../store/handshake-time.ts';
import { memoryStore } from '../store/state-store.ts';
import { testKey } from '../testing/tunnel-host.ts';
import { SimulatedWire, seeded } from '../testing/wire.ts';
import type { Around, OpenUnderlay } from '../underlay/open.ts';
import type { Mapper } from '../underlay/ports.ts';
import { FakeRelays, quietUnderlay } from '../underlay/testing/fake-parts.ts';
import { encodeEchoRequest } from './inner-packets.ts';
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
export class MemoryRelay {
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
export const REGION = 7;
const RELAY_DELAY_MS = 20;

export async function machine(
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

export const echo = (from: Machine, to: Machine, sequence: number): Uint8Array =>
  encodeEchoRequest({ from: from.ip, to: to.ip, ident: 1, sequence });

export async function pair(): Promise<{ clock: FakeClock; wire: SimulatedWire; a: Machine; b: Machine }> {
  const clock = new FakeClock();
  const wire = new SimulatedWire(clock, seeded(9));
  const [a, b] = [await machine(clock, wire, 1), await machine(clock, wire, 2)];
  await a.plane.configure(a.configWith(b));
  await b.plane.configure(b.configWith(a));
  return { clock, wire, a, b };
}
