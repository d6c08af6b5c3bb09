/** For tests: magicsocks over a simulated wire, NATs and relays under a fake clock, with as much of an engine as they see. */
import { generatePrivate, publicOf } from '#shared/crypto/x25519.ts';
import { looksLikeDisco } from '#shared/disco/envelope.ts';
import { formatSockAddr, type SockAddr } from '#shared/ip/address.ts';
import { type NodeKey, nodeKeyFrom } from '#shared/key/key.ts';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { Magicsock } from './magicsock.ts';
import type { EnginePath, MagicsockOptions, MappingSample, NatView, PeerConfig, SocketId } from './types.ts';

export const PORT = 41_641;
export const at = (ip: string, port = PORT): SockAddr => ({ ip, port });
const DATA = Uint8Array.of(4, 0, 0, 0);

/** Datagrams arrive after `delayMs`, at whoever holds the address then; what goes by relay after `relayDelayMs`. */
export class Wire {
  readonly clock = new FakeClock();
  readonly owners = new Map<string, (from: SockAddr, port: number, datagram: Uint8Array) => void>();
  readonly hosts = new Map<NodeKey, Host>();
  delayMs = 1;
  relayDelayMs = 5;
  sent = 0;
  relayed = 0;
  isRelayUp = true;
  /** What is lost on the way. */
  drop: (from: string, to: string, datagram: Uint8Array) => boolean = () => false;

  carry(from: SockAddr, to: SockAddr, datagram: Uint8Array): void {
    this.sent++;
    if (this.drop(from.ip, to.ip, datagram)) return;
    const copy = datagram.slice();
    this.clock.after(this.delayMs, () => this.owners.get(to.ip)?.(from, to.port, copy));
  }

  relay(from: NodeKey, to: NodeKey, datagram: Uint8Array): void {
    this.relayed++;
    if (!this.isRelayUp) return;
    const copy = datagram.slice();
    this.clock.after(this.relayDelayMs, () => this.hosts.get(to)?.receiveRelayed(from, copy));
  }
}

/** A NAT of one public address, for one host: each of its sockets shows a port, or one for each destination. */
export class Nat {
  readonly ip: string;
  readonly #options: { readonly kind: 'easy' | 'hard'; nextPort(): number };
  readonly #out = new Map<string, number>();
  readonly #in = new Map<number, { readonly inner: number; readonly peers: Set<string> }>();

  constructor(ip: string, options: { readonly kind: 'easy' | 'hard'; nextPort(): number }) {
    this.ip = ip;
    this.#options = options;
  }

  /** The port that `to` sees of the inner port; opens it for `to` alone. */
  leave(inner: number, to: SockAddr): number {
    const key = this.#options.kind === 'easy' ? `${inner}` : `${inner} ${formatSockAddr(to)}`;
    let port = this.#out.get(key);
    while (port === undefined || (!this.#out.has(key) && this.#in.has(port))) port = this.#options.nextPort();
    this.#out.set(key, port);
    const mapping = this.#in.get(port) ?? { inner, peers: new Set() };
    mapping.peers.add(formatSockAddr(to));
    this.#in.set(port, mapping);
    return port;
  }

  enter(from: SockAddr, port: number): number | undefined {
    const mapping = this.#in.get(port);
    return mapping?.peers.has(formatSockAddr(from)) === true ? mapping.inner : undefined;
  }

  /** Forgets every port it gave out, as one does that restarts. */
  rebind(): void {
    this.#out.clear();
    this.#in.clear();
  }

  get isHard(): boolean {
    return this.#options.kind === 'hard';
  }
}

/** A generator with a seed (mulberry32), so that a scene goes the same way each time. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const seededBytes = (seed: number): ((length: number) => Uint8Array) => {
  const next = seeded(seed);
  return (length) => Uint8Array.from({ length }, () => Math.floor(next() * 256));
};

export interface HostOptions {
  readonly nat?: Nat;
  readonly options?: MagicsockOptions;
}

const EXTRA_PORTS = 50_000;

/** A machine: its magicsock and as much of an engine as path choice sees. */
export class Host {
  readonly nodeKey: NodeKey = nodeKeyFrom(publicOf(generatePrivate()));
  readonly discoPrivate = generatePrivate();
  readonly magicsock: Magicsock;
  readonly paths = new Map<number, EnginePath>();
  readonly received: number[] = [];
  readonly sockets = new Set<SocketId>();
  /** Region by which peers are reached; undefined = no relay is known. */
  region: number | undefined;
  /** What is told to peers. */
  advertised: readonly SockAddr[] = [];
  endpointsAgeMs = 0;
  refreshed = 0;
  met = 0;
  maxSockets = 0;
  readonly #wire: Wire;
  readonly #nat: Nat | undefined;
  readonly #stun: MappingSample[] = [];
  #addresses: readonly string[] = [];
  #lastTx = 0;
  #lastRx = 0;
  #rxBest = 0;
  #unanswered = 0;

  constructor(wire: Wire, addresses: readonly string[], { nat, options }: HostOptions = {}) {
    this.#wire = wire;
    this.#nat = nat;
    wire.hosts.set(this.nodeKey, this);
    this.magicsock = new Magicsock({
      sendUdp: (to, datagram, via = 0) => this.#send(to, datagram, via),
      sendRelay: (_region, to, datagram) => wire.relay(this.nodeKey, to, datagram),
      relayFor: (_peer, home) => (home === undefined ? undefined : this.region),
      setPath: (peer, path) => void this.paths.set(peer, path),
      activity: (peers) =>
        peers.map((peer) => ({
          peer,
          lastTxAny: this.#lastTx,
          lastRxAny: this.#lastRx,
          rxBestAt: this.#rxBest,
          unansweredSince: this.#unanswered,
        })),
      met: () => void this.met++,
      endpoints: () => ({ list: this.advertised, ageMs: this.endpointsAgeMs }),
      refreshEndpoints: async () => {
        this.refreshed++;
        await wire.clock.sleep(20);
        this.endpointsAgeMs = 0;
        if (nat !== undefined) this.#askStun(nat);
        return { list: this.advertised, ageMs: 0 };
      },
      nat: () => this.nat(),
      openSocket: (id) => {
        this.sockets.add(id);
        this.maxSockets = Math.max(this.maxSockets, this.sockets.size);
      },
      closeSocket: (id) => void this.sockets.delete(id),
      nowMs: () => wire.clock.monotonic(),
      clock: wire.clock,
      log: silent,
      discoPrivate: this.discoPrivate,
      nodeKey: this.nodeKey,
      options,
      random: seededBytes(wire.hosts.size),
    });
    this.move(...addresses);
    if (nat !== undefined) this.#askStun(nat);
  }

  nat(): NatView {
    return { varies: this.#nat?.isHard ?? false, ports: this.#stun, portMapped: false };
  }

  /** Takes these addresses instead of what it had. */
  move(...addresses: readonly string[]): void {
    const isFirst = this.#addresses.length === 0;
    const nat = this.#nat;
    for (const ip of this.#addresses) this.#wire.owners.delete(ip);
    this.#addresses = addresses;
    if (nat === undefined) {
      for (const ip of addresses)
        this.#wire.owners.set(ip, (from, port, data) => port === PORT && this.receive(from, data));
      this.advertised = addresses.map((ip) => at(ip));
    } else this.#wire.owners.set(nat.ip, (from, port, data) => this.#enter(nat, from, port, data));
    if (!isFirst) this.magicsock.networkChanged();
  }

  knows(other: Host, endpoints: readonly string[] = [], homeRegion?: number): PeerConfig {
    const { discoKey } = other.magicsock;
    const config = {
      peer: 1,
      nodeKey: other.nodeKey,
      discoKey,
      endpoints: endpoints.map((ip) => at(ip)),
      wireguardOnly: false,
      homeRegion,
    };
    this.magicsock.setPeers([config]);
    return config;
  }

  /** The address that packets go to, when they go to one. */
  get path(): string | undefined {
    const path = this.paths.get(1);
    return path?.mode.startsWith('direct') === true ? path.direct?.ip : undefined;
  }

  /** As the engine sees it: a copy goes by relay when trust ran out. */
  get mode(): EnginePath['mode'] {
    const path = this.paths.get(1) ?? { mode: 'none' };
    const { validUntilMs = Number.POSITIVE_INFINITY } = path;
    const isOver = path.mode === 'direct' && this.#wire.clock.monotonic() > validUntilMs;
    return isOver ? 'direct+relay' : path.mode;
  }

  /** One packet into the tunnel, as the engine treats it. Returns whether it went out. */
  traffic(): boolean {
    const { clock } = this.#wire;
    const isFirst = clock.monotonic() - Math.max(this.#lastTx, this.#lastRx) >= 45_000;
    if (isFirst || this.mode === 'none') this.magicsock.wantPath(1);
    const path = this.paths.get(1);
    const { mode } = this;
    if (path === undefined || mode === 'none') return false;
    this.#lastTx = clock.monotonic();
    if (this.#unanswered === 0) this.#unanswered = this.#lastTx;
    if (mode.startsWith('direct') && path.direct !== undefined) this.#send(path.direct, DATA, path.via ?? 0);
    const [peer] = [...this.#wire.hosts.keys()].filter((key) => key !== this.nodeKey);
    if (mode.endsWith('relay') && peer !== undefined) this.#wire.relay(this.nodeKey, peer, DATA);
    return true;
  }

  receive(from: SockAddr, datagram: Uint8Array, via: SocketId = 0): void {
    if (looksLikeDisco(datagram)) {
      this.magicsock.handleDisco(from, datagram, via);
      return;
    }
    this.#gotData();
    const path = this.paths.get(1);
    const isBest = path?.direct?.ip === from.ip && path.direct.port === from.port && (path.via ?? 0) === via;
    if (isBest) this.#rxBest = this.#lastRx;
    else this.magicsock.newAddress(1, from, via);
  }

  receiveRelayed(from: NodeKey, datagram: Uint8Array): void {
    if (looksLikeDisco(datagram)) this.magicsock.handleRelayedDisco(this.region ?? 1, from, datagram);
    else this.#gotData();
  }

  #gotData(): void {
    this.#lastRx = this.#wire.clock.monotonic();
    this.#unanswered = 0;
    this.received.push(this.#lastRx);
  }

  #send(to: SockAddr, datagram: Uint8Array, via: SocketId): void {
    if (via !== 0 && !this.sockets.has(via)) return;
    const inner = via === 0 ? PORT : EXTRA_PORTS + via;
    const nat = this.#nat;
    if (nat !== undefined) {
      this.#wire.carry({ ip: nat.ip, port: nat.leave(inner, to) }, to, datagram);
      return;
    }
    const isV6 = to.ip.includes(':');
    const from = this.#addresses.find((ip) => ip.includes(':') === isV6);
    if (from !== undefined) this.#wire.carry({ ip: from, port: inner }, to, datagram);
  }

  #enter(nat: Nat, from: SockAddr, port: number, datagram: Uint8Array): void {
    const inner = nat.enter(from, port);
    if (inner !== undefined) this.receive(from, datagram, inner === PORT ? 0 : inner - EXTRA_PORTS);
  }

  /** Two servers tell us what they see. */
  #askStun(nat: Nat): void {
    this.#stun.length = 0;
    for (const server of [at('192.0.2.250', 3_478), at('192.0.2.251', 3_478)])
      this.#stun.push({ server, mapped: { ip: nat.ip, port: nat.leave(PORT, server) } });
    this.advertised = [...new Map(this.#stun.map(({ mapped }) => [mapped.port, mapped])).values()].slice(
      0,
      1,
    );
  }
}

export interface Pair {
  readonly wire: Wire;
  readonly a: Host;
  readonly b: Host;
}

/** Both send a packet each 100 ms for `forMs`. */
export async function talk({ wire, a, b }: Pair, forMs: number): Promise<void> {
  for (let ms = 0; ms < forMs; ms += 100) {
    a.traffic();
    b.traffic();
    await wire.clock.advance(100);
  }
}

/** The longest silence between two packets received since `sinceMs`. */
export function longestGap(host: Host, sinceMs: number, endMs: number): number {
  const times = [sinceMs, ...host.received.filter((ms) => ms > sinceMs), endMs];
  return Math.max(...times.map((ms, i) => ms - (times[i - 1] ?? ms)));
}
