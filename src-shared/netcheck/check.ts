/** The network check: one report at a time about what this machine's network lets through (nat-traversal.md §2.5–2.7). */
import type { Clock } from '../async/clock.ts';
import { equal } from '../bytes/bytes.ts';
import { randomBytes } from '../crypto/random.ts';
import { RhumbError } from '../errors.ts';
import { formatSockAddr, type SockAddr } from '../ip/address.ts';
import type { Log } from '../log/log.ts';
import { decodeRequest, encodeRequest, isStunBinding, TX_ID_BYTES } from '../stun/stun.ts';
import type { DerpMap } from '../wire/map.ts';
import { type CaptiveDeps, detectCaptive } from './captive.ts';
import { type HttpsProbe, type IcmpProbe, measureWithoutUdp, regionsInNeed } from './fallback.ts';
import { type FastStunRequest, type FastStunResult, fastStun } from './fast-stun.ts';
import { addToHistory, bestLatencies, type Entry, isFullDue } from './history.ts';
import { chooseHome } from './home.ts';
import { NodeAddrs, type Resolve } from './node-addrs.ts';
import { planProbes } from './plan.ts';
import { type Family, hasRelay, measurable, regionsOf } from './relay-map.ts';
import { type Draft, type Latencies, type NetReport, newDraft } from './report.ts';
import { type RoundDeps, StunRound } from './stun-round.ts';
import { type StunCounters, Transactions } from './transactions.ts';

export const REPORT_LIMIT_MS = 5_000;
/** STUN gets this head start before the web is asked about a portal. */
const CAPTIVE_DELAY_MS = 200;
/** A router that reflects does so at once. */
const HAIRPIN_WAIT_MS = 150;

/** The socket whose mapping counts: in the daemon that of WireGuard (§9.3-1). */
export interface StunTransport {
  /** False when the system refused to send. */
  send(to: SockAddr, datagram: Uint8Array): boolean;
  /** The host has addresses of the family that are worth a try. */
  canSend(family: Family): boolean;
}

export interface PortmapProbe {
  readonly pmp: boolean;
  readonly pcp: boolean;
  readonly upnp: boolean;
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
}

export class Netcheck {
  readonly #options: NetcheckOptions;
  readonly #transactions: Transactions;
  readonly #addrs: NodeAddrs;
  #history: readonly Entry[] = [];
  #lastFullAtMs: number | undefined;
  #isRunning = false;
  #hairpin: { readonly txId: Uint8Array; readonly seen: () => void } | undefined;

  constructor(options: NetcheckOptions) {
    this.#options = options;
    this.#transactions = new Transactions(options.randomBytes ?? randomBytes);
    this.#addrs = new NodeAddrs(options.clock, options.resolve);
  }

  /** The last finished report. */
  get last(): NetReport | undefined {
    return this.#history.at(-1)?.report;
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
    if (datagram[0] === 0) return this.#handleRequest(datagram);
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
    const { map, onlyStun = false } = request;
    const { clock } = this.#options;
    draft.isFull = request.full === true || isFullDue(this.last, this.#lastFullAtMs, clock.monotonic());
    draft.osHasIpv6 = (await osHasIpv6?.()) ?? stun.canSend(6);
    signal.throwIfAborted();
    const plan = planProbes({
      map,
      has4: stun.canSend(4),
      has6: stun.canSend(6),
      last: draft.isFull ? undefined : this.last,
      home: this.#homeOf(request),
      onlyRegions: request.onlyRegions === undefined ? undefined : new Set(request.onlyRegions),
    });
    const round = new StunRound(this.#roundDeps(), plan, draft, {
      isFull: draft.isFull,
      isVerbose,
      answeredBefore: this.#answeredBefore(),
    });
    const portmapped = this.#probePortmap(draft, limited);
    const noPortal = new AbortController();
    const portal = onlyStun
      ? undefined
      : this.#lookForPortal(request, draft, AbortSignal.any([limited, noPortal.signal]));
    const abort = (): void => round.abort();
    signal.addEventListener('abort', abort, { once: true });
    round.start();
    const end = await round.done;
    signal.removeEventListener('abort', abort);
    log('debug', 'netcheck.stun-ended', { end, regions: draft.regionLatencyMs.size, sets: plan.length });
    // Somebody who answers by UDP is no portal; whoever wants to see everything waits all the same.
    if (draft.udp && !isVerbose) noPortal.abort();
    await Promise.all([portmapped, this.#probeHairpin(draft, limited)]);
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

  async #probePortmap(draft: Draft, signal: AbortSignal): Promise<void> {
    const { portmap, log } = this.#options;
    if (portmap === undefined) return;
    // Asked for is known: without an answer there is none.
    Object.assign(draft, { upnp: false, pmp: false, pcp: false });
    try {
      const { upnp, pmp, pcp } = await within(portmap(signal), signal);
      Object.assign(draft, { upnp, pmp, pcp });
    } catch (error) {
      if (!signal.aborted) log('debug', 'netcheck.portmap-failed', { error: String(error) });
    }
  }

  async #lookForPortal(request: CheckRequest, draft: Draft, signal: AbortSignal): Promise<void> {
    const { captive, clock, isVerbose, log } = this.#options;
    if (captive === undefined || !draft.isFull) return;
    try {
      await clock.sleep(CAPTIVE_DELAY_MS, signal);
      if (draft.udp && isVerbose !== true) return;
      const home = this.#homeOf(request);
      draft.captivePortal = await within(
        detectCaptive({ ...captive, clock }, request.map, home, signal),
        signal,
      );
    } catch (error) {
      if (!signal.aborted) log('debug', 'netcheck.portal-failed', { error: String(error) });
    }
  }

  /** A request to our own address: whether it comes back in tells if two machines behind this NAT can meet outside of it. */
  async #probeHairpin(draft: Draft, signal: AbortSignal): Promise<void> {
    const { hairpin, clock, log } = this.#options;
    const to = draft.globalV4;
    if (hairpin === undefined || to === undefined || !draft.isFull || signal.aborted) return;
    const txId = (this.#options.randomBytes ?? randomBytes)(TX_ID_BYTES);
    const waited = new AbortController();
    this.#hairpin = {
      txId,
      seen: () => {
        draft.hairpin = true;
        waited.abort();
      },
    };
    try {
      await within(hairpin(to, encodeRequest(txId)), signal);
      draft.hairpin ??= false;
      await clock.sleep(HAIRPIN_WAIT_MS, AbortSignal.any([signal, waited.signal]));
    } catch (error) {
      if (!signal.aborted && !waited.signal.aborted)
        log('debug', 'netcheck.hairpin-failed', { to: formatSockAddr(to), error: String(error) });
    } finally {
      this.#hairpin = undefined;
    }
  }

  #handleRequest(datagram: Uint8Array): boolean {
    const request = decodeRequest(datagram);
    if (request === undefined || this.#hairpin === undefined || !equal(request.txId, this.#hairpin.txId))
      return false;
    this.#hairpin.seen();
    return true;
  }

  async #withoutUdp(request: CheckRequest, draft: Draft, signal: AbortSignal): Promise<void> {
    const { clock, log, https, icmp } = this.#options;
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

/** The promise, or the signal's reason if that comes first. */
function within<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const aborted = (): void => reject(signal.reason);
    if (signal.aborted) aborted();
    else signal.addEventListener('abort', aborted, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', aborted));
  });
}
