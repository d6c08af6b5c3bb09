/** One round of STUN probes: sends a plan as time passes and knows when waiting longer would teach nothing (nat-traversal.md §2.5). */
import type { Clock } from '../async/clock.ts';
import type { SockAddr } from '../ip/address.ts';
import type { NodeAddrs } from './node-addrs.ts';
import type { Probe, ProbeSet } from './plan.ts';
import type { Family } from './relay-map.ts';
import { addStunAnswer, type Draft } from './report.ts';
import type { Transactions } from './transactions.ts';

/** No answer by then: UDP is taken for blocked. */
export const STUN_LIMIT_MS = 3_000;
const ENOUGH_REGIONS = 3;
const ENOUGH_REGIONS_VERBOSE = 100;
/** For what is not expected to answer, once all that was expected did. */
const GRACE_MS = 100;
/** Without answers for so long after the last try, those that are missing will not come. */
const QUIET_MS = 1_000;

export type RoundEnd =
  | 'all-done'
  | 'enough-regions'
  | 'expected-answered'
  | 'went-quiet'
  | 'time-limit'
  | 'aborted';

export interface RoundDeps {
  readonly clock: Clock;
  readonly transactions: Transactions;
  readonly addrs: NodeAddrs;
  /** False when the system refused it. */
  readonly send: (to: SockAddr, datagram: Uint8Array) => boolean;
}

export interface RoundRules {
  readonly isFull: boolean;
  readonly isVerbose: boolean;
  /** Whether a region answered in a family lately; undefined when it was not asked. Decides what is worth waiting for. */
  readonly answeredBefore: (region: number, family: Family) => boolean | undefined;
  /** Called with the first IPv4 address that a server saw us at. */
  readonly onGlobalV4?: ((addr: SockAddr) => void) | undefined;
}

interface Running {
  readonly set: ProbeSet;
  /** Answered, pointless or without an address. */
  isOver: boolean;
  /** Probes that may still bring an answer: to be sent, or on their way. */
  left: number;
}

export class StunRound {
  readonly #deps: RoundDeps;
  readonly #draft: Draft;
  readonly #rules: RoundRules;
  readonly #sets: readonly Running[];
  readonly #startMs: number;
  readonly #cancels = new Set<() => void>();
  readonly #forgets = new Set<() => void>();
  readonly #resolve: (end: RoundEnd) => void;
  #end: RoundEnd | undefined;
  #lastAnswerMs = Number.NEGATIVE_INFINITY;
  #enoughArmed = false;
  #cancelPatience: (() => void) | undefined;
  readonly done: Promise<RoundEnd>;

  constructor(deps: RoundDeps, plan: readonly ProbeSet[], draft: Draft, rules: RoundRules) {
    this.#deps = deps;
    this.#draft = draft;
    this.#rules = rules;
    this.#sets = plan.map((set) => ({ set, isOver: false, left: set.probes.length }));
    this.#startMs = deps.clock.monotonic();
    let resolve: (end: RoundEnd) => void = () => undefined;
    this.done = new Promise((settle) => {
      resolve = settle;
    });
    this.#resolve = resolve;
  }

  start(): void {
    this.#after(STUN_LIMIT_MS, () => this.#finish('time-limit'));
    for (const running of this.#sets)
      for (const probe of running.set.probes) {
        if (probe.delayMs === 0) this.#fire(running, probe);
        else this.#after(probe.delayMs, () => this.#fire(running, probe));
      }
    this.#look();
  }

  /** Ends it now; answers that come later belong to nobody. */
  abort(): void {
    this.#finish('aborted');
  }

  #fire(running: Running, probe: Probe): void {
    if (running.isOver || this.#end !== undefined) return;
    if (!this.#wouldHelp(running.set)) {
      running.isOver = true;
      this.#look();
      return;
    }
    const addr = this.#deps.addrs.stun(probe.node, running.set.family);
    if (addr instanceof Promise)
      addr.then(
        (found) => this.#send(running, found),
        () => this.#send(running, undefined),
      );
    else this.#send(running, addr);
  }

  #send(running: Running, to: SockAddr | undefined): void {
    if (this.#end !== undefined) return;
    if (to === undefined) {
      this.#lost(running);
      return;
    }
    const { set } = running;
    if (running.isOver) return;
    const sentMs = this.#deps.clock.monotonic();
    const { request, forget } = this.#deps.transactions.open(to, (mapped, atMs) => {
      this.#forgets.delete(forget);
      running.isOver = true;
      const isFirstV4 = this.#draft.globalV4 === undefined;
      addStunAnswer(this.#draft, {
        region: set.region,
        server: to,
        mapped,
        latencyMs: Math.max(0, atMs - sentMs),
        atMs,
      });
      this.#lastAnswerMs = this.#deps.clock.monotonic();
      if (isFirstV4 && this.#draft.globalV4 !== undefined) this.#rules.onGlobalV4?.(this.#draft.globalV4);
      this.#answered();
    });
    this.#forgets.add(forget);
    if (!this.#deps.send(to, request)) {
      forget();
      this.#forgets.delete(forget);
      this.#lost(running);
      return;
    }
    if (set.family === 4) this.#draft.ipv4CanSend = true;
    else this.#draft.ipv6CanSend = true;
  }

  /** A probe that could not be sent; a set of only such ones is nothing to wait for. */
  #lost(running: Running): void {
    running.left--;
    if (running.left === 0) running.isOver = true;
    this.#look();
  }

  #wouldHelp({ region, family }: ProbeSet): boolean {
    const draft = this.#draft;
    if (!draft.regionLatencyMs.has(region)) return true;
    return family === 6 ? draft.regionV6LatencyMs.size === 0 : draft.mappingVariesByDestIp === undefined;
  }

  #answered(): void {
    const { isVerbose, isFull } = this.#rules;
    const enough = isVerbose ? ENOUGH_REGIONS_VERBOSE : ENOUGH_REGIONS;
    if (!this.#enoughArmed && this.#draft.regionLatencyMs.size >= enough) {
      this.#enoughArmed = true;
      this.#after(this.#slowestMs() * (isFull ? 2 : 1), () => this.#finish('enough-regions'));
    }
    this.#look();
  }

  #slowestMs(): number {
    return [...this.#draft.regionLatencyMs.values()].reduce((most, ms) => Math.max(most, ms), 0);
  }

  /** Called after every event: is it over, and if not, how long may it be quiet? */
  #look(): void {
    if (this.#end !== undefined) return;
    const open = this.#sets.filter(({ isOver }) => !isOver);
    if (open.length === 0) {
      this.#finish('all-done');
      return;
    }
    this.#cancelPatience?.();
    this.#cancelPatience = undefined;
    // Without any answer the time limit decides: that UDP is blocked must not be said too soon.
    if (!this.#draft.udp) return;
    const isWaiting = open.some(({ set }) => this.#isExpected(set));
    // Whoever wants to see all regions waits for the slow ones too, to the limit.
    if (isWaiting && this.#rules.isVerbose) return;
    const delays = open.flatMap(({ set }) => set.probes.map(({ delayMs }) => delayMs));
    const lastTryMs = this.#startMs + delays.reduce((most, ms) => Math.max(most, ms), 0);
    const fromMs = Math.max(this.#lastAnswerMs, lastTryMs);
    const patienceMs = isWaiting
      ? Math.max(QUIET_MS, 4 * this.#slowestMs())
      : Math.max(GRACE_MS, 2 * this.#slowestMs());
    const leftMs = fromMs + patienceMs - this.#deps.clock.monotonic();
    this.#cancelPatience = this.#after(Math.max(0, leftMs), () =>
      this.#finish(isWaiting ? 'went-quiet' : 'expected-answered'),
    );
  }

  /** What answered before is expected again; of a region that is new, an answer in either family. */
  #isExpected({ region, family, isForMapping }: ProbeSet): boolean {
    const before = this.#rules.answeredBefore(region, family);
    // Of the other server of a known region nothing is known: it gets the time that is left for the unexpected.
    if (isForMapping) return before === undefined && this.#draft.mappingVariesByDestIp === undefined;
    return before ?? !this.#draft.regionLatencyMs.has(region);
  }

  #finish(end: RoundEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    for (const cancel of this.#cancels) cancel();
    for (const forget of this.#forgets) forget();
    this.#cancels.clear();
    this.#forgets.clear();
    this.#resolve(end);
  }

  #after(ms: number, fn: () => void): () => void {
    const cancelTimer = this.#deps.clock.after(ms, () => {
      this.#cancels.delete(cancel);
      fn();
    });
    const cancel = (): void => {
      this.#cancels.delete(cancel);
      cancelTimer();
    };
    this.#cancels.add(cancel);
    return cancel;
  }
}
