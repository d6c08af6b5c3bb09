/** What many simulations showed together: steps, violations with their seeds, and how pairs of each kind fared. */
import type { Meeting, SimulationResult } from './simulation.ts';

export interface PairKindReport {
  readonly kind: string;
  readonly isPossible: boolean;
  readonly pairs: number;
  /** Of them with a direct path. */
  readonly directShare: number;
  readonly toDirectP50Ms: number | undefined;
  readonly toDirectP95Ms: number | undefined;
}

export interface SimulationReport {
  readonly steps: number;
  readonly topologies: number;
  readonly delivered: number;
  readonly violations: readonly { readonly seed: number; readonly rule: string; readonly detail: string }[];
  readonly maxProbesPerMinute: number;
  readonly longestHoleMs: number;
  /** Pairs between which a direct path exists without guessing ports. */
  readonly possible: PairKindReport;
  /** Pairs that only guessing could join. */
  readonly beyond: PairKindReport;
  readonly kinds: readonly PairKindReport[];
}

export class Tally {
  #steps = 0;
  #topologies = 0;
  #delivered = 0;
  #maxProbes = 0;
  #longestHoleMs = 0;
  readonly #violations: { seed: number; rule: string; detail: string }[] = [];
  readonly #meetings: Meeting[] = [];

  get steps(): number {
    return this.#steps;
  }

  add(result: SimulationResult): void {
    this.#steps += result.steps;
    this.#topologies += 1;
    this.#delivered += result.delivered;
    this.#maxProbes = Math.max(this.#maxProbes, result.maxProbesPerMinute);
    this.#longestHoleMs = Math.max(this.#longestHoleMs, result.longestHoleMs);
    for (const { rule, detail } of result.violations)
      this.#violations.push({ seed: result.seed, rule, detail });
    this.#meetings.push(...result.meetings);
  }

  report(): SimulationReport {
    const groups = Map.groupBy(this.#meetings, ({ kind, isPossible }) => `${kind} ${isPossible}`);
    const kinds = [...groups.values()]
      .map((group) => summary(group[0]?.kind ?? '', group))
      .sort((a, b) => b.pairs - a.pairs || a.kind.localeCompare(b.kind));
    return {
      steps: this.#steps,
      topologies: this.#topologies,
      delivered: this.#delivered,
      violations: this.#violations,
      maxProbesPerMinute: this.#maxProbes,
      longestHoleMs: this.#longestHoleMs,
      possible: summary(
        'all',
        this.#meetings.filter(({ isPossible }) => isPossible),
      ),
      beyond: summary(
        'all',
        this.#meetings.filter(({ isPossible }) => !isPossible),
      ),
      kinds,
    };
  }
}

function summary(kind: string, group: readonly Meeting[]): PairKindReport {
  const times = group.flatMap(({ directAfterMs }) => directAfterMs ?? []).sort((a, b) => a - b);
  return {
    kind,
    isPossible: group[0]?.isPossible ?? false,
    pairs: group.length,
    directShare: group.length === 0 ? 0 : Number((times.length / group.length).toFixed(3)),
    toDirectP50Ms: quantile(times, 0.5),
    toDirectP95Ms: quantile(times, 0.95),
  };
}

function quantile(sorted: readonly number[], share: number): number | undefined {
  const at = Math.min(sorted.length - 1, Math.floor(sorted.length * share));
  const value = sorted[at];
  return value === undefined ? undefined : Math.round(value);
}

/** What happened before a rule was broken, short enough to read. */
export function story(result: SimulationResult, lines = 40): string {
  const broken = result.violations.map(({ rule, detail }) => `${rule}: ${detail}`);
  return [`RHUMB_SIM_SEED=${result.seed}`, ...broken, ...result.trace.slice(-lines)].join('\n');
}
