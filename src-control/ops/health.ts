/** Whether the process lives, and whether it should be given work (coordination-server.md §19). */
import type { StorageProbe } from '../state/storage-probe.ts';
import type { LoopLag } from './lag.ts';

/** A restart helps only where this lasts; one long pause is no reason. */
const MAX_MEAN_LAG_MS = 1_000;

export interface Answer {
  readonly status: 200 | 503;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface HealthDeps {
  readonly storage: Pick<StorageProbe, 'isWritable'>;
  readonly lag: Pick<LoopLag, 'meanMs' | 'worstMs'>;
  /** What an administrator should look at, though the server works. */
  readonly warnings?: () => readonly string[];
}

export class Health {
  readonly #deps: HealthDeps;
  #isStarted = false;
  #isDraining = false;

  constructor(deps: HealthDeps) {
    this.#deps = deps;
  }

  started(): void {
    this.#isStarted = true;
  }

  /** Load balancers look elsewhere from now on. */
  draining(): void {
    this.#isDraining = true;
  }

  live(): Answer {
    const { meanMs, worstMs } = this.#deps.lag;
    const isOk = meanMs < MAX_MEAN_LAG_MS;
    return {
      status: isOk ? 200 : 503,
      body: {
        status: isOk ? 'ok' : 'overloaded',
        loopLagMs: Math.round(meanMs),
        worstLoopLagMs: Math.round(worstMs),
      },
    };
  }

  async ready(): Promise<Answer> {
    const problems = [
      ...(this.#isStarted ? [] : ['starting']),
      ...(this.#isDraining ? ['stopping'] : []),
      ...((await this.#deps.storage.isWritable()) ? [] : ['the database takes no writes']),
    ];
    const warnings = this.#deps.warnings?.() ?? [];
    const rest = warnings.length === 0 ? {} : { warnings };
    return problems.length === 0
      ? { status: 200, body: { status: 'ready', ...rest } }
      : { status: 503, body: { status: 'not ready', problems, ...rest } };
  }
}
