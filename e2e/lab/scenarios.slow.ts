/** Every slow scenario of the lab holds. */
import { expect, test } from 'vitest';
import { scenarios } from './catalogue.ts';
import { play, whyNot } from './scenario.ts';

for (const scenario of scenarios.filter(({ isSlow }) => isSlow === true)) {
  test(`${scenario.name}: ${scenario.what}`, async ({ skip }) => {
    const reason = whyNot(scenario.needs);
    if (reason !== undefined) skip(reason);
    const { result, trouble } = await play(scenario);
    if (trouble !== undefined) throw new Error(trouble);
    expect(result.ok).toBe(true);
  });
}
