/** A million steps of random networks without a rule broken: with the model, and with real engines and tunnels. */
import { expect, test } from 'vitest';
import { randomPlan } from './plan.ts';
import { story, Tally } from './report.ts';
import { simulate } from './simulation.ts';

const STEPS = 1_000_000;
const FIRST_SEED = 100_000;
const TIMEOUT_MS = 900_000;

test.each([
  { name: 'model engines', hasRealEngines: false },
  { name: 'real engines', hasRealEngines: true },
])(
  'a million steps with $name',
  async ({ hasRealEngines }) => {
    const tally = new Tally();
    const stories: string[] = [];
    for (let seed = FIRST_SEED; tally.steps < STEPS; seed++) {
      const result = await simulate(randomPlan(seed), { hasRealEngines });
      tally.add(result);
      if (result.violations.length > 0) stories.push(story(result));
    }
    expect(stories.join('\n\n')).toBe('');
  },
  TIMEOUT_MS,
);
