/** Scenarios of the lab as tests. */
import { expect, test } from 'vitest';
import { play, type Scenario, whyNot } from './scenario.ts';

export function testThat(scenarios: readonly Scenario[]): void {
  for (const scenario of scenarios)
    test(`${scenario.name}: ${scenario.what}`, async ({ skip }) => {
      const reason = whyNot(scenario.needs) ?? scenario.whyNot?.();
      if (reason !== undefined) skip(reason);
      const { result, trouble } = await play(scenario);
      if (trouble !== undefined) throw new Error(trouble);
      expect(result.ok).toBe(true);
    });
}
