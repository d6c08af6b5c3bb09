/** Waits for a condition of the outside world, never longer than said. */
import { RhumbError } from '#shared/errors.ts';
import { systemClock } from '#shared/node/clock.ts';

export interface WaitOptions {
  readonly timeoutMs?: number;
  readonly everyMs?: number;
  readonly signal?: AbortSignal;
}

export const clock = systemClock();

/** What a condition says while it does not hold. */
type NotYet = undefined | false;

/**
 * The first value that `attempt` gives other than undefined and false. An attempt that throws counts as "not yet", so
 * that a server which is just starting may be asked; the last error is in the message when time runs out.
 */
export async function until<T>(
  what: string,
  attempt: () => Promise<T | NotYet> | T | NotYet,
  options: WaitOptions = {},
): Promise<T> {
  const { timeoutMs = 15_000, everyMs = 40, signal } = options;
  const end = clock.monotonic() + timeoutMs;
  let last: unknown;
  while (true) {
    signal?.throwIfAborted();
    try {
      const value = await attempt();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      last = error;
    }
    if (clock.monotonic() >= end) break;
    await clock.sleep(everyMs, signal);
  }
  const why =
    last === undefined ? '' : `; the last attempt said: ${last instanceof Error ? last.message : last}`;
  throw new RhumbError('timeout', `waited ${timeoutMs / 1_000} s for ${what}${why}`, { cause: last });
}

/** Fails the scenario with a sentence unless `condition` holds. */
export function must(condition: unknown, sentence: string): asserts condition {
  if (!condition) throw new RhumbError('internal', sentence);
}

/** Does something with each, at most `atOnce` at a time; the first failure ends it. */
export async function eachOf<T>(
  all: readonly T[],
  atOnce: number,
  work: (one: T) => Promise<void>,
): Promise<void> {
  const left = [...all];
  const worker = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) await work(next);
  };
  try {
    await Promise.all(Array.from({ length: atOnce }, worker));
  } catch (error) {
    left.length = 0;
    throw error;
  }
}
