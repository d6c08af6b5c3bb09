/** Keeps every prefix with one of the routers that can carry it: looks again at what a change concerns, and remembers the result. */
import type { Clock } from '#shared/async/clock.ts';
import type { Log } from '#shared/log/log.ts';
import { activeRoutes, isExitRoute } from '../state/announced.ts';
import { type Change, nodeChange, What } from '../state/changes.ts';
import { type Meter, noMeter } from '../state/meter.ts';
import { isAdmitted, isExpired, type Network, type NodeView, PRIMARIES } from '../state/network.ts';
import { type Candidate, type ElectionRules, elect } from './election.ts';

export interface PrimariesDeps {
  readonly network: Network;
  readonly log: Log;
  readonly rules?: ElectionRules;
  readonly meter?: Meter;
  /** How long after a start the routers of before are waited for; without it, not at all. */
  readonly start?: { readonly clock: Clock; readonly patienceMs: number };
}

interface Offer {
  readonly prefixes: readonly string[];
  readonly priority: number | undefined;
}

/** What of a machine can change who carries a prefix. */
const RELEVANT = What.Online | What.Whole | What.Routes | What.Tags | What.Expiry | What.Key;

export class PrimaryRoutes implements Disposable {
  readonly #deps: PrimariesDeps;
  /** Who offers each prefix, and what each machine offers: announced and approved, no exit routes. */
  readonly #offering = new Map<string, Set<number>>();
  readonly #offers = new Map<number, Offer>();
  /** While a round of probes is taken over, which is elected on as a whole. */
  #isApplying = false;
  /**
   * Who carried something when the server ended, and is not back yet: machines come back in any order, and whose turn it
   * is must not depend on that.
   */
  readonly #awaited = new Set<number>();
  #stopWaiting: (() => void) | undefined;
  readonly #unsubscribe: () => void;

  constructor(deps: PrimariesDeps) {
    this.#deps = deps;
    this.#unsubscribe = deps.network.subscribe((changes) => this.#onChanges(changes));
    const { network, start } = deps;
    if (start !== undefined) {
      for (const id of network.primaries.values())
        if (network.node(id)?.isOnline === false) this.#awaited.add(id);
      if (this.#awaited.size > 0)
        this.#stopWaiting = start.clock.after(start.patienceMs, () => this.#waitNoLonger());
    }
    this.#lookAtAll();
  }

  [Symbol.dispose](): void {
    this.#stopWaiting?.();
    this.#unsubscribe();
  }

  #waitNoLonger(): void {
    const prefixes = [...this.#awaited].flatMap((id) => this.#offers.get(id)?.prefixes ?? []);
    this.#awaited.clear();
    this.#elect(new Set(prefixes), 'start');
  }

  /** Prefixes with their routers, in order of prefix. */
  prefixes(): readonly string[] {
    return [...this.#offering.keys()];
  }

  /** Whether it offers any prefix that may be used. */
  isRouter(id: number): boolean {
    return this.#offers.has(id);
  }

  candidatesOf(prefix: string): readonly Candidate[] {
    return [...(this.#offering.get(prefix) ?? [])].sort((a, b) => a - b).flatMap((id) => this.#candidate(id));
  }

  /**
   * Routers of prefixes that at least two of them could carry now: only there does it matter who answers. Also one that did
   * not answer while there was another: nobody else would ever find out that it is well again.
   */
  rivals(): readonly number[] {
    const ids = new Set<number>();
    for (const prefix of this.#offering.keys()) {
      const online = this.candidatesOf(prefix).filter((one) => one.isOnline);
      if (online.length > 1 || online.some((one) => !one.isHealthy)) for (const { id } of online) ids.add(id);
    }
    return [...ids].sort((a, b) => a - b);
  }

  /** What a round of probes found, as one: no prefix moves twice because of it. */
  setHealth(health: ReadonlyMap<number, boolean>): void {
    const { network } = this.#deps;
    const touched = new Set<string>();
    this.#isApplying = true;
    try {
      for (const [id, isHealthy] of health) {
        if (network.node(id)?.isHealthy === isHealthy) continue;
        network.setLive(id, { isHealthy });
        for (const prefix of this.#offers.get(id)?.prefixes ?? []) touched.add(prefix);
      }
    } finally {
      this.#isApplying = false;
    }
    this.#elect(touched, 'health');
  }

  #onChanges(changes: readonly Change[]): void {
    if (this.#isApplying) return;
    if (changes.some(({ kind }) => kind === 'reset')) this.#lookAtAll();
    const touched = new Set<string>();
    const reordered = new Set<string>();
    for (const change of changes) {
      if (change.kind !== 'removed' && (change.kind !== 'node' || (change.what & RELEVANT) === 0)) continue;
      const before = this.#offers.get(change.id);
      const prefixes = this.#look(change.id);
      const after = this.#offers.get(change.id);
      // Whoever says anew who goes first means it now, not after the next failure.
      const isReordered = before !== undefined && after !== undefined && before.priority !== after.priority;
      for (const prefix of prefixes) (isReordered ? reordered : touched).add(prefix);
    }
    if (touched.size > 0) this.#elect(touched, 'change');
    if (reordered.size > 0) this.#elect(reordered, 'priority', { failback: true });
  }

  #lookAtAll(): void {
    const { network } = this.#deps;
    this.#offering.clear();
    this.#offers.clear();
    for (const { record } of network.nodes()) this.#look(record.id);
    this.#elect(new Set([...this.#offering.keys(), ...network.primaries.keys()]), 'start');
  }

  /** Brings the books of one machine up to date; the result is every prefix that it offers or offered. */
  #look(id: number): readonly string[] {
    const view = this.#deps.network.node(id);
    if (view?.isOnline !== false) this.#awaited.delete(id);
    const before = this.#offers.get(id)?.prefixes ?? [];
    const now = view === undefined ? [] : offered(view);
    for (const prefix of before) {
      const ids = this.#offering.get(prefix);
      ids?.delete(id);
      if (ids?.size === 0) this.#offering.delete(prefix);
    }
    for (const prefix of now) this.#offering.set(prefix, (this.#offering.get(prefix) ?? new Set()).add(id));
    if (now.length > 0) this.#offers.set(id, { prefixes: now, priority: view?.record.routePriority });
    else this.#offers.delete(id);
    // A router that has nothing to offer any more is asked nothing, so what it last answered must not stay.
    if (now.length === 0 && view?.isHealthy === false) this.#deps.network.setLive(id, { isHealthy: true });
    return [...before, ...now];
  }

  #candidate(id: number): readonly Candidate[] {
    const { network } = this.#deps;
    const view = network.node(id);
    if (view === undefined) return [];
    const isOnline = view.isOnline && !isExpired(view.record, network.nowMs);
    return [{ id, isOnline, isHealthy: view.isHealthy, priority: view.record.routePriority }];
  }

  #isAwaited(id: number, prefix: string): boolean {
    const { network } = this.#deps;
    const record = network.node(id)?.record;
    const isOffered = this.#offering.get(prefix)?.has(id) === true;
    return this.#awaited.has(id) && isOffered && record !== undefined && !isExpired(record, network.nowMs);
  }

  #elect(prefixes: ReadonlySet<string>, reason: string, rules = this.#deps.rules): void {
    const { network, log, meter = noMeter } = this.#deps;
    const primaries = new Map(network.primaries);
    const concerned = new Set<number>();
    for (const prefix of prefixes) {
      const was = primaries.get(prefix);
      if (was !== undefined && this.#isAwaited(was, prefix)) continue;
      const is = elect(was, this.candidatesOf(prefix), rules);
      if (was === is) continue;
      if (is === undefined) primaries.delete(prefix);
      else primaries.set(prefix, is);
      for (const id of [was, is]) if (id !== undefined && network.node(id) !== undefined) concerned.add(id);
      meter.count('route_elections', { reason });
      log('info', 'route.elected', { prefix, from: was, to: is, reason });
    }
    // Also when only the books of a machine that is gone went.
    if (concerned.size === 0 && primaries.size === network.primaries.size) return;
    const value = JSON.stringify(Object.fromEntries([...primaries].sort(([a], [b]) => (a < b ? -1 : 1))));
    network
      .save({
        writes: [{ put: 'setting', key: PRIMARIES, value }],
        changes: [...concerned].map((id) => nodeChange(id, What.Routes)),
        // Its users are cut off until they hear of it: they do before the disk does.
        pace: 'lazy',
      })
      .catch((error: unknown) => log('error', 'route.not-written', { error }));
  }
}

/** Machines that are not in the network carry nothing for it; nor are exit routes anybody's alone. */
const offered = ({ record }: NodeView): readonly string[] =>
  isAdmitted(record) ? activeRoutes(record).filter((route) => !isExitRoute(route)) : [];
