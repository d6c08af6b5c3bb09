/** The network check: one report at a time about what this machine's network lets through (nat-traversal.md §2.5–2.7). */
import type { Clock } from '../async/clock.ts';
import { within } from '../async/within.ts';
import { randomBytes } from '../crypto/random.ts';
import { RhumbError } from '../errors.ts';
import type { SockAddr } from '../ip/address.ts';
import type { Log } from '../log/log.ts';
import { isStunBinding } from '../stun/stun.ts';
import type { DerpMap } from '../wire/map.ts';
import type { CaptiveDeps } from './captive.ts';
import { type HttpsProbe, type IcmpProbe, measureWithoutUdp, regionsInNeed } from './fallback.ts';
import { type FastStunRequest, type FastStunResult, fastStun } from './fast-stun.ts';
import { addToHistory, bestLatencies, type Entry, isFullDue } from './history.ts';
import { chooseHome } from './home.ts';
import { NodeAddrs, type Resolve } from './node-addrs.ts';
import { planProbes } from './plan.ts';
import { type Family, hasRelay, measurable, regionsOf } from './relay-map.ts';
import { type Draft, type Latencies, type NetReport, newDraft } from './report.ts';
import { Hairpin, lookForPortal, type PortmapProbe, probePortmap } from './side-probes.ts';
import { type RoundDeps, StunRound } from './stun-round.ts';
import { type StunCounters, Transactions } from './transactions.ts';

export const REPORT_LIMIT_MS = 5_000;

/** The socket whose mapping counts: in the daemon that of WireGuard (§9.3-1). */
export interface StunTransport {
  /** False when the system refused to send. */
  send(to: SockAddr, datagram: Uint8Array): boolean;
  /** The host has addresses of the family that are worth a try. */
  canSend(family: Family): boolean;
}

export interface NetcheckOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly stun: StunTransport;
  /** For nodes that the map gives by name. */
  readonly resolve?: Resolve | undefined;
  readonly https?: HttpsProbe | undefined;
  readonly icmp?: IcmpProbe | undefined;
  readonly captive?: Omit<CaptiveDeps, 'clock'> | undefined;
  readonly portmap?: ((signal: AbortSignal) => Promise<PortmapProbe>) | undefined;
  /** Could bind a socket to ::1; absent = as `canSend(6)`. */
  readonly osHasIpv6?: (() => boolean | Promise<boolean>) | undefined;
  /** Sends a datagram from another socket than the transport's: to see whether our own address reaches us. */
  readonly hairpin?: ((to: SockAddr, datagram: Uint8Array) => Promise<void>) | undefined;
  readonly randomBytes?: ((length: number) => Uint8Array) | undefined;
  /** Waits for all regions, so that all can be shown. */
  readonly isVerbose?: boolean | undefined;
}

export interface CheckRequest {
  readonly map: DerpMap;
  /** The home so far; 0 = none. */
  readonly home: number;
  /** When the region last sent us something, monotonic clock. */
  readonly heardAtMs?: ((region: number) => number | undefined) | undefined;
  /** Measure all regions, whatever was known. */
  readonly full?: boolean | undefined;
  readonly onlyRegions?: readonly number[] | undefined;
  /** A home that a person asked for. */
  readonly forcedHome?: number | undefined;
  /** Nothing but STUN: no HTTPS, no ICMP, no portal. */
  readonly onlyStun?: boolean | undefined;
  /** Nothing but HTTPS to the relays and the search for a portal. */
  readonly onlyTcp?: boolean | undefined;
}

export class Netcheck {
  readonly #options: NetcheckOptions;
  readonly #transactions: Transactions;
  readonly #addrs: NodeAddrs;
  #history: readonly Entry[] = [];
  #lastFullAtMs: number | undefined;
  #isRunning = false;
  readonly #hairpin: Hairpin | undefined;

  constructor(options: NetcheckOptions) {
    this.#options = options;
    const { hairpin, clock, log } = options;
    this.#transactions = new Transactions(options.randomBytes ?? randomBytes);
    if (hairpin !== undefined) this.#hairpin = new Hairpin({ clock, log, send: hairpin });
    this.#addrs = new NodeAddrs(options.clock, options.resolve);
  }

  /** The last finished report. */
  get last(): NetReport | undefined {
    return this.#history.at(-1)?.report;
  }

  /** The reports of the last minutes, the oldest first. */
  get history(): readonly Entry[] {
    return this.#history;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  get counters(): StunCounters {
    return this.#transactions.counters;
  }

  /** The least latency of each region in the last minutes. */
  recentLatencies(): Latencies {
    return bestLatencies(this.#history);
  }

  /** What was learned of another network is worth nothing in this one; the next check is a full one. */
  networkChanged(): void {
    this.#lastFullAtMs = undefined;
    this.#addrs.forget();
  }

  /**
   * Takes a STUN datagram from the transport; true when it was an answer to us. Give the time at which it came if you know it
   * better than "now", on the monotonic clock: latencies are only as good as that.
   */
  handleStun(from: SockAddr, datagram: Uint8Array, atMs: number = this.#options.clock.monotonic()): boolean {
    if (!isStunBinding(datagram)) return false;
    if (datagram[0] === 0) return this.#hairpin?.handle(datagram) === true;
    return this.#transactions.answer(from, datagram, atMs);
  }

  /** Fresh global addresses within a round trip, asking two relays only (§11.2); may run beside a check. */
  fastStun(request: FastStunRequest, signal: AbortSignal): Promise<FastStunResult> {
    const { stun } = this.#options;
    const deps = { ...this.#roundDeps(), canSend: (family: Family) => stun.canSend(family) };
    return fastStun(deps, request, this.recentLatencies(), signal);
  }

  /** Rejects with `conflict` while another one runs and with the signal's reason when aborted; never because nothing answers. */
  async run(request: CheckRequest, signal: AbortSignal): Promise<NetReport> {
    signal.throwIfAborted();
    if (this.#isRunning) throw new RhumbError('conflict', 'a network check is already running');
    this.#isRunning = true;
    const { clock } = this.#options;
    const limit = new AbortController();
    const cancel = clock.after(REPORT_LIMIT_MS, () => limit.abort());
    const startMs = clock.monotonic();
    try {
      const draft = newDraft();
      const asked = await this.#gather(request, draft, signal, AbortSignal.any([signal, limit.signal]));
      signal.throwIfAborted();
      return this.#finish(request, draft, asked, startMs);
    } finally {
      cancel();
      limit.abort();
      this.#isRunning = false;
    }
  }

  /** Fills the draft; gives the regions that were asked. */
  async #gather(
    request: CheckRequest,
    draft: Draft,
    signal: AbortSignal,
    limited: AbortSignal,
  ): Promise<ReadonlySet<number>> {
    const { stun, osHasIpv6, isVerbose = false, log } = this.#options;
    const { map, onlyStun = false, onlyTcp = false } = request;
    const { clock } = this.#options;
    draft.isFull = request.full === true || isFullDue(this.last, this.#lastFullAtMs, clock.monotonic());
    draft.osHasIpv6 = (await osHasIpv6?.()) ?? stun.canSend(6);
    signal.throwIfAborted();
    const plan = onlyTcp
      ? []
      : planProbes({
          map,
          has4: stun.canSend(4),
          has6: stun.canSend(6),
          last: draft.isFull ? undefined : this.last,
          home: this.#homeOf(request),
          onlyRegions: request.onlyRegions === undefined ? undefined : new Set(request.onlyRegions),
        });
    let reflected: Promise<void> | undefined;
    const round = new StunRound(this.#roundDeps(), plan, draft, {
      isFull: draft.isFull,
      isVerbose,
      answeredBefore: this.#answeredBefore(),
      onGlobalV4: (addr) => {
        if (draft.isFull) reflected = this.#hairpin?.probe(draft, addr, limited);
      },
    });
    const portmapped = probePortmap(this.#options, draft, limited);
    const noPortal = new AbortController();
    const portal = onlyStun ? undefined : this.#lookForPortal(request, draft, limited, noPortal.signal);
    const abort = (): void => round.abort();
    signal.addEventListener('abort', abort, { once: true });
    round.start();
    const end = await round.done;
    signal.removeEventListener('abort', abort);
    log('debug', 'netcheck.stun-ended', { end, regions: draft.regionLatencyMs.size, sets: plan.length });
    // Somebody who answers by UDP is no portal; whoever wants to see everything waits all the same.
    if (draft.udp && !isVerbose) noPortal.abort();
    await Promise.all([portmapped, reflected]);
    if (!draft.udp && !onlyStun && !limited.aborted) await this.#withoutUdp(request, draft, limited);
    await portal;
    return new Set(plan.map(({ region }) => region));
  }

  #roundDeps(): RoundDeps {
    const { clock, stun } = this.#options;
    return {
      clock,
      transactions: this.#transactions,
      addrs: this.#addrs,
      send: (to, datagram) => stun.send(to, datagram),
    };
  }

  #homeOf({ home }: CheckRequest): number {
    return home !== 0 ? home : (this.last?.preferredDerp ?? 0);
  }

  /** Undefined for a region that no check of the last minutes asked. */
  #answeredBefore(): (region: number, family: Family) => boolean | undefined {
    const history = this.#history;
    const has = (pick: (report: NetReport) => boolean): boolean => history.some(({ report }) => pick(report));
    return (region, family) => {
      if (!history.some(({ asked }) => asked.has(region))) return undefined;
      return has((report) =>
        (family === 4 ? report.regionV4LatencyMs : report.regionV6LatencyMs).has(region),
      );
    };
  }

  #lookForPortal(
    request: CheckRequest,
    draft: Draft,
    limited: AbortSignal,
    unwanted: AbortSignal,
  ): Promise<void> {
    const { captive, clock, log, isVerbose = false } = this.#options;
    const ask = { map: request.map, home: this.#homeOf(request), isVerbose };
    const signal = AbortSignal.any([limited, unwanted]);
    return lookForPortal({ captive, clock, log }, draft, ask, signal);
  }

  async #withoutUdp(request: CheckRequest, draft: Draft, signal: AbortSignal): Promise<void> {
    const { clock, log, https } = this.#options;
    const icmp = request.onlyTcp === true ? undefined : this.#options.icmp;
    const only = request.onlyRegions;
    const regions = measurable(request.map).filter(({ RegionID }) => only?.includes(RegionID) ?? true);
    const need = regionsInNeed(regions, draft);
    if (need.length === 0) return;
    log('info', 'netcheck.udp-blocked', { regions: need.length });
    const measured = measureWithoutUdp({ clock, log, addrs: this.#addrs, https, icmp }, need, draft, signal);
    // What was found until the limit counts.
    await within(measured, signal).catch(() => undefined);
  }

  #finish(request: CheckRequest, draft: Draft, asked: ReadonlySet<number>, startMs: number): NetReport {
    const { clock } = this.#options;
    const nowMs = clock.monotonic();
    const previous = this.#homeOf(request);
    const regions = new Map(regionsOf(request.map).map((region) => [region.RegionID, region]));
    // Late writers (a probe that ignores its signal) must not change what was handed out.
    const report = copyOf(draft);
    report.nowMs = clock.now();
    const history = addToHistory(this.#history, { atMs: nowMs, report, asked });
    report.preferredDerp = chooseHome({
      current: report.regionLatencyMs,
      best: bestLatencies(history),
      scores: scoresOf(request.map),
      previous,
      forced: request.forcedHome,
      heardAgoMs: (region) => {
        const heardMs = request.heardAtMs?.(region);
        return heardMs === undefined ? undefined : nowMs - heardMs;
      },
      tookMs: nowMs - startMs,
      canBeHome: (id) => {
        const region = regions.get(id);
        return region !== undefined && hasRelay(region);
      },
    });
    this.#history = history;
    if (report.isFull && request.onlyRegions === undefined) this.#lastFullAtMs = startMs;
    return report;
  }
}

function scoresOf(map: DerpMap): ReadonlyMap<number, number> {
  const scores = Object.entries(map.HomeParams?.RegionScore ?? {});
  return new Map(scores.map(([region, score]) => [Number(region), score]));
}

const copyOf = (draft: Draft): Draft => ({
  ...draft,
  regionLatencyMs: new Map(draft.regionLatencyMs),
  regionV4LatencyMs: new Map(draft.regionV4LatencyMs),
  regionV6LatencyMs: new Map(draft.regionV6LatencyMs),
  globalV4Counters: new Map(draft.globalV4Counters),
  globalV6Counters: new Map(draft.globalV6Counters),
  mappings: [...draft.mappings],
});
