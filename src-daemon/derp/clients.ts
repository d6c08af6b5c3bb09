/** The relay client of a node: one connection per region where one is needed, home always (nat-traversal.md §1.12). */
import { equal } from '#shared/bytes/bytes.ts';
import { importPrivate, type X25519Private } from '#shared/crypto/x25519.ts';
import { MAX_PACKET_BYTES } from '#shared/derp/frames.ts';
import type { NodeKey, PrivateKey } from '#shared/key/key.ts';
import type { DerpMap } from '#shared/wire/map.ts';
import { CounterSet } from './counters.ts';
import { systemDial } from './dial.ts';
import { RawKeys } from './raw-keys.ts';
import { RegionClient } from './region-client.ts';
import { ReverseRoutes } from './reverse-routes.ts';
import type { DerpClientsOptions, DerpCounters, DerpRegion, Dial, RelayState } from './types.ts';

const SWEEP_MS = 15_000;

export class DerpClients implements AsyncDisposable {
  readonly #o: DerpClientsOptions;
  readonly #dial: Dial;
  readonly #counters = new CounterSet();
  readonly #rawKeys = new RawKeys();
  readonly #routes = new ReverseRoutes();
  readonly #clients = new Map<number, RegionClient>();
  #regions: ReadonlyMap<number, DerpRegion> = new Map();
  #privateKey: PrivateKey | undefined;
  #identity: X25519Private | undefined;
  #home = 0;
  #generation = 0;
  #isIpv6Working = false;
  #isDisposed = false;
  #cancelSweep: (() => void) | undefined;

  constructor(options: DerpClientsOptions) {
    this.#o = options;
    this.#dial = options.dial ?? systemDial({ clock: options.clock });
  }

  get home(): number {
    return this.#home;
  }

  /** The node's key; another one, or none, ends all connections made with the old. */
  setIdentity(privateKey: PrivateKey | undefined): void {
    const before = this.#privateKey;
    // Told with every map, which seldom has another.
    if (privateKey === before) return;
    this.#privateKey = privateKey;
    if (privateKey !== undefined && before !== undefined && equal(privateKey, before)) return;
    this.#identity = privateKey === undefined ? undefined : importPrivate(privateKey);
    for (const region of [...this.#clients.keys()]) this.#drop(region);
    this.#connectHome();
  }

  /** Connections to regions that changed or vanished are closed; home is dialled again. */
  setMap(map: DerpMap | undefined): void {
    const regions = new Map<number, DerpRegion>();
    for (const region of Object.values(map?.Regions ?? {}))
      if (region !== null) regions.set(region.RegionID, region);
    const before = this.#regions;
    this.#regions = regions;
    for (const id of [...this.#clients.keys()])
      if (definitionOf(before.get(id)) !== definitionOf(regions.get(id))) this.#drop(id);
    this.#connectHome();
  }

  /** 0 = none. A region that the map does not have (yet) is dialled when it appears there. */
  setHome(region: number): void {
    if (region === this.#home) return;
    this.#o.log('info', 'relay.home', { from: this.#home, to: region });
    this.#clients.get(this.#home)?.setHome(false);
    this.#home = region;
    this.#connectHome();
    this.#scheduleSweep();
  }

  /** What the last network check says; IPv4 then waits a little for IPv6. */
  setIpv6Working(isWorking: boolean): void {
    this.#isIpv6Working = isWorking;
  }

  /** Copies the packet. False when it cannot be sent at all; true is no promise that it arrives. */
  send(region: number, to: NodeKey, packet: Uint8Array): boolean {
    if (packet.length > MAX_PACKET_BYTES) {
      this.#counters.drop('too-large');
      return false;
    }
    const client = this.#clients.get(region) ?? this.#make(region);
    if (client === undefined) {
      this.#counters.drop('no-region');
      return false;
    }
    client.send(this.#rawKeys.get(to), packet);
    this.#scheduleSweep();
    return true;
  }

  /**
   * Where to send for a peer whose home is `homeRegion`: there when we are connected to it, else where the peer reached us
   * last, else its home after dialling it. Undefined when none is known.
   */
  routeFor(peer: NodeKey, homeRegion: number | undefined): number | undefined {
    const openGeneration = (region: number): number | undefined => this.#clients.get(region)?.openGeneration;
    if (homeRegion !== undefined && openGeneration(homeRegion) !== undefined) return homeRegion;
    const reverse = this.#routes.get(peer, openGeneration);
    if (reverse !== undefined) return reverse;
    return homeRegion !== undefined && this.#regions.has(homeRegion) ? homeRegion : undefined;
  }

  /** Monotonic time of the last frame from a region; what it said over a connection that has ended is no sign of life. */
  heardAtMs(region: number): number | undefined {
    const client = this.#clients.get(region);
    return client?.openGeneration === undefined ? undefined : client.heardAtMs;
  }

  /** Those that are or were used, and home; in the order of their numbers. */
  regions(): readonly RelayState[] {
    return [...this.#clients.values()].map((client) => client.view()).sort((a, b) => a.region - b.region);
  }

  counters(): DerpCounters {
    return this.#counters.snapshot();
  }

  /**
   * Another network, or awake again: connections from addresses that are no longer ours are closed, the others must answer
   * a ping within 3 s; attempts begin anew.
   */
  networkChanged(isUsable: (localIp: string) => boolean = () => true): void {
    for (const client of this.#clients.values()) client.networkChanged(isUsable);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    this.#cancelSweep?.();
    for (const region of [...this.#clients.keys()]) this.#drop(region);
    await Promise.resolve();
  }

  #connectHome(): void {
    if (this.#home === 0) return;
    (this.#clients.get(this.#home) ?? this.#make(this.#home))?.setHome(true);
  }

  #make(id: number): RegionClient | undefined {
    const region = this.#regions.get(id);
    if (region === undefined || this.#identity === undefined || this.#isDisposed) return undefined;
    const { clock, random, log, onPacket, onPeerGone, onState } = this.#o;
    const client = new RegionClient({
      clock,
      random,
      log,
      dial: this.#dial,
      counters: this.#counters,
      region,
      identity: this.#identity,
      nextGeneration: () => ++this.#generation,
      prefersIpv6: () => this.#isIpv6Working,
      onPacket: (from, data, generation) => {
        this.#routes.note(from, id, generation);
        onPacket(id, from, data);
      },
      onPeerGone: (key, reason) => {
        this.#routes.forget(key, id);
        onPeerGone(id, key, reason);
      },
      onEnded: () => this.#routes.forgetRegion(id),
      onState: () => onState(id, client.view()),
    });
    this.#clients.set(id, client);
    return client;
  }

  #drop(id: number): void {
    const client = this.#clients.get(id);
    if (client === undefined) return;
    client.stop();
    this.#clients.delete(id);
  }

  /** Runs as long as a region other than home is in use. */
  #scheduleSweep(): void {
    if (this.#cancelSweep !== undefined || this.#isDisposed) return;
    this.#cancelSweep = this.#o.clock.after(SWEEP_MS, () => {
      this.#cancelSweep = undefined;
      for (const client of this.#clients.values()) client.sweep();
      const isOthers = this.regions().some((region) => !region.isHome && region.state !== 'idle');
      if (isOthers) this.#scheduleSweep();
    });
  }
}

/** The definition as text, to see whether it is another; the order of names does not matter. */
const definitionOf = (region: DerpRegion | undefined): string | undefined =>
  region === undefined
    ? undefined
    : JSON.stringify(region, (_, value: unknown) =>
        typeof value === 'object' && value !== null && !Array.isArray(value)
          ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
          : value,
      );
