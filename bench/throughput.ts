/** TCP and UDP through two engines of ours, in turns with every other WireGuard program that is there. */
import type { Figures } from '../e2e/lab/figures.ts';
import { Lab } from '../e2e/lab/lab.ts';
import { whyNot } from '../e2e/lab/scenario.ts';
import type { Benchmark, Measured } from './benchmark.ts';
import { findContestants, type Link } from './contestants.ts';
import { tcpThroughput } from './iperf.ts';
import { type Goal, inTurns, ofDaemon } from './turns.ts';
import { udpLoad } from './udp-load.ts';

const ROUNDS = 5;
const TCP_SECONDS = 3;
const TCP8_SECONDS = 2;
const STREAMS = 8;
/** Datagrams that fill most of a packet, and such as games and voice send. */
const LARGE = 1_200;
const SMALL = 64;
const UDP_SECONDS = 1.5;
const LIGHT_GBIT_PER_S = 0.5;
const HEAVY_GBIT_PER_S = 2;
/** Too many at once drown some programs, so that each shows the most that it delivers of any of these rates. */
const SMALL_RATES = [80_000, 120_000, 160_000, 200_000];
const SMALL_SECONDS = 0.8;

const WIREGUARD = ['wireguard'] as const;
const EVERYBODY = ['wireguard', 'official'] as const;
/** data-plane.md §5.5 */
const GOALS: readonly Goal[] = [
  { figure: 'tcp1GbitPerS', times: 1.8, of: EVERYBODY },
  { figure: 'cpuSecondsPerGB', times: 0.55, of: EVERYBODY },
  { figure: ofDaemon('tcp1GbitPerS'), times: 2.4, of: ['official'] },
  { figure: 'udp500DaemonCpus', times: 0.3, of: WIREGUARD },
  {
    figure: 'udp2000GbitPerS',
    times: 3,
    of: WIREGUARD,
    enough: (gbitPerS) => gbitPerS >= 0.95 * HEAVY_GBIT_PER_S,
  },
  {
    figure: 'udp64PacketsPerS',
    times: 2.5,
    of: WIREGUARD,
    enough: (packetsPerS) => packetsPerS >= 0.95 * Math.max(...SMALL_RATES),
  },
];

async function run(signal: AbortSignal): Promise<Measured> {
  await using lab = await Lab.open();
  return await inTurns(lab, await findContestants(), { rounds: ROUNDS, measure, goals: GOALS }, signal);
}

async function measure(link: Link): Promise<Figures> {
  const { from, to, near, far } = link;
  const one = { seconds: TCP_SECONDS };
  const many = { seconds: TCP8_SECONDS, streams: STREAMS };
  const there = await tcpThroughput(from, to, far, one);
  const back = await tcpThroughput(to, from, near, one);
  const there8 = await tcpThroughput(from, to, far, many);
  const back8 = await tcpThroughput(to, from, near, many);
  return {
    tcp1GbitPerS: there.gbitPerS,
    tcp1BackGbitPerS: back.gbitPerS,
    tcp8GbitPerS: there8.gbitPerS,
    tcp8BackGbitPerS: back8.gbitPerS,
    cpuSecondsPerGB: (there.cpuSecondsPerGB + back.cpuSecondsPerGB) / 2,
    ...(await udp(link)),
  };
}

async function udp(link: Link): Promise<Figures> {
  const large = { size: LARGE, seconds: UDP_SECONDS };
  const light = await udpLoad(link, { ...large, rate: perSecond(LIGHT_GBIT_PER_S) });
  const heavy = await udpLoad(link, { ...large, rate: perSecond(HEAVY_GBIT_PER_S) });
  const small: number[] = [];
  for (const rate of SMALL_RATES)
    small.push((await udpLoad(link, { size: SMALL, rate, seconds: SMALL_SECONDS })).deliveredPerS);
  return {
    udp500GbitPerS: gbit(light.deliveredPerS),
    udp500DaemonCpus: light.daemonCpus,
    udp2000OfferedGbit: gbit(heavy.offeredPerS),
    udp2000GbitPerS: gbit(heavy.deliveredPerS),
    udp64PacketsPerS: Math.max(...small),
  };
}

const perSecond = (gbitPerS: number): number => (gbitPerS * 1e9) / (8 * LARGE);
const gbit = (datagramsPerS: number): number => (datagramsPerS * 8 * LARGE) / 1e9;

export const throughput: Benchmark = {
  name: 'throughput',
  what: 'TCP and UDP through two engines, in turns with wireguard-go, gotatun and the official client',
  whyNot: () => whyNot(['iperf3', 'wg', 'taskset']),
  run,
};
