/** For tests: a backend with a fake coordination server, a fake data plane, a clock that stands still and a store in memory. */
import { generatePrivate, publicOf } from '#shared/crypto/x25519.ts';
import { RhumbError } from '#shared/errors.ts';
import { discoKeyFrom, machineKeyFrom, type NodeKey, nodeKeyFrom, type PrivateKey } from '#shared/key/key.ts';
import type { Notify } from '#shared/localapi/notify.ts';
import { silent } from '#shared/log/log.ts';
import { FakeClock, settle } from '#shared/testing/fake-clock.ts';
import type { Hostinfo } from '#shared/wire/hostinfo.ts';
import { type Node, node } from '#shared/wire/node.ts';
import type { NodeAnswer, NodeCall } from '../control/node-calls.ts';
import type {
  ControlClient,
  ControlEndpoint,
  ControlEvents,
  MapChange,
  NetworkMap,
  PingAnswer,
} from '../control/types.ts';
import { Health } from '../health/health.ts';
import type { KillSwitch } from '../router/types.ts';
import type { MapCache } from '../store/map-cache.ts';
import { memoryStore, type StateStore } from '../store/state-store.ts';
import { NO_RELAY_STATUS, type RelayStatus } from '../underlay/relay-status.ts';
import { Backend } from './backend.ts';
import { hostinfoOf } from './hostinfo.ts';
import { newLockPrivate } from './lock-key.ts';
import type { ControlSetup } from './login.ts';
import type { DataPlane, PlaneConfig, PlaneEvents, PlanePeerStatus } from './plane.ts';
import { Profiles } from './profiles.ts';

export class FakeControl implements ControlClient {
  readonly setup: ControlSetup;
  readonly events: ControlEvents;
  readonly logins: { readonly interactive: boolean; readonly authKey?: string | undefined }[] = [];
  endpoints: readonly ControlEndpoint[] = [];
  paused = false;
  logouts = 0;
  logoutError: string | undefined;
  disposed = false;

  constructor(setup: ControlSetup, events: ControlEvents) {
    this.setup = setup;
    this.events = events;
  }
  login(options: { readonly interactive: boolean; readonly authKey?: string | undefined }): void {
    this.logins.push(options);
  }
  async logout(): Promise<void> {
    this.logouts++;
    if (this.logoutError !== undefined) throw new RhumbError('unavailable', this.logoutError);
  }
  readonly asked: NodeCall[] = [];
  answer: NodeAnswer | undefined;
  expiresAt = 0;
  async setExpirySooner(expiryMs: number): Promise<void> {
    this.expiresAt = expiryMs;
  }
  async ask(request: NodeCall): Promise<NodeAnswer> {
    this.asked.push(request);
    if (this.answer === undefined) throw new RhumbError('unavailable', 'the server is out of reach');
    return this.answer;
  }
  hostinfo: Hostinfo | undefined;
  setHostinfo(hostinfo: Hostinfo): void {
    this.hostinfo = hostinfo;
  }
  setEndpoints(endpoints: readonly ControlEndpoint[]): void {
    this.endpoints = endpoints;
  }
  setPaused(paused: boolean): void {
    this.paused = paused;
  }
  retryNow(): void {}
  readonly answers: PingAnswer[] = [];
  answerPing(_request: unknown, answer: PingAnswer): void {
    this.answers.push(answer);
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.disposed = true;
  }
}

export class FakePlane implements DataPlane {
  readonly discoKey = discoKeyFrom(publicOf(generatePrivate()));
  readonly hasTun = true;
  events: PlaneEvents | undefined;
  config: PlaneConfig | undefined;
  /** What keeps packets in while there is no configuration. */
  closed: KillSwitch | undefined;
  configures = 0;
  failure: string | undefined;
  readonly live = new Map<NodeKey, PlanePeerStatus>();
  readonly sent: { readonly to: NodeKey; readonly packet: Uint8Array }[] = [];
  inner: ((from: NodeKey, packet: Uint8Array) => void) | undefined;

  attach(events: PlaneEvents): void {
    this.events = events;
  }
  async configure(config: PlaneConfig | undefined, closed?: KillSwitch | undefined): Promise<void> {
    await settle();
    this.configures++;
    if (this.failure !== undefined) throw new RhumbError('unavailable', this.failure);
    this.config = config;
    this.closed = closed;
  }
  peer(key: NodeKey): PlanePeerStatus | undefined {
    return this.live.get(key);
  }
  send(to: NodeKey, packet: Uint8Array): void {
    this.sent.push({ to, packet });
  }
  onInner(handle: (from: NodeKey, packet: Uint8Array) => void): void {
    this.inner = handle;
  }
  readonly pingSizes: number[] = [];
  async discoPing(
    _key: NodeKey,
    _signal: AbortSignal,
    size: number,
  ): Promise<{
    readonly endpoint: { ip: string; port: number };
    readonly latencyMs: number;
  }> {
    this.pingSizes.push(size);
    return { endpoint: { ip: '192.0.2.7', port: 41_641 }, latencyMs: 12 };
  }
  controlUp = false;
  setControlUp(isUp: boolean): void {
    this.controlUp = isUp;
  }
  relays(): RelayStatus {
    return NO_RELAY_STATUS;
  }
  stats(): Readonly<Record<string, bigint>> {
    return {};
  }
  filterReport(): ReturnType<DataPlane['filterReport']> {
    return { shieldsUp: false, rules: [], refusals: [], counters: {} };
  }
  capture(): void {}
  owns(): boolean {
    return true;
  }
  endpoints(): readonly ControlEndpoint[] {
    return [{ addr: '192.0.2.1:41641', type: 1 }];
  }
  async [Symbol.asyncDispose](): Promise<void> {}
}

export class MemoryMapCache implements MapCache {
  content: string | undefined;
  async read(): Promise<string | undefined> {
    return this.content;
  }
  put(encode: () => string): void {
    this.content = encode();
  }
  async clear(): Promise<void> {
    this.content = undefined;
  }
  async flush(): Promise<void> {}
}

export const USER_ID = 9_007_199_254_740_993n;

export interface NodeOptions {
  readonly id: number | bigint;
  readonly key?: NodeKey;
  readonly name?: string;
  readonly expiresAt?: number;
  readonly more?: Partial<Node>;
}

/** A node of the network as the control client hands it over. */
export function fakeNode({ id, key, name, expiresAt, more }: NodeOptions): Node {
  const low = Number(BigInt(id) % 250n) + 1;
  return {
    ...node.parse({
      ID: id,
      StableID: `n${id}`,
      Name: `${name ?? `host-${low}`}.tail.example.`,
      User: USER_ID,
      Machine: machineKeyFrom(new Uint8Array(32).fill(low)),
      DiscoKey: discoKeyFrom(new Uint8Array(32).fill(low)),
      Addresses: [`100.64.0.${low}/32`, `fd7a:115c:a1e0::${low.toString(16)}/128`],
      Endpoints: [`192.0.2.${low}:41641`],
      Hostinfo: { OS: 'linux', Hostname: name ?? `host-${low}` },
      Online: true,
      MachineAuthorized: true,
    }),
    Key: key ?? nodeKeyFrom(new Uint8Array(32).fill(low)),
    KeyExpiry: expiresAt,
    ...more,
  };
}

export function fakeMap(self: Node, peers: readonly Node[], more: Partial<NetworkMap> = {}): NetworkMap {
  return {
    self,
    nodeKey: self.Key ?? nodeKeyFrom(new Uint8Array(32)),
    machineKey: machineKeyFrom(new Uint8Array(32).fill(9)),
    peers: new Map(peers.map((peer) => [String(peer.ID), peer])),
    users: new Map([
      [
        String(USER_ID),
        {
          ID: USER_ID,
          LoginName: 'alice@example.com',
          DisplayName: 'Alice',
          ProfilePicURL: undefined,
          Groups: undefined,
        },
      ],
    ]),
    dns: undefined,
    derpMap: undefined,
    domain: 'example.com',
    filter: undefined,
    sshPolicy: undefined,
    collectServices: undefined,
    health: [],
    displayMessages: new Map(),
    clockSkewMs: 0,
    ...more,
  };
}

export const FULL: MapChange = { kind: 'full', self: true, changed: [], removed: [], other: true };

export interface World {
  readonly backend: Backend;
  readonly plane: FakePlane;
  readonly clock: FakeClock;
  readonly store: StateStore;
  readonly mapCache: MemoryMapCache;
  readonly controls: FakeControl[];
  /** Everything that a watcher with all bits saw. */
  readonly seen: Notify[];
  /** The newest client. */
  readonly control: () => FakeControl;
  /** Lets everything that was asked for happen. */
  readonly settle: () => Promise<void>;
  /** Logs in with a fresh key and hands over a map with these peers. */
  readonly join: (peers?: readonly Node[], more?: Partial<NetworkMap>) => Promise<NetworkMap>;
}

/** Maps in the fake world are kept as objects; the codec has its own tests. */
const kept = new Map<string, NetworkMap>();

export interface WorldOptions {
  readonly store?: StateStore;
  readonly mapCache?: MemoryMapCache;
  readonly clock?: FakeClock;
  /** In place of the fake one, which then hears of nothing. */
  readonly dataPlane?: DataPlane;
  /** Nobody watches, so nothing is `seen`. */
  readonly isUnwatched?: boolean;
}

export async function fakeWorld(options: WorldOptions = {}): Promise<World> {
  const clock = options.clock ?? new FakeClock();
  const store = options.store ?? memoryStore();
  const mapCache = options.mapCache ?? new MemoryMapCache();
  const plane = new FakePlane();
  const controls: FakeControl[] = [];
  let ids = 0;
  const backend = await Backend.open({
    clock,
    random: () => 0.5,
    log: silent,
    version: '1.2.3-t0123456789',
    profiles: new Profiles({
      store,
      newPrivateKey: generatePrivate,
      newLockKey: newLockPrivate,
      newId: () => (0x1000 + ids++).toString(16),
      nowMs: () => clock.now(),
    }),
    mapCache,
    mapCodec: {
      encode: (map) => {
        const id = `map ${kept.size}`;
        kept.set(id, map);
        return id;
      },
      decode: (text) => kept.get(text),
    },
    plane: options.dataPlane ?? plane,
    openControl: (setup, events) => {
      const control = new FakeControl(setup, events);
      controls.push(control);
      return control;
    },
    hostinfo: (prefs, { netInfo, peerApi }) =>
      hostinfoOf({
        netInfo,
        peerApi,
        version: '1.2.3',
        logId: '0'.repeat(64),
        prefs,
        userspace: false,
        facts: {
          os: 'linux',
          osVersion: '6.1',
          distro: 'debian',
          distroVersion: '13',
          distroCodeName: 'trixie',
          container: false,
          machine: 'x86_64',
          goArch: 'amd64',
          hostname: 'here',
          hasIpv6: true,
        },
      }),
    os: { name: 'linux', hostname: 'here' },
    health: (changed) => new Health(clock, changed),
    newSessionId: () => 'session-1',
  });
  const seen: Notify[] = [];
  const watcher = backend.bus.add(0x7fff_ffff & ~(256 | 8_192 | 65_536), { uid: 0 });
  if (options.isUnwatched === true) backend.bus.remove(watcher);
  const drain = (async (): Promise<void> => {
    for (;;) {
      const message = await watcher.next(new AbortController().signal);
      if (message === undefined) return;
      seen.push(message);
    }
  })();
  const control = (): FakeControl => {
    const last = controls.at(-1);
    if (last === undefined) throw new Error('no control client was opened');
    return last;
  };
  const settleAll = async (): Promise<void> => {
    for (let i = 0; i < 4; i++) {
      await backend.idle();
      await settle();
    }
    await Promise.race([drain, settle()]);
  };
  const join = async (peers: readonly Node[] = [], more: Partial<NetworkMap> = {}): Promise<NetworkMap> => {
    const key: PrivateKey = generatePrivate();
    const map = fakeMap(fakeNode({ id: 1, key: nodeKeyFrom(publicOf(key)), name: 'here' }), peers, more);
    control().events.loginFinished({
      nodeKey: key,
      oldNodeKey: undefined,
      user: undefined,
      login: undefined,
      machineAuthorized: true,
    });
    control().events.connection({ up: true });
    control().events.netmap(map, FULL);
    await settleAll();
    return map;
  };
  return { backend, plane, clock, store, mapCache, controls, seen, control, settle: settleAll, join };
}

/** A direct path for a live peer. */
export const direct = (addr: string): PlanePeerStatus['path'] => ({
  kind: 'direct',
  addr,
  region: undefined,
  sinceMs: 1,
  latencyMs: 1,
  why: undefined,
  isSought: false,
});
