/** The quick scenarios of the lab as tests, in two lanes: each scenario is in a lab of its own and mostly waits. */
import { expect, test } from 'vitest';
import { scenarios } from './catalogue.ts';
import { play, whyNot } from './scenario.ts';

/** In turns, so that both lanes take about as long. */
export function testLane(lane: 0 | 1): void {
  const quick = scenarios.filter(({ isSlow }) => isSlow !== true);
  for (const scenario of quick.filter((_, place) => place % 2 === lane))
    test(`${scenario.name}: ${scenario.what}`, async ({ skip }) => {
      const reason = whyNot(scenario.needs);
      if (reason !== undefined) skip(reason);
      const { result, trouble } = await play(scenario);
      if (trouble !== undefined) throw new Error(trouble);
      expect(result.ok).toBe(true);
    });
}
