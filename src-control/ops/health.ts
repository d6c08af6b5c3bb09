/** Whether the process lives, and whether it should be given work (coordination-server.md §19). */
import type { Clock } from '#shared/async/clock.ts';
import type { Network } from '../state/network.ts';
import type { LoopLag } from './lag.ts';

/** A restart helps only where this lasts; one long pause is no reason. */
const MAX_MEAN_LAG_MS = 1_000;
/** A disk that refused is tried again no more often than this. */
const PROBE_MS = 2_000;
const PROBE_SETTING = 'storage-probe';

export interface Answer {
  readonly status: 200 | 503;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface HealthDeps {
  readonly network: Network;
  readonly clock: Clock;
  readonly lag: Pick<LoopLag, 'meanMs' | 'worstMs'>;
  /** What an administrator should look at, though the server works. */
  readonly warnings?: () => readonly string[];
}

export class Health {
  readonly #deps: HealthDeps;
  #isStarted = false;
  #isDraining = false;
  #probedAt = Number.NEGATIVE_INFINITY;

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
      ...(await this.#storageProblem()),
    ];
    const warnings = this.#deps.warnings?.() ?? [];
    const rest = warnings.length === 0 ? {} : { warnings };
    return problems.length === 0
      ? { status: 200, body: { status: 'ready', ...rest } }
      : { status: 503, body: { status: 'not ready', problems, ...rest } };
  }

  /** A disk that refused the last write is asked again: nobody else may be writing. */
  async #storageProblem(): Promise<readonly string[]> {
    const { network, clock } = this.#deps;
    const now = clock.monotonic();
    if (network.storage.kind === 'failing' && now - this.#probedAt >= PROBE_MS) {
      this.#probedAt = now;
      const probe = { put: 'setting', key: PROBE_SETTING, value: String(clock.now()) } as const;
      // What it says stands in `storage` then.
      await network.save({ writes: [probe] }).catch(() => undefined);
    }
    return network.storage.kind === 'failing' ? ['the database takes no writes'] : [];
  }
}
