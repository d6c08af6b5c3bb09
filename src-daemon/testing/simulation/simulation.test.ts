/** The standing simulation: random networks with faults and liars, in which nothing may break (seeds are printed). */
import { describe, expect, test } from 'vitest';
import { randomPlan } from './plan.ts';
import { story } from './report.ts';
import { simulate } from './simulation.ts';

/** `RHUMB_SIM_SEED=17,23` replays these alone. */
const replayed = process.env['RHUMB_SIM_SEED']?.split(',').map(Number);
const BATCHES = 10;
const BATCH = 30;
const TIMEOUT_MS = 120_000;

async function broken(seeds: readonly number[], hasRealEngines = false): Promise<string[]> {
  const stories: string[] = [];
  for (const seed of seeds) {
    const result = await simulate(randomPlan(seed), { hasRealEngines });
    if (result.violations.length > 0) stories.push(story(result));
  }
  return stories;
}

const range = (first: number, count: number): number[] => Array.from({ length: count }, (_, i) => first + i);

describe.skipIf(replayed !== undefined)('random networks', () => {
  test.each(range(0, BATCHES).map((i) => ({ first: 1 + i * BATCH, last: (i + 1) * BATCH })))(
    'hold in seeds $first to $last',
    async ({ first }) => {
      expect((await broken(range(first, BATCH))).join('\n\n')).toBe('');
    },
    TIMEOUT_MS,
  );

  test(
    'hold with real engines and tunnels',
    async () => {
      expect((await broken(range(1, BATCH), true)).join('\n\n')).toBe('');
    },
    TIMEOUT_MS,
  );

  test('are the same for the same seed', async () => {
    const [one, other] = [await simulate(randomPlan(5)), await simulate(randomPlan(5))];
    expect(other).toEqual(one);
    expect(one.steps).toBeGreaterThan(1_000);
  });
});

describe.runIf(replayed !== undefined)('replayed', () => {
  test.each(replayed ?? [])(
    'seed %i',
    async (seed) => {
      expect((await broken([seed])).join('\n')).toBe('');
    },
    TIMEOUT_MS,
  );
});
