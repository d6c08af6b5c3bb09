/** The checks of the last minutes, from which the least latency of each region is taken (nat-traversal.md §2.6). Pure. */
import type { Latencies, NetReport } from './report.ts';
import { noteLatency } from './report.ts';

export const FULL_INTERVAL_MS = 300_000;
/** The longest that a check takes; with it added, one full check is always inside. */
const KEEP_MS = FULL_INTERVAL_MS + 5_000;

export interface Entry {
  /** Monotonic clock. */
  readonly atMs: number;
  readonly report: NetReport;
  /** Regions that were asked, whether or not they answered. */
  readonly asked: ReadonlySet<number>;
}

export const addToHistory = (history: readonly Entry[], entry: Entry): readonly Entry[] => [
  ...history.filter(({ atMs }) => entry.atMs - atMs <= KEEP_MS),
  entry,
];

export function bestLatencies(history: readonly Entry[]): Latencies {
  const best = new Map<number, number>();
  for (const { report } of history)
    for (const [region, ms] of report.regionLatencyMs) noteLatency(best, region, ms);
  return best;
}

/** Whether all regions are due (§2.5). */
export function isFullDue(
  last: NetReport | undefined,
  lastFullAtMs: number | undefined,
  nowMs: number,
): boolean {
  if (last === undefined || lastFullAtMs === undefined || nowMs - lastFullAtMs > FULL_INTERVAL_MS)
    return true;
  // A portal that was in the way may be gone: the last check taught us little.
  return !last.udp && last.captivePortal === true;
}
