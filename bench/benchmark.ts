/** What a benchmark is: it measures us and, in the same run, others who do the same. */
import type { Figures, Skipped } from '../e2e/lab/figures.ts';

export interface Measured {
  readonly figures: Figures;
  /** Other programs by name and version, with the same figures. */
  readonly peers?: Readonly<Record<string, Figures>>;
  readonly skipped?: readonly Skipped[];
}

export interface Benchmark {
  readonly name: string;
  /** One sentence: what is measured. */
  readonly what: string;
  /** Why this machine cannot run it; undefined when it can. */
  whyNot?(): string | undefined;
  run(signal: AbortSignal): Promise<Measured>;
}
