/** What a direct path that dies without a word costs: silence, and the way back. */
import { whyNot } from '../e2e/lab/scenario.ts';
import type { SiteKind } from '../e2e/lab/site.ts';
import type { Benchmark, Measured } from './benchmark.ts';
import { measureOfficial, measureOurs } from './nat-pairs.ts';

const KINDS: readonly SiteKind[] = ['open', 'full-cone', 'port-restricted', 'ipv6-firewall'];
/** design.md §6 */
const GOAL_MS = 3_000;

async function run(): Promise<Measured> {
  const options = { kinds: KINDS, withFailover: true };
  const figures = await measureOurs(options);
  const { failoverMaxMs = Number.POSITIVE_INFINITY, troubled = 0 } = figures;
  const missed = [
    ...(failoverMaxMs < GOAL_MS ? [] : [`a relay within ${GOAL_MS} ms: ${Math.round(failoverMaxMs)} ms`]),
    ...(troubled === 0 ? [] : [`no connection lost and a way back: not so for ${troubled} pairs`]),
  ];
  return { figures, missed, ...(await measureOfficial(options)) };
}

export const failover: Benchmark = {
  name: 'failover',
  what: 'the silence when a direct path dies under a TCP transfer, and the time back to a direct one',
  whyNot: () => whyNot(['nft', 'curl']),
  run,
};
