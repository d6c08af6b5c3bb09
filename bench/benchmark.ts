/** What a benchmark is: it measures us and, in the same run, others who do the same. */
import type { Figures, Skipped } from '../e2e/lab/figures.ts';

export interface Measured {
  readonly figures: Figures;
  /** Other programs by name and version, with the same figures. */
  readonly peers?: Readonly<Record<string, Figures>>;
  /** Ours divided by the best peer's, where they were compared turn by turn; else that of the figures. */
  readonly ratios?: Figures;
  readonly skipped?: readonly Skipped[];
  /** What a reader of the figures should know. */
  readonly notes?: readonly string[];
  /** Goals of the issue that were not reached, each in a sentence: the run is not ok then. */
  readonly missed?: readonly string[];
}

export interface Benchmark {
  readonly name: string;
  /** One sentence: what is measured. */
  readonly what: string;
  /** Why this machine cannot run it; undefined when it can. */
  whyNot?(): string | undefined;
  run(signal: AbortSignal): Promise<Measured>;
}

/** Whether less is better, by the unit at the end of a figure's name. */
export const isCost = (name: string): boolean => /(Ms|Us|Ns|Bytes|MB|PerGB|PerHour|DaemonCpus)$/.test(name);
