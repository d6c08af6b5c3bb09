/** Bytes per second of the last minute, and the line through them; pure. */
import type { TrafficSeries } from '#shared/bridge/contract.ts';

export interface Minute {
  readonly in: readonly number[];
  readonly out: readonly number[];
}

const sum = (a: readonly number[], b: readonly number[]): number[] =>
  a.map((value, n) => value + (b[n] ?? 0));

export const minuteOf = ({ direct, relayed }: TrafficSeries): Minute => ({
  in: sum(direct.in, relayed.in),
  out: sum(direct.out, relayed.out),
});

export const added = (known: Minute, more: Minute, seconds: number): Minute => ({
  in: [...known.in, ...more.in].slice(-seconds),
  out: [...known.out, ...more.out].slice(-seconds),
});

const WIDTH = 240;
const HEIGHT = 48;
/** So that a line at the edge is not cut in half. */
const EDGE = 2;

/** An SVG path; `''` for fewer than two values. `isArea` closes it along the bottom. */
export function pathOf(values: readonly number[], top: number, isArea: boolean): string {
  if (values.length < 2) return '';
  const step = WIDTH / (values.length - 1);
  const points = values.map((value, n) => {
    const y = HEIGHT - EDGE - (Math.min(value, top) / top) * (HEIGHT - 2 * EDGE);
    return `${(n * step).toFixed(1)} ${y.toFixed(1)}`;
  });
  const line = `M${points.join('L')}`;
  return isArea ? `${line}L${WIDTH} ${HEIGHT}L0 ${HEIGHT}Z` : line;
}
