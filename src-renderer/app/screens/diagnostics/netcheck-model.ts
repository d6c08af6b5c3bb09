/** Relay regions as bars, nearest first, and how they did over several runs; pure. */
import type { NetcheckReport } from '#shared/bridge/contract.ts';
import { lastRun } from '../../lib/netcheck-runs.ts';
import { niceTop } from '../../lib/ping-stats.ts';

export interface RegionBar {
  readonly id: number;
  readonly name: string;
  readonly code: string;
  readonly v4Ms: number | undefined;
  readonly v6Ms: number | undefined;
  readonly isPreferred: boolean;
}

const best = ({ v4Ms, v6Ms }: RegionBar): number =>
  Math.min(v4Ms ?? Number.POSITIVE_INFINITY, v6Ms ?? Number.POSITIVE_INFINITY);

/** Those that never answered come last, by name. */
export function barsOf({ regions, preferred }: NetcheckReport): readonly RegionBar[] {
  return regions
    .map(
      ({ id, code, name, v4Ms, v6Ms }): RegionBar => ({
        id,
        code,
        name: name === '' ? code : name,
        v4Ms: v4Ms ?? undefined,
        v6Ms: v6Ms ?? undefined,
        isPreferred: id === preferred,
      }),
    )
    .sort((a, b) => {
      const [x, y] = [best(a), best(b)];
      return x === y ? a.name.localeCompare(b.name) : x < y ? -1 : 1;
    });
}

export const topOf = (bars: readonly RegionBar[]): number =>
  niceTop(Math.max(1, ...bars.flatMap(({ v4Ms, v6Ms }) => [v4Ms ?? 0, v6Ms ?? 0])));

/** How each region did over the runs, for those that ever answered. */
export function histories(runs: readonly NetcheckReport[]): readonly {
  readonly id: number;
  readonly name: string;
  readonly times: readonly (number | undefined)[];
}[] {
  const last = lastRun(runs);
  if (last === undefined) return [];
  return barsOf(last)
    .map(({ id, name }) => ({
      id,
      name,
      times: runs.map(({ regions }) => {
        const region = regions.find((one) => one.id === id);
        return region?.v4Ms ?? region?.v6Ms ?? undefined;
      }),
    }))
    .filter(({ times }) => times.some((time) => time !== undefined));
}
