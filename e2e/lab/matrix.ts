/** All pairs of NAT kinds tried, several at once, and what came out as a table and as figures. */
import type { Figures } from './figures.ts';
import { allPairs, expectedPath } from './nat-table.ts';
import type { SiteKind } from './site.ts';
import { type Member, type TrialOptions, type TrialResult, tryPair } from './trial.ts';

export interface MatrixOptions extends Omit<TrialOptions, 'expected'> {
  readonly kinds: readonly SiteKind[];
  readonly atOnce: number;
  /** The two machines of a kind. */
  twins(kind: SiteKind): readonly [Member, Member];
  /** Told of each pair as it ends. */
  said?(result: TrialResult): void;
}

/** Every pair, each machine in one pair at a time, as many pairs at once as asked for. */
export async function tryMatrix(options: MatrixOptions): Promise<readonly TrialResult[]> {
  const { kinds, atOnce, twins, said, ...how } = options;
  const left = allPairs(kinds).map(([one, two]) => ({
    a: twins(one)[0],
    b: twins(two)[1],
    expected: expectedPath(one, two),
  }));
  const busy = new Set<Member>();
  const results: TrialResult[] = [];
  const running = new Set<Promise<void>>();
  const begin = (pair: (typeof left)[number]): void => {
    const { a, b, expected } = pair;
    busy.add(a).add(b);
    const trial = tryPair(a, b, { ...how, expected }).then((result) => {
      results.push(result);
      said?.(result);
      busy.delete(a);
      busy.delete(b);
      running.delete(trial);
    });
    running.add(trial);
  };
  while (left.length > 0 || running.size > 0) {
    const next = running.size < atOnce ? left.findIndex(({ a, b }) => !busy.has(a) && !busy.has(b)) : -1;
    if (next >= 0) for (const pair of left.splice(next, 1)) begin(pair);
    else await Promise.race(running);
  }
  const order = (name: string): number =>
    kinds.findIndex((kind) => name.startsWith(kind) && name.length === kind.length + 2);
  return results.sort((x, y) => order(x.a) - order(y.a) || order(x.b) - order(y.b));
}

const quantile = (values: readonly number[], q: number): number => {
  const sorted = values.toSorted((x, y) => x - y);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
};

export function matrixFigures(results: readonly TrialResult[]): Figures {
  const numbers = (pick: (one: TrialResult) => number | undefined): number[] =>
    results.map(pick).filter((value) => value !== undefined && !Number.isNaN(value)) as number[];
  const spread = (name: string, values: readonly number[]): Record<string, number> =>
    values.length === 0
      ? {}
      : {
          [`${name}P50Ms`]: quantile(values, 0.5),
          [`${name}P95Ms`]: quantile(values, 0.95),
          [`${name}MaxMs`]: Math.max(...values),
        };
  return {
    pairs: results.length,
    direct: results.filter(({ path }) => path === 'direct').length,
    relayed: results.filter(({ path }) => path === 'relay').length,
    guessedDirect: results.filter(({ path, expected }) => expected === 'either' && path === 'direct').length,
    lostPackets: results.reduce((sum, { lost }) => sum + lost, 0),
    troubled: results.filter(({ problems }) => problems.length > 0).length,
    ...spread(
      'first',
      numbers(({ firstMs }) => firstMs),
    ),
    // Where luck is needed there is no goal for the time.
    ...spread(
      'toDirect',
      numbers(({ toDirectMs, expected }) => (expected === 'direct' ? toDirectMs : undefined)),
    ),
    ...spread(
      'failover',
      numbers(({ failoverMs }) => failoverMs),
    ),
    ...spread(
      'tcpGap',
      numbers(({ tcpGapMs }) => tcpGapMs),
    ),
    ...spread(
      'recovery',
      numbers(({ recoveryMs }) => recoveryMs),
    ),
  };
}

const HEAD = [
  'pair',
  '',
  'path',
  'by the book',
  'first packet',
  'to direct',
  'fail-over',
  'TCP silent',
  'recovery',
  '',
] as const;

const ms = (value: number | undefined): string =>
  value === undefined || Number.isNaN(value) ? '–' : `${Math.round(value)} ms`;

const kindOf = (name: string): string => name.replace(/-[ab]$/, '');

const cells = (one: TrialResult): readonly string[] => [
  kindOf(one.a),
  kindOf(one.b),
  one.path,
  one.expected === 'either' ? 'relay' : one.expected,
  ms(one.firstMs),
  ms(one.toDirectMs),
  ms(one.failoverMs),
  ms(one.tcpGapMs),
  ms(one.recoveryMs),
  one.problems.join('; '),
];

/** For a terminal. */
export function textTable(results: readonly TrialResult[]): string {
  const rows = [HEAD, ...results.map(cells)];
  const widths = HEAD.map((_, n) => Math.max(...rows.map((row) => (row[n] ?? '').length)));
  return rows
    .map((row) =>
      row
        .map((cell, n) => cell.padEnd(widths[n] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

export function markdownTable(results: readonly TrialResult[]): string {
  const head = ['', ...HEAD.slice(1)];
  const lines = [head, head.map(() => '---'), ...results.map(cells)];
  return lines.map((line) => `| ${line.join(' | ')} |`).join('\n');
}
