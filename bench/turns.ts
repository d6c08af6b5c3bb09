/** Contestants measured in turns, and what is made of it: neighbours and the host's clock change between minutes. */
import { toRhumbError } from '#shared/errors.ts';
import type { Figures, Skipped } from '../e2e/lab/figures.ts';
import type { Lab } from '../e2e/lab/lab.ts';
import { isCost, type Measured } from './benchmark.ts';
import { type Contestant, type Field, type Link, MTU, pinning, type Role } from './contestants.ts';
import { busySeconds, stolenSeconds } from './process-cost.ts';

/** What is wanted of one figure. */
export type Goal = BesideOthers | { readonly figure: string; readonly atMost: number };

interface BesideOthers {
  readonly figure: string;
  /** Multiple of the best of those with a role, in the same run. */
  readonly times: number;
  readonly of: readonly Role[];
  /** From here on there is nothing more to win: the sender is at its end. */
  readonly enough?: (ours: number) => boolean;
}

export interface Turns {
  /** Turns of each, unless RHUMB_BENCH_ROUNDS says otherwise. */
  readonly rounds: number;
  readonly measure: (link: Link) => Promise<Figures>;
  readonly goals: readonly Goal[];
}

interface Entry {
  readonly contestant: Contestant;
  readonly link: Link;
  readonly turns: Figures[];
}

export async function inTurns(lab: Lab, field: Field, turns: Turns, signal: AbortSignal): Promise<Measured> {
  const rounds = Number(process.env['RHUMB_BENCH_ROUNDS'] ?? turns.rounds);
  const skipped = [...field.skipped];
  const stolen = stolenSeconds();
  const busy = busySeconds();
  let entries: readonly Entry[] = [];
  for (const contestant of field.contestants) {
    signal.throwIfAborted();
    const link = await attempt(contestant, skipped, () => contestant.start(lab));
    if (link !== undefined) entries = [...entries, { contestant, link, turns: [] }];
  }
  for (let round = 0; round < rounds; round++) {
    for (const entry of entries) {
      signal.throwIfAborted();
      const figures = await attempt(entry.contestant, skipped, () => turns.measure(entry.link));
      if (figures === undefined) entries = entries.filter((one) => one !== entry);
      else entry.turns.push(figures);
    }
  }
  const stolenPercent =
    (100 * (stolenSeconds() - stolen)) / (busySeconds() - busy + stolenSeconds() - stolen);
  const how = `medians of ${rounds} turns of each; MTU ${MTU}; ${pinning()}; ${stolenPercent.toFixed(1)} % of processor time taken by neighbours`;
  return { ...compare(entries, turns.goals), skipped, notes: [...field.notes, how] };
}

/** Somebody else's trouble does not end the run. */
async function attempt<T>(
  { title, role }: Contestant,
  skipped: Skipped[],
  what: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await what();
  } catch (error) {
    if (role === 'engine' || role === 'daemon') throw error;
    const [why = ''] = toRhumbError(error).message.split('\n');
    skipped.push({ what: title, why });
    return undefined;
  }
}

function compare(entries: readonly Entry[], goals: readonly Goal[]): Measured {
  const ours = entries.filter(({ contestant }) => isOurs(contestant));
  const peers = entries.filter(({ contestant }) => !isOurs(contestant));
  const figures: Figures = Object.assign({}, ...ours.map((entry) => medians(entry)));
  const ratios: Record<string, number> = {};
  for (const name of Object.keys(figures)) {
    const ratio = medianRatio(name, ours, peers);
    if (ratio !== undefined) ratios[name] = ratio;
  }
  return {
    figures,
    peers: Object.fromEntries(peers.map((entry) => [entry.contestant.title, medians(entry)])),
    ratios,
    missed: goals.flatMap((goal) => missed(goal, figures, ours, peers)),
  };
}

const isOurs = ({ role }: Contestant): boolean => role === 'engine' || role === 'daemon';

function missed(
  goal: Goal,
  figures: Figures,
  ours: readonly Entry[],
  peers: readonly Entry[],
): readonly string[] {
  const { figure } = goal;
  const value = figures[figure];
  if (value === undefined) return [];
  if ('atMost' in goal)
    return value <= goal.atMost ? [] : [`${figure}: at most ${goal.atMost}: ${value.toPrecision(3)}`];
  const { times, of, enough } = goal;
  const ratio = medianRatio(
    figure,
    ours,
    peers.filter(({ contestant }) => of.includes(contestant.role)),
  );
  if (ratio === undefined || enough?.(value) === true) return [];
  const isMet = isCost(figure) ? ratio <= times : ratio >= times;
  const bound = isCost(figure) ? 'at most' : 'at least';
  return isMet ? [] : [`${figure}: ${bound} ${times} × the best of the others: ${ratio.toFixed(2)} ×`];
}

/** Of ours to the best of theirs in the same turn. */
function medianRatio(name: string, ours: readonly Entry[], peers: readonly Entry[]): number | undefined {
  const own = ours.map((entry) => values(entry, name)).find((all) => all.length > 0) ?? [];
  const theirs = peers.map((entry) => values(entry, name)).filter((all) => all.length > 0);
  const ratios = own.flatMap((value, turn) => {
    const others = theirs.flatMap((all) => all[turn] ?? []);
    if (others.length === 0) return [];
    return [value / (isCost(name) ? Math.min(...others) : Math.max(...others))];
  });
  return ratios.length === 0 ? undefined : median(ratios);
}

function medians(entry: Entry): Figures {
  const names = namesOf(entry);
  return Object.fromEntries(names.map((name) => [name, median(values(entry, name))]));
}

/**
 * rhumbd's figures have names of their own, beside the engine's; the official client has both, since it is compared with
 * rhumbd and is one of those whom the engine is to leave behind.
 */
function namesOf({ contestant, turns }: Entry): readonly string[] {
  const names = Object.keys(turns[0] ?? {});
  switch (contestant.role) {
    case 'engine':
    case 'wireguard':
      return names;
    case 'daemon':
      return names.map(ofDaemon);
    case 'official':
      return [...names, ...names.map(ofDaemon)];
    default:
      return contestant.role satisfies never;
  }
}

export const ofDaemon = (name: string): string => `rhumbd${name.charAt(0).toUpperCase()}${name.slice(1)}`;

function values(entry: Entry, wanted: string): readonly number[] {
  if (!namesOf(entry).includes(wanted)) return [];
  return entry.turns.flatMap((turn) => {
    const found = Object.entries(turn).find(([name]) => name === wanted || ofDaemon(name) === wanted);
    return found === undefined ? [] : [found[1]];
  });
}

export const median = (all: readonly number[]): number =>
  all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)] ?? 0;
