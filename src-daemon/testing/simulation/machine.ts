/** One simulated machine: the real path choice between a model engine, modelled relays and simulated sockets. */
import type { Random } from '#shared/async/clock.ts';
import { looksLikeDisco } from '#shared/disco/envelope.ts';
import type { SockAddr } from '#shared/ip/address.ts';
import type { DiscoKey, NodeKey, PrivateKey } from '#shared/key/key.ts';
import { silent } from '#shared/log/log.ts';
import { Magicsock } from '../../magicsock/magicsock.ts';
import type { EnginePath, MagicsockDeps, PeerConfig, PeerId } from '../../magicsock/types.ts';
import type { Host } from '../network/host.ts';
import { isV6 } from '../network/network.ts';
import type { SimClock } from '../network/sim-clock.ts';
import { type MachinePlan, routersOf, type World } from '../network/world.ts';
import type { EngineEvents, EnginePort, ModelPacket } from './engine-port.ts';
import { MachineClock } from './machine-clock.ts';
import { ModelEngine } from './model-engine.ts';
import { RealEngine } from './real-engine.ts';
import { type Relay, RelayClient, type StreamPath } from './relays.ts';
import { ModelUnderlay } from './underlay.ts';

/** What others must know of a machine; the control server's part. */
export interface Facts {
  readonly index: number;
  readonly nodeKey: NodeKey;
  readonly discoKey: DiscoKey;
  readonly endpoints: readonly SockAddr[];
  readonly homeRegion: number;
}

export interface MachineEvents {
  /** Facts changed. */
  changed(machine: Machine): void;
  delivered(machine: Machine, from: number, packet: ModelPacket, isDirect: boolean): void;
  /** A datagram is about to leave from a socket of path choice or engine. */
  sent(machine: Machine, to: SockAddr, kind: 'disco' | 'data' | 'stun', bytes: number): void;
  path(machine: Machine, peer: number, path: EnginePath): void;
}

export interface MachineDeps {
  readonly clock: SimClock;
  readonly random: Random;
  readonly world: World;
  readonly index: number;
  readonly plan: MachinePlan;
  readonly nodeKey: NodeKey;
  readonly discoPrivate: PrivateKey;
  /** With one the machine has the real engine and tunnel. */
  readonly wireguardPrivate?: PrivateKey | undefined;
  readonly relays: ReadonlyMap<number, Relay>;
  readonly events: MachineEvents;
  /** Makes path choice worse, to see that it is noticed. */
  readonly tamper?: Tamper | undefined;
}

export type Tamper = (deps: MagicsockDeps, machine: Machine) => MagicsockDeps;

/** Traffic this recent keeps the network check going (nat-traversal.md §2.8). */
const ACTIVE_MS = 45_000;
const LINK_NEWS_MS = 100;

export const idOf = (index: number): PeerId => index + 1;
const indexOf = (id: PeerId): number => id - 1;

export class Machine {
  readonly index: number;
  readonly nodeKey: NodeKey;
  readonly host: Host;
  readonly plan: MachinePlan;
  readonly engine: EnginePort;
  readonly relays: RelayClient;
  readonly underlay: ModelUnderlay;
  magicsock: Magicsock;
  wasInspected = false;
  readonly #deps: MachineDeps;
  readonly #clock: MachineClock;
  readonly #peers = new Map<number, { readonly nodeKey: NodeKey; readonly token: number }>();
  #configs: readonly PeerConfig[] = [];
  #discoPrivate: PrivateKey;
  #epoch = '';
  #lastTrafficMs = Number.NEGATIVE_INFINITY;

  constructor(deps: MachineDeps) {
    this.#deps = deps;
    const { clock, random, index, plan, world, relays } = deps;
    this.index = index;
    this.plan = plan;
    this.nodeKey = deps.nodeKey;
    this.host = world.machines[index] as Host;
    this.#clock = new MachineClock(clock);
    this.engine = this.#makeEngine();
    this.relays = new RelayClient({
      clock: this.#clock,
      random,
      key: deps.nodeKey,
      relays,
      path: () => this.streamPath(),
      events: {
        packet: (region, from, data) => this.#relayed(region, from, data),
        peerGone: (_, peer) => this.magicsock.relayPeerGone(peer),
        changed: (region, isConnected) => {
          this.magicsock.relayChanged();
          if (!isConnected && region === this.underlay.home) this.underlay.homeLost();
        },
      },
    });
    this.underlay = new ModelUnderlay({
      clock: this.#clock,
      random,
      regions: () => [...relays.keys()],
      sendUdp: (to, data) => {
        deps.events.sent(this, to, 'stun', data.length);
        this.engine.sendRaw(to, data, 0);
      },
      local: () => this.host.addresses().map((ip) => ({ ip, port: this.engine.portOf(isV6(ip) ? 6 : 4) })),
      mapped: () => this.#mapped(),
      relayTripMs: (region) => this.#relayTripMs(region),
      isActive: () => clock.monotonic() - this.#lastTrafficMs < ACTIVE_MS,
      changed: () => {
        this.magicsock.endpointsChanged();
        deps.events.changed(this);
      },
      setHome: (region) => {
        this.relays.setHome(region);
        this.magicsock.relayChanged();
      },
      awaited: () => clock.awaited(),
    });
    this.#discoPrivate = deps.discoPrivate;
    this.magicsock = this.#makeMagicsock(deps.discoPrivate);
  }

  async start(): Promise<void> {
    await this.engine.start();
    this.underlay.start();
  }

  /** A router on its way drops WireGuard's packets. */
  get isInspected(): boolean {
    const isNow = this.host
      .uplinks()
      .some(({ name }) =>
        routersOf(this.#deps.world.sites, siteOf(name)).some((router) => router.dropsWireguard),
      );
    this.wasInspected ||= isNow;
    return isNow;
  }

  get facts(): Facts {
    const { index, nodeKey } = this;
    const endpoints = this.underlay.endpoints().list;
    return { index, nodeKey, discoKey: this.magicsock.discoKey, endpoints, homeRegion: this.underlay.home };
  }

  /** Before it is ever configured; the token stands for the pair's WireGuard session. */
  meet(peer: { readonly index: number; readonly nodeKey: NodeKey }, token: number): void {
    this.#peers.set(peer.index, { nodeKey: peer.nodeKey, token });
    this.engine.add(idOf(peer.index), token, peer.nodeKey);
  }

  /** The control server's list of the others. */
  configure(list: readonly Facts[]): void {
    const next = list.map(({ index, nodeKey, discoKey, endpoints, homeRegion }) => ({
      peer: idOf(index),
      nodeKey,
      discoKey,
      endpoints,
      wireguardOnly: false,
      homeRegion,
    }));
    const isAnew = ({ peer, discoKey }: PeerConfig): boolean =>
      this.#configs.some((known) => known.peer === peer && known.discoKey !== discoKey);
    // A peer with another key has started anew: it is a new peer to all below (as by `PeerIds`).
    const restarted = next.filter(isAnew).map(({ peer }) => indexOf(peer));
    if (restarted.length > 0) this.magicsock.setPeers(next.filter((config) => !isAnew(config)));
    for (const index of restarted) {
      const known = this.#peers.get(index);
      if (known !== undefined) this.engine.add(idOf(index), known.token, known.nodeKey);
    }
    this.#configs = next;
    this.magicsock.setPeers(next);
    // It may have made a session with us before we heard of it, which has just been ended.
    for (const index of restarted) this.engine.greet(idOf(index));
  }

  /** The home region of a peer as this machine knows it. */
  knownHome(peer: number): number | undefined {
    return this.#configs.find(({ nodeKey }) => nodeKey === this.#peers.get(peer)?.nodeKey)?.homeRegion;
  }

  /** The disco key of a peer as this machine knows it. */
  knownDisco(peer: number): DiscoKey | undefined {
    return this.#configs.find(({ nodeKey }) => nodeKey === this.#peers.get(peer)?.nodeKey)?.discoKey;
  }

  send(peer: number, kind: ModelPacket['kind']): void {
    this.#lastTrafficMs = this.#deps.clock.monotonic();
    this.engine.send(idOf(peer), kind);
  }

  /** Interfaces or addresses changed, and the machine's link monitor sees it. */
  linkChanged(): void {
    this.#clock.after(LINK_NEWS_MS, () => {
      this.relays.networkChanged();
      this.magicsock.networkChanged();
      this.underlay.networkChanged();
    });
  }

  /** The map names it no longer. */
  regionRemoved(region: number): void {
    this.relays.forget(region);
    this.underlay.regionRemoved(region);
    this.magicsock.relayChanged();
  }

  suspend(): void {
    this.host.isAsleep = true;
    this.#clock.suspend();
  }

  resume(): void {
    this.host.isAsleep = false;
    this.#clock.resume();
    this.linkChanged();
  }

  /** The daemon begins anew and knows nothing of paths; it says so at once to those who may not see it (`StaleSessions`). */
  async restart(discoPrivate: PrivateKey | undefined): Promise<void> {
    if (discoPrivate !== undefined) this.#discoPrivate = discoPrivate;
    await this.magicsock[Symbol.asyncDispose]();
    for (const [index, { token, nodeKey }] of this.#peers) this.engine.add(idOf(index), token, nodeKey);
    this.magicsock = this.#makeMagicsock(this.#discoPrivate);
    this.magicsock.setPeers(this.#configs);
    for (const index of this.#peers.keys()) this.engine.greet(idOf(index));
    this.#deps.events.changed(this);
  }

  async close(): Promise<void> {
    await this.magicsock[Symbol.asyncDispose]();
    await this.engine.close();
  }

  /** How this machine's TCP reaches the Internet. */
  streamPath(): StreamPath {
    const uplink = this.host.uplinks().find(({ link, addresses }) => link.isUp && addresses.length > 0);
    if (uplink === undefined || this.host.isAsleep)
      return { delayMs: undefined, loss: 1, epoch: this.#epoch };
    let { delayMs, loss } = uplink.link;
    let isUp = true;
    const text = [uplink.name];
    for (const router of routersOf(this.#deps.world.sites, siteOf(uplink.name))) {
      const link = router.uplink;
      isUp &&= link.isUp;
      delayMs += link.delayMs;
      loss = 1 - (1 - loss) * (1 - link.loss);
      text.push(`${router.wanIp} ${router.reboots}`);
    }
    this.#epoch = text.join();
    return { delayMs: isUp ? delayMs : undefined, loss, epoch: this.#epoch };
  }

  #makeEngine(): EnginePort {
    const { events, plan, wireguardPrivate, random } = this.#deps;
    const engineEvents: EngineEvents = {
      stun: (data) => this.underlay.handleStun(data),
      disco: (from, data, via) => this.magicsock.handleDisco(from, data, via === 0 ? undefined : via),
      sending: (to, data) => events.sent(this, to, 'data', data.length),
      needPath: (peer) => this.magicsock.wantPath(peer),
      peerActive: (peer) => this.magicsock.wantPath(peer),
      newAddress: (peer, from, via) => this.magicsock.newAddress(peer, from, via === 0 ? undefined : via),
      pathError: (peer, code) => this.magicsock.pathError(peer, code),
      deliver: (peer, packet, isDirect) => this.#delivered(peer, packet, isDirect),
      sendRelay: (region, peer, data) => this.#sendRelay(region, peer, data),
    };
    const common = { clock: this.#clock, host: this.host, port: plan.port, events: engineEvents };
    if (wireguardPrivate === undefined) return new ModelEngine(common);
    return new RealEngine({ ...common, random, index: this.index, privateKey: wireguardPrivate });
  }

  #makeMagicsock(discoPrivate: PrivateKey): Magicsock {
    const { clock, random } = this.#deps;
    const parts: MagicsockDeps = {
      sendUdp: (to, data, via) => {
        this.#deps.events.sent(this, to, 'disco', data.length);
        this.engine.sendRaw(to, data, via ?? 0);
      },
      sendRelay: (region, to, data) => this.relays.send(region, to, data),
      relayFor: (peer, home) => this.relays.routeFor(peer, home),
      setPath: (peer, path) => {
        this.#deps.events.path(this, indexOf(peer), path);
        this.engine.setPath(peer, path);
      },
      activity: (peers) => this.engine.activity(peers),
      met: (peer) => this.engine.met(peer),
      endpoints: () => this.underlay.endpoints(),
      refreshEndpoints: () => this.underlay.refreshEndpoints(),
      nat: () => this.underlay.nat(),
      openSocket: (id, family) => this.engine.openSocket(id, family),
      closeSocket: (id) => this.engine.closeSocket(id),
      nowMs: () => clock.monotonic(),
      clock: this.#clock,
      log: silent,
      discoPrivate,
      nodeKey: this.nodeKey,
      random: (length) => Uint8Array.from({ length }, () => Math.floor(random() * 256)),
    };
    return new Magicsock(this.#deps.tamper?.(parts, this) ?? parts);
  }

  #sendRelay(region: number, peer: PeerId, data: Uint8Array): void {
    const known = this.#peers.get(indexOf(peer));
    if (known !== undefined) this.relays.send(region, known.nodeKey, data);
  }

  #relayed(region: number, from: NodeKey, data: Uint8Array): void {
    if (looksLikeDisco(data)) {
      this.magicsock.handleRelayedDisco(region, from, data);
      return;
    }
    for (const [index, { nodeKey }] of this.#peers)
      if (nodeKey === from) this.engine.relayed(idOf(index), region, data);
  }

  #delivered(peer: PeerId, packet: ModelPacket, isDirect: boolean): void {
    this.#lastTrafficMs = this.#deps.clock.monotonic();
    if (packet.kind === 'echo') this.engine.send(peer, 'answer');
    this.#deps.events.delivered(this, indexOf(peer), packet, isDirect);
  }

  #mapped(): SockAddr | undefined {
    if (this.plan.forward !== 'mapped') return undefined;
    const hasV4 = (addresses: readonly string[]): boolean => addresses.some((ip) => !isV6(ip));
    const uplink = this.host.uplinks().find(({ link, addresses }) => link.isUp && hasV4(addresses));
    const routers = uplink === undefined ? [] : routersOf(this.#deps.world.sites, siteOf(uplink.name));
    const inner = routers[0];
    // What a second router hides is of no use, and the protocols say so.
    if (inner?.wanIp === undefined || routers.length > 1) return undefined;
    const owner = inner.nat.forwards.get(this.plan.port)?.ip;
    if (owner === undefined || !this.host.addresses().includes(owner)) return undefined;
    return { ip: inner.wanIp, port: this.plan.port };
  }

  #relayTripMs(region: number): number | undefined {
    const relay = this.#deps.relays.get(region);
    const { delayMs } = this.streamPath();
    if (relay?.state !== 'up' || delayMs === undefined) return undefined;
    return 2 * (relay.delayMs + delayMs);
  }
}

/** Interfaces are named for their sites. */
const siteOf = (name: string): number => Number(name.slice('site'.length));
