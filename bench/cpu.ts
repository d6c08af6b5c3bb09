/** What processors spend on bytes and datagrams that go through two engines of ours, in turns with others. */
import type { Figures } from '../e2e/lab/figures.ts';
import { Lab } from '../e2e/lab/lab.ts';
import { whyNot } from '../e2e/lab/scenario.ts';
import type { Benchmark, Measured } from './benchmark.ts';
import { findContestants, type Link } from './contestants.ts';
import { tcpThroughput } from './iperf.ts';
import { type Goal, inTurns } from './turns.ts';
import { udpLoad } from './udp-load.ts';

const ROUNDS = 3;
const TCP_SECONDS = 4;
const UDP = { size: 1_200, rate: 500e6 / (8 * 1_200), seconds: 2 };

/** data-plane.md §5.5 */
const GOALS: readonly Goal[] = [
  { figure: 'cpuSecondsPerGB', times: 0.55, of: ['wireguard', 'official'] },
  { figure: 'udp500DaemonCpus', times: 0.3, of: ['wireguard'] },
];

async function run(signal: AbortSignal): Promise<Measured> {
  await using lab = await Lab.open();
  return await inTurns(lab, await findContestants(), { rounds: ROUNDS, measure, goals: GOALS }, signal);
}

async function measure(link: Link): Promise<Figures> {
  const { from, to, far, pids } = link;
  const tcp = await tcpThroughput(from, to, far, { seconds: TCP_SECONDS, pids });
  const udp = await udpLoad(link, UDP);
  return {
    cpuSecondsPerGB: tcp.cpuSecondsPerGB,
    daemonCpuSecondsPerGB: tcp.daemonCpuSecondsPerGB,
    udp500DaemonCpus: udp.daemonCpus,
    udp500DeliveredPercent: (100 * udp.deliveredPerS) / udp.offeredPerS,
  };
}

export const cpu: Benchmark = {
  name: 'cpu',
  what: 'processor seconds per gigabyte of TCP, of the machine and of the daemons, and for UDP at 500 Mbit/s, in turns with others',
  whyNot: () => whyNot(['iperf3', 'wg', 'taskset']),
  run,
};
