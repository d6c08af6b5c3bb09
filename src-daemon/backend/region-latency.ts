/** How far each relay region was lately: a check often asks only the nearest ones, so the answers of some minutes count. */
import type { NetInfo } from '#shared/wire/hostinfo.ts';

/** Longer than between two checks of all regions. */
const KEEP_MS = 11 * 60_000;

interface Measured {
  readonly seconds: number;
  readonly atMs: number;
}

export class RegionLatency {
  readonly #regions = new Map<number, Measured>();

  /** The latencies of one check, `<region>-v4` and `<region>-v6`; monotonic ms. */
  add({ DERPLatency }: NetInfo, nowMs: number): void {
    const best = new Map<number, number>();
    for (const [key, seconds] of Object.entries(DERPLatency ?? {})) {
      const region = Number(/^(\d{1,9})-v[46]$/.exec(key)?.[1] ?? 0);
      if (region > 0 && seconds > 0) best.set(region, Math.min(seconds, best.get(region) ?? seconds));
    }
    for (const [region, seconds] of best) this.#regions.set(region, { seconds, atMs: nowMs });
  }

  /** Undefined = not measured lately. */
  of(region: number, nowMs: number): number | undefined {
    const measured = this.#regions.get(region);
    return measured !== undefined && nowMs - measured.atMs <= KEEP_MS ? measured.seconds : undefined;
  }

  /** What was measured on another network says nothing here. */
  clear(): void {
    this.#regions.clear();
  }
}
