/** How soon after its first packet a pair talks directly, over all pairs of NATs that can, with 20 ms one way. */
import { whyNot } from '../e2e/lab/scenario.ts';
import { SITE_KINDS } from '../e2e/lab/site.ts';
import type { Benchmark, Measured } from './benchmark.ts';
import { measureOfficial, measureOurs } from './nat-pairs.ts';

/** design.md §6: every pair that can, p95. */
const GOAL_MS = 1_000;

async function run(): Promise<Measured> {
  const options = { kinds: SITE_KINDS, withFailover: false };
  const figures = await measureOurs(options);
  const { toDirectP95Ms = Number.POSITIVE_INFINITY, lostPackets = 0, troubled = 0 } = figures;
  const missed = [
    ...(toDirectP95Ms <= GOAL_MS
      ? []
      : [`a direct path within ${GOAL_MS} ms (p95): ${Math.round(toDirectP95Ms)} ms`]),
    ...(lostPackets === 0 ? [] : [`no packet lost on the way: ${lostPackets} were`]),
    ...(troubled === 0 ? [] : [`every pair gets the path it can have: ${troubled} do not`]),
  ];
  return { figures, missed, ...(await measureOfficial(options)) };
}

export const timeToDirect: Benchmark = {
  name: 'time-to-direct',
  what: 'from the first packet to a direct path, over all pairs of NAT kinds, 20 ms one way',
  whyNot: () => whyNot(['nft', 'curl', 'miniupnpd']),
  run,
};
