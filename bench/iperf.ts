/** iperf3 between two hosts of the lab: TCP throughput, and what the machine's processors spent on it. */
import { z } from 'zod';
import type { Host } from '../e2e/lab/host.ts';
import { busySeconds, cpuSeconds } from './process-cost.ts';

const report = z.object({
  end: z.object({
    sum_received: z.object({ bits_per_second: z.number(), bytes: z.number() }),
  }),
});

export interface TcpOptions {
  readonly seconds: number;
  readonly streams?: number;
  /** Programs whose own time is wanted. */
  readonly pids?: readonly number[];
}

export interface Throughput {
  readonly gbitPerS: number;
  /** Processor time of the whole machine while a gigabyte went through. */
  readonly cpuSecondsPerGB: number;
  /** And that of `pids`. */
  readonly daemonCpuSecondsPerGB: number;
}

/** TCP from `from` to `address` on `to`. */
export async function tcpThroughput(
  from: Host,
  to: Host,
  address: string,
  options: TcpOptions,
): Promise<Throughput> {
  return await (await startTcp(from, to, address, options)).done;
}

/** The same, while something else is measured; what is asked here has begun. */
export async function startTcp(
  from: Host,
  to: Host,
  address: string,
  options: TcpOptions,
): Promise<{ readonly done: Promise<Throughput> }> {
  const server = to.spawn({
    name: 'iperf3',
    argv: ['iperf3', '--server', '--one-off', '--forceflush'],
  });
  await server.says(/Server listening/);
  const done = transfer(from, address, options).finally(() => server.stop());
  await server.says(/connected to/);
  return { done };
}

async function transfer(
  from: Host,
  address: string,
  { seconds, streams = 1, pids = [] }: TcpOptions,
): Promise<Throughput> {
  const ofDaemons = (): number => pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
  const before = { busy: busySeconds(), daemons: ofDaemons() };
  const argv = ['iperf3', '--client', address, '--time', `${seconds}`, '--parallel', `${streams}`, '--json'];
  const { stdout } = await from.exec(argv, { timeoutMs: (seconds + 20) * 1_000 });
  const [busy, daemons] = [busySeconds() - before.busy, ofDaemons() - before.daemons];
  const { bits_per_second, bytes } = report.parse(JSON.parse(stdout)).end.sum_received;
  const gigabytes = bytes / 1e9;
  return {
    gbitPerS: bits_per_second / 1e9,
    cpuSecondsPerGB: busy / gigabytes,
    daemonCpuSecondsPerGB: daemons / gigabytes,
  };
}
