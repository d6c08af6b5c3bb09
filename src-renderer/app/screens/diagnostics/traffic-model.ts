/** Bytes of each second as a plot shows them: what comes in above the line, what goes out below, direct upon relayed; pure. */
import type { TrafficSeries } from '#shared/bridge/contract.ts';

/** Columns of the plot: seconds since 1970, then in (all, relayed), then out (all, relayed) below zero. */
export type Columns = readonly [
  readonly number[],
  readonly number[],
  readonly number[],
  readonly number[],
  readonly number[],
];

const NO_SERIES: TrafficSeries = {
  endMs: 0,
  direct: { in: [], out: [] },
  relayed: { in: [], out: [] },
};

export const emptySeries = (): TrafficSeries => NO_SERIES;

/** The seconds of `more` after those that are there; at most `seconds` are kept. A gap is filled with nothing. */
export function appended(before: TrafficSeries, more: TrafficSeries, seconds: number): TrafficSeries {
  const count = more.direct.in.length;
  if (count === 0) return before;
  if (before.direct.in.length === 0) return cut(more, seconds);
  const gap = Math.round((more.endMs - before.endMs) / 1_000) - count;
  // An old or a repeated event adds nothing; a long silence begins anew.
  if (gap < 0) return before;
  if (gap > seconds) return cut(more, seconds);
  const zeros = Array.from({ length: gap }, () => 0);
  const join = (a: readonly number[], b: readonly number[]): number[] =>
    [...a, ...zeros, ...b].slice(-seconds);
  return {
    endMs: more.endMs,
    direct: { in: join(before.direct.in, more.direct.in), out: join(before.direct.out, more.direct.out) },
    relayed: {
      in: join(before.relayed.in, more.relayed.in),
      out: join(before.relayed.out, more.relayed.out),
    },
  };
}

const cut = ({ endMs, direct, relayed }: TrafficSeries, seconds: number): TrafficSeries => ({
  endMs,
  direct: { in: direct.in.slice(-seconds), out: direct.out.slice(-seconds) },
  relayed: { in: relayed.in.slice(-seconds), out: relayed.out.slice(-seconds) },
});

export function columnsOf({ endMs, direct, relayed }: TrafficSeries): Columns {
  const count = direct.in.length;
  const end = Math.floor(endMs / 1_000);
  const sum = (a: readonly number[], b: readonly number[]): number[] =>
    a.map((value, n) => value + (b[n] ?? 0));
  const below = (values: readonly number[]): number[] => values.map((value) => (value === 0 ? 0 : -value));
  return [
    Array.from({ length: count }, (_, n) => end - count + 1 + n),
    sum(direct.in, relayed.in),
    [...relayed.in],
    below(sum(direct.out, relayed.out)),
    below(relayed.out),
  ];
}

export interface Figures {
  readonly nowIn: number;
  readonly nowOut: number;
  readonly peakIn: number;
  readonly peakOut: number;
  readonly meanIn: number;
  readonly meanOut: number;
  /** Of all bytes, by relays; undefined = there were none. */
  readonly relayedPart: number | undefined;
}

export function figuresOf({ direct, relayed }: TrafficSeries): Figures {
  const all = (a: readonly number[], b: readonly number[]): number[] =>
    a.map((value, n) => value + (b[n] ?? 0));
  const [into, out] = [all(direct.in, relayed.in), all(direct.out, relayed.out)];
  const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);
  const peak = (values: readonly number[]): number =>
    values.reduce((most, value) => Math.max(most, value), 0);
  const mean = (values: readonly number[]): number =>
    values.length === 0 ? 0 : total(values) / values.length;
  const bytes = total(into) + total(out);
  return {
    nowIn: into.at(-1) ?? 0,
    nowOut: out.at(-1) ?? 0,
    peakIn: peak(into),
    peakOut: peak(out),
    meanIn: mean(into),
    meanOut: mean(out),
    relayedPart: bytes === 0 ? undefined : (total(relayed.in) + total(relayed.out)) / bytes,
  };
}

/** For the table: at most so many rows, each the mean of its seconds. */
export function tableOf(series: TrafficSeries, most: number): readonly (readonly [number, number, number])[] {
  const [times, into, , out] = columnsOf(series);
  const step = Math.max(1, Math.ceil(times.length / most));
  const rows: [number, number, number][] = [];
  for (let from = 0; from < times.length; from += step) {
    const mean = (values: readonly number[]): number => {
      const part = values.slice(from, from + step);
      return part.reduce((sum, value) => sum + Math.abs(value), 0) / part.length;
    };
    rows.push([(times[from] ?? 0) * 1_000, mean(into), mean(out)]);
  }
  return rows;
}
