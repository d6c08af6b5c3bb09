/** Ping through two engines of ours, idle and beside TCP, in turns with every other WireGuard program that is there. */
import type { Figures } from '../e2e/lab/figures.ts';
import { Lab } from '../e2e/lab/lab.ts';
import { whyNot } from '../e2e/lab/scenario.ts';
import type { Benchmark, Measured } from './benchmark.ts';
import { findContestants, type Link } from './contestants.ts';
import { startTcp } from './iperf.ts';
import { type RoundTrips, roundTrips } from './ping.ts';
import { type Goal, inTurns } from './turns.ts';

const ROUNDS = 3;
const STREAMS = [1, 8] as const;
/** data-plane.md §5.6 */
const IDLE = { count: 500, everyMs: 3 };
const LOADED = { count: 200, everyMs: 10 };
const LOAD_SECONDS = 3;

const WIREGUARD = ['wireguard'] as const;
/** The issue, and data-plane.md §5.5. */
const GOALS: readonly Goal[] = [
  { figure: 'pingAddedMs', atMost: 0.2 },
  { figure: 'pingIdleAverageMs', times: 0.6, of: WIREGUARD },
  { figure: 'pingTcp1AverageMs', times: 0.35, of: WIREGUARD },
];

async function run(signal: AbortSignal): Promise<Measured> {
  await using lab = await Lab.open();
  return await inTurns(lab, await findContestants(), { rounds: ROUNDS, measure, goals: GOALS }, signal);
}

async function measure(link: Link): Promise<Figures> {
  const { from, to, far } = link;
  const raw = await roundTrips(from, to.v4, IDLE);
  const idle = await roundTrips(from, far, IDLE);
  const loaded: Figures[] = [];
  for (const streams of STREAMS) loaded.push(named(`pingTcp${streams}`, await underTcp(link, streams)));
  return {
    pingAddedMs: Math.max(0, idle.averageMs - raw.averageMs),
    ...named('pingIdle', idle),
    ...Object.assign({}, ...loaded),
  };
}

async function underTcp({ from, to, far }: Link, streams: number): Promise<RoundTrips> {
  const tcp = await startTcp(from, to, far, { seconds: LOAD_SECONDS, streams });
  const [found] = await Promise.all([roundTrips(from, far, LOADED), tcp.done]);
  return found;
}

const named = (prefix: string, { averageMs, p50Ms, p99Ms }: RoundTrips): Figures => ({
  [`${prefix}AverageMs`]: averageMs,
  [`${prefix}P50Ms`]: p50Ms,
  [`${prefix}P99Ms`]: p99Ms,
});

export const latency: Benchmark = {
  name: 'latency',
  what: 'ping through two engines, idle and beside 1 and 8 TCP streams, in turns with others',
  whyNot: () => whyNot(['iperf3', 'wg', 'taskset']),
  run,
};
