/**
 * What this machine knows of the network under the tunnel: its own addresses as others see them, its NAT, its relays.
 *
 * It runs network checks when something asks for one (nat-traversal.md §2.8), keeps the port mapping and the relay
 * connections, chooses the home relay, and tells path choice and the coordination server what follows from all that.
 * When a check runs is decided in #shared/netcheck/schedule.ts.
 */
import type { Clock, Random } from '#shared/async/clock.ts';
import { toRhumbError } from '#shared/errors.ts';
import { formatSockAddr, type SockAddr } from '#shared/ip/address.ts';
import type { NodeKey, PrivateKey } from '#shared/key/key.ts';
import type { Log } from '#shared/log/log.ts';
import { globalAddrs, type MappingSample, type NetReport } from '#shared/netcheck/report.ts';
import {
  type CheckReason,
  IDLE,
  type Schedule,
  type ScheduleEvent,
  step,
} from '#shared/netcheck/schedule.ts';
import type { DerpMap } from '#shared/wire/map.ts';
import { FailingRelays } from './failing-relays.ts';
import { homeRegions, nextHome } from './home-region.ts';
import {
  collectEndpoints,
  type EndpointMemory,
  NO_MEMORY,
  type OwnEndpoint,
  sameEndpoints,
} from './own-endpoints.ts';
import type { Checker, Mapper, Relays } from './ports.ts';
import { type RelayStatus, relayStatus } from './relay-status.ts';

export interface UnderlayEvents {
  /** Other addresses than before, best first. */
  endpoints(list: readonly OwnEndpoint[]): void;
  /** A check is done, or the home changed. */
  checked(report: NetReport, home: number): void;
  /** Another home, or a relay connection came or went. */
  relaysChanged(): void;
}

export interface UnderlayDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly checker: Checker;
  readonly mapper: Mapper;
  readonly relays: Relays;
  readonly events: UnderlayEvents;
  /** Of the UDP socket; 0 while there is none. */
  port(): number;
  readonly isPortFixed: boolean;
  /** Clock's monotonic ms of the last packet to any peer. */
  lastTrafficMs(): number;
}

export interface OwnAddresses {
  readonly list: readonly SockAddr[];
  /** Since a check or STUN last confirmed them. */
  readonly ageMs: number;
}

export interface NatFacts {
  /** Whether each destination sees another port of ours; undefined = not known. */
  readonly varies: boolean | undefined;
  readonly ports: readonly MappingSample[];
  readonly portMapped: boolean;
  /** Whether any STUN answer came; undefined before the first check. */
  readonly udp: boolean | undefined;
}

/** Called for each relayed packet: the schedule need not hear of all. */
const NOTE_MS = 1_000;
/** A packet in this time is news to the schedule. */
const TRAFFIC_MS = 20_000;
/**
 * A relay that stays away fails every few seconds: the checks that this asks for become rarer. The second one comes when a
 * home that is silent since the first counts as dead (8 s, nat-traversal.md §2.6), so that it can be moved.
 */
const RELAY_CHECK_MIN_MS = 8_500;
const RELAY_CHECK_MAX_MS = 60_000;

export class Underlay implements AsyncDisposable {
  readonly #deps: UnderlayDeps;
  readonly #seed: number;
  readonly #stop = new AbortController();
  #map: DerpMap | undefined;
  #peerHomes: readonly number[] = [];
  #isControlUp = false;
  #isOn = false;
  #isUp = true;
  #hasPeers = false;
  #local: readonly string[] = [];
  #report: NetReport | undefined;
  #confirmedAtMs: number | undefined;
  #memory: EndpointMemory = NO_MEMORY;
  #endpoints: readonly OwnEndpoint[] = [];
  /** What the quick questions between checks showed, newest last. */
  #quick: { readonly varies: boolean | undefined; readonly mappings: readonly MappingSample[] } | undefined;
  #schedule: Schedule = IDLE;
  #check: Promise<void> | undefined;
  #refresh: Promise<OwnAddresses> | undefined;
  #cancelTimer: (() => void) | undefined;
  readonly #failing = new FailingRelays();
  #notedAtMs = Number.NEGATIVE_INFINITY;
  /** Counts the networks and ports that we had: what was asked in one says nothing of the next. */
  #era = 0;
  #port = 0;
  #mapped: SockAddr | undefined;
  #relayCheck = { atMs: Number.NEGATIVE_INFINITY, waitMs: 0 };

  constructor(deps: UnderlayDeps) {
    this.#deps = deps;
    this.#seed = deps.random();
  }

  /** Undefined ends all relay connections and checks; the socket may go on. */
  setIdentity(key: PrivateKey | undefined): void {
    this.#deps.relays.setIdentity(key);
    if (this.#isOn === (key !== undefined)) return;
    this.#isOn = key !== undefined;
    this.#askForMapping();
    this.#collect();
    this.#facts('start');
  }

  /** `peerHomes` has an entry for each peer, 0 where it has no home. */
  setMap(map: DerpMap | undefined, peerHomes: readonly number[]): void {
    this.#peerHomes = peerHomes;
    this.#hasPeers = peerHomes.length > 0;
    this.#facts();
    if (map === this.#map) return;
    // Each new stream of the server brings the whole map again, which seldom is another.
    const isSame = JSON.stringify(map) === JSON.stringify(this.#map);
    this.#map = map;
    if (isSame) return;
    this.#deps.relays.setMap(map);
    this.#chooseHome();
    this.#facts('relay-map-change');
  }

  setControlUp(isUp: boolean): void {
    if (isUp === this.#isControlUp) return;
    this.#isControlUp = isUp;
    // While the server was away the relay may have been away for the same reason, and be on its way back.
    this.#failing.clear();
    this.#chooseHome();
  }

  /** Interface addresses to offer, now; `isMajor` when what was learned so far may hold no longer. */
  networkIs(local: readonly string[], options: { readonly isMajor: boolean; readonly isUp: boolean }): void {
    this.#local = local;
    this.#isUp = options.isUp;
    const { relays, mapper, checker } = this.#deps;
    if (options.isMajor) {
      this.#forget();
      this.#failing.clear();
      this.#relayCheck = { atMs: Number.NEGATIVE_INFINITY, waitMs: 0 };
      mapper.networkChanged(!options.isUp);
      checker.networkChanged();
      relays.networkChanged((ip) => local.includes(ip));
    }
    this.#collect();
    this.#facts(options.isMajor ? 'link-change' : 'stale-endpoints');
  }

  /** Any STUN datagram of the socket that WireGuard uses. */
  handleStun(from: SockAddr, datagram: Uint8Array): void {
    this.#deps.checker.handleStun(from, datagram);
  }

  /** The UDP sockets are there, or are others now, perhaps on another port. */
  portIs(): void {
    const port = this.#deps.port();
    if (port !== this.#port && this.#port !== 0) this.#forget();
    this.#port = port;
    this.#askForMapping();
    this.#collect();
    this.#facts('rebind');
  }

  mappingChanged(): void {
    this.#collect();
    this.check('port-map-change');
  }

  /** A relay connection came, went or broke. */
  relayChanged(isBroken: boolean): void {
    this.#deps.events.relaysChanged();
    const nowMs = this.#deps.clock.monotonic();
    if (this.#failing.note(this.#deps.relays.regions(), nowMs)) this.#chooseHome();
    if (!isBroken) return;
    const { atMs, waitMs } = this.#relayCheck;
    const agoMs = nowMs - atMs;
    if (agoMs < waitMs) return;
    const isAnew = agoMs > 2 * RELAY_CHECK_MAX_MS;
    const next = isAnew ? RELAY_CHECK_MIN_MS : Math.min(RELAY_CHECK_MAX_MS, 2 * waitMs);
    this.#relayCheck = { atMs: nowMs, waitMs: next };
    this.check('relay-error');
  }

  /** Packets go out: the checks that keep our mapping known go on. */
  noteTraffic(): void {
    const nowMs = this.#deps.clock.monotonic();
    if (nowMs - this.#notedAtMs < NOTE_MS) return;
    this.#notedAtMs = nowMs;
    this.#step({ type: 'traffic' });
  }

  sendRelay(region: number, to: NodeKey, packet: Uint8Array): void {
    this.noteTraffic();
    this.#deps.relays.send(region, to, packet);
  }

  relayFor(peer: NodeKey, homeRegion: number | undefined): number | undefined {
    return this.#isOn ? this.#deps.relays.routeFor(peer, homeRegion) : undefined;
  }

  /** Ends the connections to relays, which are made again. */
  breakRelays(): void {
    this.#deps.relays.networkChanged(() => false);
  }

  relayStatus(): RelayStatus {
    const { relays } = this.#deps;
    return relayStatus(relays.home, relays.regions());
  }

  /** Packets by relay, and drops, by name. */
  relayCounters(): Readonly<Record<string, number>> {
    const { dropped, ...rest } = this.#deps.relays.counters();
    const drops = Object.entries(dropped).map(([reason, count]) => [`drop.${reason}`, count]);
    return { ...rest, ...Object.fromEntries(drops) };
  }

  stunCounters(): Readonly<Record<string, number>> {
    return { ...this.#deps.checker.counters };
  }

  get home(): number {
    return this.#deps.relays.home;
  }

  get report(): NetReport | undefined {
    return this.#report;
  }

  get endpoints(): readonly OwnEndpoint[] {
    return this.#endpoints;
  }

  ownAddresses(): OwnAddresses {
    const at = this.#confirmedAtMs;
    const ageMs = at === undefined ? Number.POSITIVE_INFINITY : this.#deps.clock.monotonic() - at;
    return { list: this.#endpoints.map(({ addr }) => addr), ageMs };
  }

  /** The NAT before us as far as it is known. */
  nat(): NatFacts {
    const report = this.#report;
    return {
      varies: this.#quick?.varies ?? report?.mappingVariesByDestIp,
      ports: [...(report?.mappings ?? []), ...(this.#quick?.mappings ?? [])],
      portMapped: this.#mapped !== undefined,
      udp: report?.udp,
    };
  }

  /** Asks STUN again, once for all who ask meanwhile; resolves with what is known then, whether or not an answer came. */
  refresh(): Promise<OwnAddresses> {
    this.#refresh ??= this.#runRefresh().finally(() => {
      this.#refresh = undefined;
    });
    return this.#refresh;
  }

  /** Runs a check as soon as one can; those asked for while one runs are one. */
  check(reason: CheckReason): void {
    this.#step({ type: 'request', reason });
  }

  /** Resolves when no check runs; for tests. */
  async idle(): Promise<void> {
    while (this.#check !== undefined) await this.#check;
    await this.#refresh;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#cancelTimer?.();
    await this.idle();
    await this.#deps.mapper[Symbol.asyncDispose]();
    await this.#deps.relays[Symbol.asyncDispose]();
  }

  #step(event: ScheduleEvent): void {
    if (this.#stop.signal.aborted) return;
    const { clock, random, log } = this.#deps;
    const [next, effects] = step(this.#schedule, event, clock.monotonic(), random);
    this.#schedule = next;
    for (const effect of effects) {
      if (effect.do === 'run') {
        log('debug', 'netcheck.begin', { reasons: effect.reasons, full: effect.full });
        this.#check = this.#runCheck(effect.full).finally(() => {
          this.#check = undefined;
          if (this.#hasTraffic()) this.#step({ type: 'traffic' });
          this.#step({ type: 'ended' });
        });
        continue;
      }
      this.#cancelTimer?.();
      const { atMs } = effect;
      this.#cancelTimer =
        atMs === undefined
          ? undefined
          : clock.after(Math.max(0, atMs - clock.monotonic()), () => {
              if (this.#hasTraffic()) this.#step({ type: 'traffic' });
              this.#step({ type: 'timer' });
            });
    }
  }

  /** Tells the schedule whether checks are possible; with a reason it runs one if they are. */
  #facts(reason?: CheckReason): void {
    const canCheck = this.#isOn && this.#isUp && homeRegions(this.#map).length > 0;
    // Asked first, so that what waits for checks to become possible is one check with it.
    if (canCheck && reason !== undefined) this.check(reason);
    this.#step({ type: 'facts', hasPeers: this.#hasPeers, isNetworkUp: canCheck });
  }

  /** What was learned of another network, or through another port. */
  #forget(): void {
    this.#era++;
    this.#memory = NO_MEMORY;
    this.#report = undefined;
    this.#quick = undefined;
    this.#confirmedAtMs = undefined;
  }

  /** Logged out, nobody is to reach us: a mapping that there is goes back to the router. */
  #askForMapping(): void {
    this.#deps.mapper.setLocalPort(this.#isOn ? this.#port : 0);
  }

  async #runCheck(full: boolean): Promise<void> {
    const { checker, relays, clock, log, events } = this.#deps;
    const map = this.#map;
    if (map === undefined) return;
    const era = this.#era;
    const began = clock.monotonic();
    try {
      const report = await checker.run(
        { map, home: relays.home, heardAtMs: (region) => relays.heardAtMs(region), full },
        this.#stop.signal,
      );
      // Addresses of the old network would be offered in the new one for minutes; another check is due already.
      if (era !== this.#era || !this.#isOn) {
        log('debug', 'netcheck.outdated');
        return;
      }
      this.#report = report;
      this.#quick = undefined;
      this.#confirmedAtMs = clock.monotonic();
      log('info', 'netcheck.done', {
        ms: Math.round(clock.monotonic() - began),
        udp: report.udp,
        v4: report.globalV4 === undefined ? undefined : formatSockAddr(report.globalV4),
        v6: report.globalV6 === undefined ? undefined : formatSockAddr(report.globalV6),
        varies: report.mappingVariesByDestIp,
        preferred: report.preferredDerp,
      });
      relays.setIpv6Working(report.ipv6);
      this.#chooseHome();
      this.#collect();
      events.checked(report, relays.home);
    } catch (error) {
      if (!this.#stop.signal.aborted) log('warn', 'netcheck.failed', { error: toRhumbError(error).message });
    }
  }

  async #runRefresh(): Promise<OwnAddresses> {
    const { checker, relays, clock, log } = this.#deps;
    const map = this.#map;
    const era = this.#era;
    if (map !== undefined && this.#isOn) {
      try {
        const found = await checker.fastStun({ map, home: relays.home }, this.#stop.signal);
        if (found.mappings.length > 0 && era === this.#era) {
          this.#confirmedAtMs = clock.monotonic();
          this.#quick = { varies: found.mappingVariesByDestIp, mappings: found.mappings };
          this.#collect(found);
        }
      } catch (error) {
        if (!this.#stop.signal.aborted) log('warn', 'stun.failed', { error: toRhumbError(error).message });
      }
    }
    return this.ownAddresses();
  }

  /** Looks anew at what we offer; `fresh` are addresses that STUN has just seen. */
  #collect(fresh?: { readonly v4: readonly SockAddr[]; readonly v6: readonly SockAddr[] }): void {
    const { clock, mapper, events, isPortFixed } = this.#deps;
    // Asking makes the mapper look at the network, and `nat` is asked for each peer.
    this.#mapped = this.#isOn ? mapper.mapped() : undefined;
    const report = this.#report;
    const known = report === undefined ? { v4: [], v6: [] } : globalAddrs(report);
    const [list, memory] = collectEndpoints(
      {
        nowMs: clock.monotonic(),
        port: this.#deps.port(),
        isPortFixed,
        local: this.#local,
        mapped: this.#mapped,
        global4: fresh?.v4[0] === undefined ? known.v4 : [fresh.v4[0]],
        global6: fresh?.v6[0] === undefined ? known.v6 : [fresh.v6[0]],
        mappingVaries: this.nat().varies,
      },
      this.#memory,
    );
    this.#memory = memory;
    const isSame = sameEndpoints(list, this.#endpoints);
    this.#endpoints = list;
    if (isSame) return;
    this.#deps.log('info', 'endpoints.changed', { endpoints: list.map(({ addr }) => formatSockAddr(addr)) });
    events.endpoints(list);
  }

  #chooseHome(): void {
    const { relays, log, events, clock } = this.#deps;
    const home = nextHome({
      map: this.#map,
      current: relays.home,
      preferred: this.#report?.preferredDerp ?? 0,
      isControlUp: this.#isControlUp,
      seed: this.#seed,
      peerHomes: this.#peerHomes,
      avoid: this.#failing.avoided(clock.monotonic()),
      latencies: this.#report?.regionLatencyMs ?? new Map(),
    });
    // Until the first check has answered there is nothing to choose by.
    if (home === relays.home || (relays.home === 0 && this.#report === undefined)) return;
    log('info', 'home.changed', { from: relays.home, to: home });
    relays.setHome(home);
    events.relaysChanged();
    if (this.#report !== undefined) events.checked(this.#report, home);
  }

  #hasTraffic(): boolean {
    return this.#deps.clock.monotonic() - this.#deps.lastTrafficMs() < TRAFFIC_MS;
  }
}
