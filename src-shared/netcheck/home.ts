/** Which region is to be home, given what was measured now and lately (nat-traversal.md §2.6). Pure. */
import type { Latencies } from './report.ts';

/** A home that is nearer by less than this is not worth a move. */
const ABSOLUTE_MS = 10;
/** Nor is one that takes more than two thirds of the time. */
const SHARE = 2 / 3;
/** A region that sent us anything in this time is alive, whether or not it answers probes. */
const HEARD_MS = 8_000;
/** Twice the keepalive of a relay: without any measurement a home that was heard in this time stays. */
const KEEPALIVE_MS = 120_000;

export interface HomeChoice {
  /** The latencies of this check. */
  readonly current: Latencies;
  /** The least of each region in the last minutes, this check included. */
  readonly best: Latencies;
  /** Factors of the map's HomeParams, by region; what is not above zero does not count. */
  readonly scores: ReadonlyMap<number, number>;
  /** The home so far; 0 = none. */
  readonly previous: number;
  /** A region that a person asked for. */
  readonly forced?: number | undefined;
  /** How long ago the region last sent us something by its connection; undefined = never. */
  readonly heardAgoMs: (region: number) => number | undefined;
  /** How long this check took. */
  readonly tookMs: number;
  /** Regions without a relay answer STUN but can be nobody's home. */
  readonly canBeHome: (region: number) => boolean;
}

/** 0 = none. */
export function chooseHome(choice: HomeChoice): number {
  const { previous, forced, current, canBeHome } = choice;
  const [found, bestMs] = nearest(choice);
  const heardMs = choice.heardAgoMs(previous) ?? Number.POSITIVE_INFINITY;
  let home = found;
  if (previous !== 0 && found !== previous && found !== 0 && isWorthKeeping(choice, bestMs)) home = previous;
  if (
    forced !== undefined &&
    forced !== 0 &&
    canBeHome(forced) &&
    (current.has(forced) || isHeard(choice, forced))
  )
    home = forced;
  return home === 0 && heardMs < KEEPALIVE_MS && canBeHome(previous) ? previous : home;
}

/** Only regions that answered now are candidates; among them the history decides. */
function nearest({ current, best, scores, canBeHome }: HomeChoice): readonly [number, number] {
  let home = 0;
  let homeMs = Number.POSITIVE_INFINITY;
  for (const region of [...current.keys()].sort((a, b) => a - b)) {
    if (!canBeHome(region)) continue;
    const ms = scored(best.get(region) ?? current.get(region) ?? 0, scores.get(region));
    if (ms < homeMs) [home, homeMs] = [region, ms];
  }
  return [home, homeMs];
}

function isWorthKeeping(choice: HomeChoice, bestMs: number): boolean {
  const { previous, current, scores, canBeHome } = choice;
  const measured = current.get(previous);
  if (!canBeHome(previous) || (measured === undefined && !isHeard(choice, previous))) return false;
  // Heard but not measured counts as no distance at all: it stays.
  const nowMs = measured === undefined ? 0 : scored(measured, scores.get(previous));
  return nowMs - bestMs < ABSOLUTE_MS || bestMs > nowMs * SHARE;
}

function isHeard({ heardAgoMs, tookMs }: HomeChoice, region: number): boolean {
  const agoMs = heardAgoMs(region) ?? Number.POSITIVE_INFINITY;
  return agoMs < tookMs || agoMs < HEARD_MS;
}

const scored = (ms: number, score: number | undefined): number =>
  score !== undefined && score > 0 ? ms * score : ms;
