/** Relays that answer probes but let us not in: no home for a while, or we would stay where nobody reaches us. */
import type { RelayState } from '../derp/types.ts';

/** A relay that restarts is back sooner. */
export const FAILING_MS = 10_000;
/** Nothing tells of its recovery, as nobody dials it any more: it is given another chance after this. */
export const AVOID_MS = 600_000;

export class FailingRelays {
  readonly #sinceMs = new Map<number, number>();
  readonly #untilMs = new Map<number, number>();

  /** True when a region has just become one to avoid. */
  note(states: readonly Pick<RelayState, 'region' | 'state' | 'failures'>[], nowMs: number): boolean {
    let isNews = false;
    for (const { region, state, failures } of states) {
      if (state === 'connected') this.#untilMs.delete(region);
      if (state === 'connected' || state === 'idle') this.#sinceMs.delete(region);
      else if (failures > 0) isNews = this.#fails(region, nowMs) || isNews;
    }
    return isNews;
  }

  #fails(region: number, nowMs: number): boolean {
    const sinceMs = this.#sinceMs.get(region) ?? nowMs;
    this.#sinceMs.set(region, sinceMs);
    if (nowMs - sinceMs < FAILING_MS) return false;
    const isNews = (this.#untilMs.get(region) ?? 0) <= nowMs;
    this.#untilMs.set(region, nowMs + AVOID_MS);
    return isNews;
  }

  avoided(nowMs: number): ReadonlySet<number> {
    for (const [region, untilMs] of this.#untilMs) if (untilMs <= nowMs) this.#untilMs.delete(region);
    return new Set(this.#untilMs.keys());
  }

  /** Another network, or a server that was away too: whatever failed may have failed for that. */
  clear(): void {
    this.#sinceMs.clear();
    this.#untilMs.clear();
  }
}
