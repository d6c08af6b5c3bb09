/** The one line of JSON with which a lab scenario or a benchmark ends, and what goes into it. */
import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { loadEngine } from '../../src-daemon/ffi/engine.ts';

/** Numbers with the unit in the name: `tcp1GbitPerS`, `firstPingMs`. */
export type Figures = Readonly<Record<string, number>>;

export interface Skipped {
  readonly what: string;
  readonly why: string;
}

export interface Result {
  readonly name: string;
  readonly ok: boolean;
  readonly figures: Figures;
  readonly skipped: readonly Skipped[];
  /** Another program's figures, measured in the same run. */
  readonly peers?: Readonly<Record<string, Figures>>;
  /** Ours divided by the best peer's. */
  readonly ratios?: Figures;
  /** What a reader of the figures should know. */
  readonly notes?: readonly string[];
}

export const ROOT = join(import.meta.dirname, '../..');

/** The engine that programs started from here take; see `pickEngine`. */
export const engineName = (): string =>
  process.env['RHUMB_ENGINE'] ?? (loadEngine().ok ? 'native' : 'portable');

export function resultLine(result: Result): string {
  const { name, ok, figures, skipped, peers, ratios, notes = [] } = result;
  return JSON.stringify({
    name,
    ok,
    figures: rounded(figures),
    ...(peers === undefined ? {} : { peers: mapValues(peers, rounded) }),
    ...(ratios === undefined ? {} : { ratios: rounded(ratios) }),
    engine: engineName(),
    commit: commit(),
    machine: machine(),
    skipped,
    ...(notes.length === 0 ? {} : { notes }),
  });
}

const mapValues = <A, B>(from: Readonly<Record<string, A>>, to: (value: A) => B): Record<string, B> =>
  Object.fromEntries(Object.entries(from).map(([key, value]) => [key, to(value)]));

const rounded = (figures: Figures): Figures =>
  mapValues(figures, (value) => (Number.isInteger(value) ? value : Number(value.toPrecision(4))));

/** The commit that was measured; `+` when the tree had changes. */
function commit(): string {
  try {
    const git = (...args: string[]): string =>
      execFileSync('git', ['-C', ROOT, ...args], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }).trim();
    const dirty = git('status', '--porcelain', '--untracked-files=no') === '' ? '' : '+';
    return `${git('rev-parse', '--short=12', 'HEAD')}${dirty}`;
  } catch {
    return 'unknown'; // not a clone
  }
}

function machine(): string {
  const cores = cpus();
  const gigabytes = Math.round(totalmem() / 2 ** 30);
  const model = cores[0]?.model.trim() ?? 'unknown processor';
  return `${cores.length} × ${model}, ${gigabytes} GB, ${process.platform} ${release()}`;
}
