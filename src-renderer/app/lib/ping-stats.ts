/** What a run of pings amounts to; pure. */

export interface Answer {
  /** Undefined = none came. */
  readonly latencyMs: number | undefined;
  readonly via: string;
}

export interface PingStats {
  readonly sent: number;
  readonly lost: number;
  readonly minMs: number | undefined;
  readonly medianMs: number | undefined;
  readonly maxMs: number | undefined;
}

export function statsOf(answers: readonly Answer[]): PingStats {
  const times = answers
    .flatMap(({ latencyMs }) => (latencyMs === undefined ? [] : [latencyMs]))
    .sort((a, b) => a - b);
  return {
    sent: answers.length,
    lost: answers.length - times.length,
    minMs: times[0],
    medianMs: medianOf(times),
    maxMs: times.at(-1),
  };
}

function medianOf(ascending: readonly number[]): number | undefined {
  const middle = ascending.length >> 1;
  const upper = ascending[middle];
  const lower = ascending[middle - 1];
  if (upper === undefined) return undefined;
  return ascending.length % 2 === 1 || lower === undefined ? upper : (upper + lower) / 2;
}

/** Where packets took another way than those before: index and the new way. */
export function pathChanges(
  answers: readonly Answer[],
): readonly { readonly at: number; readonly via: string }[] {
  let last: string | undefined;
  return answers.flatMap(({ latencyMs, via }, at) => {
    if (latencyMs === undefined || via === last) return [];
    const isFirst = last === undefined;
    last = via;
    return isFirst ? [] : [{ at, via }];
  });
}

/** A round number at or above the largest, for the top of a chart: 1, 2 or 5 times a power of ten. */
export function niceTop(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 5, 10].find((one) => one * power >= value) ?? 10;
  return step * power;
}
