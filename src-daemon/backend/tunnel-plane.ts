/** The real data plane: packet engine, WireGuard core, path choice and router behind one wanted configuration. */
import type { Clock, Random } from '#shared/async/clock.ts';
import { equal } from '#shared/bytes/bytes.ts';
import { publicOf } from '#shared/crypto/x25519.ts';
import { looksLikeDisco } from '#shared/disco/envelope.ts';
import { RhumbError } from '#shared/errors.ts';
import { SERVICE_IP, SERVICE_IP6, type SockAddr } from '#shared/ip/address.ts';
import {
  type DiscoKey,
  type NodeKey,
  nodeKeyFrom,
  type PrivateKey,
  shortKey,
  ZERO_NODE_KEY,
} from '#shared/key/key.ts';
import type { Log } from '#shared/log/log.ts';
import { usableFamilies } from '#shared/node/interfaces.ts';
import type { ControlEndpoint } from '../control/types.ts';
import type { LocalNames } from '../dns/local-names.ts';
import { Tunnel } from '../engine/tunnel.ts';
import type { EngineRecord, PacketEngine, PeerId, Tap } from '../engine/types.ts';
import { Magicsock } from '../magicsock/magicsock.ts';
import type { MagicsockOptions } from '../magicsock/types.ts';
import { hasNetwork, localAddresses } from '../netmon/local-addresses.ts';
import type { NetworkSnapshot } from '../netmon/snapshot.ts';
import type { PeerApi } from '../peerapi/server.ts';
import type { KillSwitch, Router } from '../router/types.ts';
import type { HandshakeTime } from '../store/handshake-time.ts';
import type { OpenUnderlay } from '../underlay/open.ts';
import type { RelayStatus } from '../underlay/relay-status.ts';
import type { Underlay } from '../underlay/underlay.ts';
import { DiscoKeys } from './disco-keys.ts';
import { decodeInner } from './inner-packets.ts';
import { PathHistory } from './path-history.ts';
import { PeerIds } from './peer-ids.ts';
import { PeerViews } from './peer-views.ts';
import type {
  DataPlane,
  DiscoPong,
  FilterReport,
  PlaneConfig,
  PlaneEvents,
  PlanePeerStatus,
} from './plane.ts';
import { asControlEndpoint, Ways } from './plane-path.ts';
import { PlanePeers } from './plane-peers.ts';
import { PlaneRouter } from './plane-router.ts';
import { Refusals } from './refusals.ts';
import { SocketRepair } from './socket-repair.ts';
import { StaleSessions } from './stale-sessions.ts';

/** What WireGuard over IPv6 fits into a 1360-byte datagram; peers probe for more later (data-plane.md §2.13). */
export const TUNNEL_MTU = 1_280;

/** The resolver's and other services' of this host (localapi-and-daemon.md §7.1): nothing to them may ever reach a peer. */
const SERVICE_ADDRESSES: readonly string[] = [SERVICE_IP, SERVICE_IP6];

export interface NamesWorld {
  readonly trouble: PlaneEvents['trouble'];
  /** A packet to this host, as if it came out of the tunnel. */
  readonly toHost: (packet: Uint8Array) => void;
}

export interface TunnelPlaneDeps {
  /** Started already. */
  readonly engine: PacketEngine;
  /** Undefined without a TUN device. */
  readonly router: Router | undefined;
  /** What of these routes the kernel does not forward to, with the remedy; '' = nothing. */
  readonly checkForwarding?: ((routes: readonly string[]) => string) | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly discoPrivate: PrivateKey;
  /** The disco key is that of an earlier run, so peers can't tell that we started anew. */
  readonly isResumed: boolean;
  readonly handshakeTime: HandshakeTime;
  readonly openUnderlay: OpenUnderlay;
  readonly paths?: MagicsockOptions | undefined;
  /** Keeps the machine's names as the network wants them; undefined where there is no device to reach it by. */
  readonly openNames?: ((world: NamesWorld) => LocalNames) | undefined;
  /** Listens for peers on our own addresses; `changed` hears where. */
  readonly openPeerApi?: ((changed: (at: readonly SockAddr[]) => void) => PeerApi) | undefined;
  /** The TUN device can't be used any more. */
  readonly deviceLost: (detail: string) => void;
}

export class TunnelPlane implements DataPlane {
  readonly peers: PeerViews;
  readonly #deps: TunnelPlaneDeps;
  readonly #log: Log;
  /** That of the sockets; while they are dead the engine has none. */
  readonly #port: number;
  readonly #ids = new PeerIds();
  readonly #magicsock: Magicsock;
  readonly #underlay: Underlay;
  readonly #stale = new StaleSessions();
  #filter: PlaneConfig['filter'] | undefined;
  #flags: PlaneConfig['engineFlags'] | undefined;
  readonly #repair: SocketRepair;
  readonly #routes: PlaneRouter | undefined;
  readonly #refusals: Refusals;
  readonly #names: LocalNames | undefined;
  readonly #peerApi: PeerApi | undefined;
  readonly #peers: PlanePeers;
  #derpMap: PlaneConfig['derpMap'];
  #tunnel: Tunnel | undefined;
  readonly #ways = new Ways();
  readonly #history = new PathHistory();
  readonly #discoKeys: DiscoKeys;
  /** Families in which this machine has an address besides loopback. */
  #families: ReadonlySet<4 | 6> = new Set();
  #events: PlaneEvents | undefined;
  #onInner: ((from: NodeKey, packet: Uint8Array) => void) | undefined;

  constructor(deps: TunnelPlaneDeps) {
    this.#deps = deps;
    this.#log = deps.log;
    const { engine, clock, log, discoPrivate } = deps;
    this.#port = engine.port;
    this.#routes = deps.router === undefined ? undefined : this.#openRoutes(deps.router);
    this.#repair = new SocketRepair({
      ...deps,
      bind: () => engine.apply([{ op: 'bind', port: this.#port }]),
      trouble: (error) => {
        this.#events?.trouble('no-udp4-bind', error);
        // Meanwhile the socket had no port, and what NATs know of the old one may be gone.
        if (error === undefined) this.#underlay.portIs();
      },
    });
    this.#refusals = new Refusals({
      log: log.child({ mod: 'filter' }),
      nowMs: () => clock.now(),
      tell: (peer, data) => void engine.inject([{ kind: 'to-peer', peer, data }]),
    });
    this.#names = deps.openNames?.({
      trouble: (what, error) => this.#events?.trouble(what, error),
      toHost: (data) => void engine.inject([{ kind: 'to-host', data }]),
    });
    this.#peerApi = deps.openPeerApi?.((at) => {
      engine.apply([{ op: 'tcp-open', at }]);
      this.#events?.peerApi(at);
    });
    if (deps.isResumed) this.#stale.restarted(engine.nowMs());
    const underlay = deps.openUnderlay({
      sendUdp: (to, data) => engine.inject([{ kind: 'udp', to, data }]) === 1,
      hasFamily: (family) => this.#families.has(family),
      port: () => engine.port,
      lastTrafficMs: () => this.peers.lastTrafficMs(),
      relayed: (region, from, data) => this.#relayed(region, from, data),
      peerGone: (_region, key) => this.#magicsock.relayPeerGone(key),
      endpoints: (list) => {
        this.#magicsock.endpointsChanged();
        this.#events?.endpoints(list.map(asControlEndpoint));
      },
      checked: (info, isCaptive) => this.#events?.netInfo(info, isCaptive),
      relaysChanged: () => {
        this.#magicsock.relayChanged();
        this.#events?.relays(underlay.relayStatus());
      },
    });
    this.#underlay = underlay;
    underlay.portIs();
    this.#magicsock = new Magicsock({
      sendUdp: (to, data, via) => void engine.inject([{ kind: 'udp', to, data, via }]),
      sendRelay: (region, to, data) => underlay.sendRelay(region, to, data),
      relayFor: (peer, home) => underlay.relayFor(peer, home),
      endpoints: () => underlay.ownAddresses(),
      refreshEndpoints: () => underlay.refresh(),
      nat: () => underlay.nat(),
      openSocket: (socket, family) => engine.apply([{ op: 'socket-open', socket, family }]),
      closeSocket: (socket) => engine.apply([{ op: 'socket-close', socket }]),
      setPath: (peer, path) => {
        engine.apply([{ op: 'path-set', peer, path }]);
        this.#history.note(peer, path, clock.now());
        if (this.#ways.isNews(peer, path)) this.#tunnel?.pathChanged(peer);
      },
      activity: (peers) => engine.peers(peers),
      met: (peer) => this.#tunnel?.reached(peer),
      options: deps.paths,
      nowMs: () => engine.nowMs(),
      clock,
      log: log.child({ mod: 'magicsock' }),
      discoPrivate,
      nodeKey: ZERO_NODE_KEY,
    });
    this.#peers = new PlanePeers(this.#ids, this.#magicsock);
    const shared = { engine, clock, ids: this.#ids, peers: this.#peers, magicsock: this.#magicsock };
    this.#discoKeys = new DiscoKeys(shared);
    this.peers = new PeerViews({
      ...shared,
      history: this.#history,
      session: (peer) => this.#tunnel?.peerStatus(peer),
    });
  }

  get discoKey(): DiscoKey {
    return this.#magicsock.discoKey;
  }

  get hasTun(): boolean {
    return this.#deps.engine.tunName !== undefined;
  }

  attach(events: PlaneEvents): void {
    this.#events = events;
  }

  onInner(handle: (from: NodeKey, packet: Uint8Array) => void): void {
    this.#onInner = handle;
  }

  async configure(config: PlaneConfig | undefined, closed?: KillSwitch | undefined): Promise<void> {
    // Before the attempt: what fails half-way must not open what was to be closed when the daemon ends.
    this.#routes?.keepClosed(config === undefined ? closed : config.firewall.killSwitch);
    if (config === undefined) await this.#takeDown();
    else await this.#bringUp(config);
  }

  peer(key: NodeKey): PlanePeerStatus | undefined {
    return this.peers.status(key);
  }

  owns(key: NodeKey, ip: string): boolean {
    const prefix = `${ip}/${ip.includes(':') ? 128 : 32}`;
    return this.#peers.get(key)?.allowedIps.includes(prefix) === true;
  }

  send(key: NodeKey, packet: Uint8Array): void {
    const peer = this.#ids.find(key);
    if (peer !== undefined) this.#deps.engine.inject([{ kind: 'to-peer', peer, data: packet }]);
  }

  async discoPing(key: NodeKey, signal: AbortSignal, size = 0): Promise<DiscoPong> {
    const id = this.#ids.find(key);
    if (id === undefined) throw new RhumbError('not-found', `no tunnel to ${shortKey(key)}`);
    return await this.#magicsock.ping(id, signal, size);
  }

  setControlUp(isUp: boolean): void {
    this.#underlay.setControlUp(isUp);
  }

  relays(): RelayStatus {
    return this.#underlay.relayStatus();
  }

  stats(): Readonly<Record<string, bigint>> {
    return this.#tunnel?.stats() ?? this.#deps.engine.stats();
  }

  filterReport(): FilterReport {
    const counts = this.#deps.engine.filterRules();
    const rules = (this.#filter ?? []).map((rule, i) => ({
      rule,
      ...(counts[i] ?? { passed: 0, nearMisses: 0 }),
    }));
    return {
      shieldsUp: this.#refusals.shieldsUp,
      rules,
      refusals: this.#refusals.recent,
      counters: this.#refusals.counters(),
    };
  }

  refusalCounters(): Readonly<Record<string, number>> {
    return this.#refusals.counters();
  }

  peerApiCounters(): Readonly<Record<string, number>> {
    return this.#peerApi?.counters() ?? {};
  }

  /** New sockets on the same port; NATs may know us by another one afterwards. */
  rebind(): void {
    this.#deps.engine.apply([{ op: 'bind', port: this.#port }]);
    this.#magicsock.networkChanged();
    this.#underlay.portIs();
  }

  /** Looks at the network under us anew. */
  checkNetwork(): void {
    this.#underlay.check('asked');
  }

  /** Relays are dialled again. */
  breakRelays(): void {
    this.#underlay.breakRelays();
  }

  capture(tap: Tap | undefined): void {
    this.#deps.engine.setTap(tap);
  }

  relayCounters(): Readonly<Record<string, number>> {
    return this.#underlay.relayCounters();
  }

  stunCounters(): Readonly<Record<string, number>> {
    return this.#underlay.stunCounters();
  }

  /** Disco messages and drops by name. */
  discoCounters(): Readonly<Record<string, number>> {
    return this.#magicsock.counters();
  }

  endpoints(): readonly ControlEndpoint[] {
    return this.#underlay.endpoints.map(asControlEndpoint);
  }

  /** The machine's network as it is now: at start and after each change. */
  networkIs(snapshot: NetworkSnapshot, isMajor: boolean): void {
    const tunName = this.#deps.engine.tunName;
    const isUp = hasNetwork(snapshot.addresses, tunName);
    this.#families = usableFamilies();
    // First, so that peers are called with addresses of this network: those of the last one are forgotten here.
    this.#underlay.networkIs(localAddresses(snapshot.addresses, { tunName }), { isMajor, isUp });
    if (isMajor) this.#magicsock.networkChanged();
    // Whatever changed the network may have touched our routes too.
    this.#routes?.forget();
    const beside = snapshot.addresses.filter(({ interfaceName }) => interfaceName !== tunName);
    this.#events?.network(
      isUp,
      beside.map(({ ip, bits }) => `${ip}/${bits}`),
    );
    if (isMajor) this.#names?.networkChanged();
    if (isMajor) this.#events?.linkChanged();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#repair.close();
    try {
      await this.#takeDown();
    } finally {
      await this.#routes?.[Symbol.asyncDispose]();
      await this.#peerApi?.[Symbol.asyncDispose]();
      await this.#names?.[Symbol.asyncDispose]();
      await this.#underlay[Symbol.asyncDispose]();
      await this.#magicsock[Symbol.asyncDispose]();
      this.#tunnel?.close();
    }
  }

  #openRoutes(router: Router): PlaneRouter {
    const { checkForwarding, clock, log } = this.#deps;
    return new PlaneRouter({
      router,
      checkForwarding,
      mtu: TUNNEL_MTU,
      udpPort: this.#port,
      clock,
      log,
      trouble: (what, error) => this.#events?.trouble(what, error),
    });
  }

  /** Peers first, routes last: what the kernel sends into the tunnel finds its peer there. */
  async #bringUp(config: PlaneConfig): Promise<void> {
    const { engine } = this.#deps;
    const publicKey = publicOf(config.privateKey);
    // Another network's relays must not see the key that we had in this one.
    if (this.#tunnel !== undefined && !equal(this.#tunnel.publicKey, publicKey))
      this.#underlay.setIdentity(undefined);
    const tunnel = this.#tunnelWith(config.privateKey);
    this.#magicsock.setNodeKey(nodeKeyFrom(publicKey));
    engine.apply([
      {
        op: 'local-ips',
        own: config.addresses.map(withoutBits),
        service: SERVICE_ADDRESSES,
        forwarded: config.accepts,
        beside: config.beside,
      },
    ]);
    // Before the peers: nothing of theirs may pass unjudged.
    if (this.#filter !== config.filter) engine.apply([{ op: 'filter-set', rules: config.filter }]);
    this.#filter = config.filter;
    if (this.#flags !== config.engineFlags) engine.apply([{ op: 'flags-set', flags: config.engineFlags }]);
    this.#flags = config.engineFlags;
    this.#refusals.shieldsUp = config.shieldsUp;
    const { isWhole, set, gone, cut } = this.#peers.apply(config, tunnel);
    this.#forget(gone);
    this.#setRelays(config, { isOther: set.length + gone.length > 0, isWhole });
    for (const key of this.#stale.toGreet(config.peers, engine.nowMs())) this.#greetKey(key);
    // The session that ended with the old number may have been made after the peer's start: it must not wait for its end.
    for (const key of cut) this.#greetKey(key);
    if (this.#routes === undefined) return;
    await this.#routes.apply(config);
    const own = config.addresses.map(withoutBits);
    const inside = { routes: config.routes, except: config.localRoutes };
    await this.#names?.configure({ wish: config.dns, own, inside });
    await this.#peerApi?.configure(own);
  }

  /** Most maps change neither the relays nor whom they must reach. */
  #setRelays(config: PlaneConfig, peers: { readonly isOther: boolean; readonly isWhole: boolean }): void {
    const { derpMap, privateKey } = config;
    const isOther = derpMap !== this.#derpMap;
    this.#derpMap = derpMap;
    if (isOther || peers.isOther || peers.isWhole)
      this.#underlay.setMap(
        derpMap,
        config.peers.map(({ homeRegion }) => homeRegion ?? 0),
      );
    this.#underlay.setIdentity(privateKey);
    if (isOther || peers.isWhole) this.#magicsock.relayChanged();
  }

  /** Names and routes first, so that nothing is sent into a tunnel that has gone. */
  async #takeDown(): Promise<void> {
    const { engine } = this.#deps;
    await this.#peerApi?.configure([]);
    await this.#names?.takeBack();
    await this.#routes?.clear();
    this.#stale.stopped(
      this.#ids
        .all()
        .filter(([, id]) => this.#tunnel?.peerStatus(id)?.state === 'established')
        .map(([key]) => key),
      engine.nowMs(),
    );
    this.#underlay.setIdentity(undefined);
    const gone = this.#ids.all().map(([, id]) => id);
    this.#peers.clear(this.#tunnel);
    this.#forget(gone);
    engine.apply([{ op: 'local-ips', own: [], service: SERVICE_ADDRESSES, forwarded: [] }]);
  }

  /** Of peers that are no more; those that come back have other numbers. */
  #forget(peers: readonly PeerId[]): void {
    this.#history.forget(peers);
    this.#ways.forget(peers);
    this.#discoKeys.forget(peers);
  }

  #tunnelWith(privateKey: PrivateKey): Tunnel {
    if (this.#tunnel !== undefined) {
      this.#tunnel.setPrivateKey(privateKey);
      return this.#tunnel;
    }
    const { engine, clock, random, log, handshakeTime } = this.#deps;
    this.#tunnel = new Tunnel({
      engine,
      privateKey,
      timestampFloorMs: handshakeTime.floorMs,
      onTimestamp: (ceilingMs) => handshakeTime.sent(ceilingMs),
      clock,
      random,
      log: log.child({ mod: 'wireguard' }),
      onRecord: (record) => this.#record(record),
      onEstablished: (peer) => {
        this.#discoKeys.tell(peer);
        this.#events?.peerUp();
      },
    });
    return this.#tunnel;
  }

  #record(record: EngineRecord): void {
    switch (record.type) {
      case 'disco':
        this.#magicsock.handleDisco(record.from, record.data, record.via);
        return;
      case 'stun':
        // Answers count only where WireGuard itself is: extra sockets have mappings of their own.
        if (record.via === undefined || record.via === 0) this.#underlay.handleStun(record.from, record.data);
        return;
      case 'relay-out': {
        const key = this.#ids.keyOf(record.peer);
        if (key !== undefined) this.#underlay.sendRelay(record.region, key, record.data);
        return;
      }
      case 'need-path':
      case 'peer-active':
        this.#underlay.noteTraffic();
        this.#magicsock.wantPath(record.peer);
        return;
      case 'new-address':
        this.#magicsock.newAddress(record.peer, record.from, record.via);
        return;
      case 'path-error':
        if (record.peer !== undefined) this.#magicsock.pathError(record.peer, record.code);
        return;
      case 'tsmp':
      case 'icmp-echo-reply':
        this.#forUs(record);
        return;
      case 'device':
        if (record.what === 'socket-dead') {
          this.#repair.dead(record.detail);
          return;
        }
        this.#events?.trouble('tun-device', record.detail);
        this.#deps.deviceLost(record.detail);
        return;
      case 'filtered':
        this.#refusals.filtered(record);
        return;
      case 'unknown-destination':
        this.#log('debug', 'packet.no-peer', { ip: record.ip });
        return;
      case 'handshake':
      case 'need-handshake':
      case 'key-confirmed':
      case 'offload':
      case 'tun-error':
        return;
      case 'local':
        this.#names?.packet(record.data);
        return;
      default:
        record satisfies never;
    }
  }

  /** What a peer sent to the daemon itself, through the tunnel. */
  #forUs(record: Extract<EngineRecord, { readonly type: 'tsmp' | 'icmp-echo-reply' }>): void {
    const told = record.type === 'tsmp' ? decodeInner(record.data) : undefined;
    if (told?.kind === 'disco-key') {
      this.#discoKeys.heard(record.peer, told.key);
      return;
    }
    const key = this.#ids.keyOf(record.peer);
    if (key === undefined) return;
    if (told?.kind === 'refused') this.#refusals.heard(key, told);
    else this.#onInner?.(key, record.data.slice());
  }

  /** A packet from a relay: `from` is whom the relay let in under that key, and the key proves nothing else. */
  #relayed(region: number, from: NodeKey, data: Uint8Array): void {
    if (looksLikeDisco(data)) {
      this.#magicsock.handleRelayedDisco(region, from, data);
      return;
    }
    const peer = this.#ids.find(from);
    if (peer !== undefined) this.#deps.engine.inject([{ kind: 'relay-in', peer, region, data }]);
  }

  #greetKey(key: NodeKey): void {
    const id = this.#ids.find(key);
    if (id !== undefined) this.#greet(id);
  }

  /** A handshake, unless there is a session already. */
  #greet(peer: PeerId): void {
    if (this.#tunnel?.peerStatus(peer)?.state === 'none')
      this.#deps.engine.apply([{ op: 'send-keepalive', peer }]);
  }
}

const withoutBits = (prefix: string): string => prefix.slice(0, prefix.indexOf('/'));
