/** iperf3 between two hosts of the lab: throughput, and what the machine's processors spent on it. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { Host } from '../e2e/lab/host.ts';

const report = z.object({
  end: z.object({
    sum_received: z.object({ bits_per_second: z.number(), bytes: z.number() }).optional(),
    sum: z.object({ bits_per_second: z.number(), bytes: z.number(), lost_percent: z.number() }).optional(),
  }),
  error: z.string().optional(),
});

export interface Throughput {
  readonly gbitPerS: number;
  /** Processor time of the whole machine while a gigabyte went through. */
  readonly cpuSecondsPerGB: number;
}

/** One TCP stream from `from` to `address` on `to`. */
export async function tcpThroughput(
  from: Host,
  to: Host,
  address: string,
  seconds: number,
): Promise<Throughput> {
  await using server = to.spawn({
    name: 'iperf3',
    argv: ['iperf3', '--server', '--one-off', '--forceflush'],
  });
  await server.says(/Server listening/);
  const before = busySeconds();
  const argv = ['iperf3', '--client', address, '--time', `${seconds}`, '--json'];
  const { stdout } = await from.exec(argv, { timeoutMs: (seconds + 20) * 1_000 });
  const busy = busySeconds() - before;
  const { end } = report.parse(JSON.parse(stdout));
  const { bits_per_second = 0, bytes = 0 } = end.sum_received ?? {};
  return { gbitPerS: bits_per_second / 1e9, cpuSecondsPerGB: busy / (bytes / 1e9) };
}

/** Everything but idle and waiting, summed over the processors (proc_stat(5), in hundredths). */
function busySeconds(): number {
  const [line = ''] = readFileSync('/proc/stat', 'latin1').split('\n');
  const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0] = line.split(/\s+/).slice(1).map(Number);
  return (user + nice + system + irq + softIrq) / 100;
}
