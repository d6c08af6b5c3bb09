/** Round trips between hosts of the lab, each by itself. */
import type { Host } from '../e2e/lab/host.ts';
import { must } from '../e2e/lab/wait.ts';

export interface RoundTrips {
  readonly averageMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface PingOptions {
  readonly count: number;
  readonly everyMs: number;
}

export async function roundTrips(
  from: Host,
  to: string,
  { count, everyMs }: PingOptions,
): Promise<RoundTrips> {
  const times = ['-i', `${everyMs / 1_000}`, '-c', `${count}`, '-W', '2'];
  const { stdout } = await from.exec(['ping', '-n', ...times, to], { mayFail: true });
  const all = Array.from(stdout.matchAll(/time=([\d.]+) ms/g), ([, ms]) => Number(ms)).sort((a, b) => a - b);
  must(all.length > 0, `no reply from ${to} to ${from.name}`);
  const at = (part: number): number => all[Math.min(all.length - 1, Math.floor(part * all.length))] ?? 0;
  return {
    averageMs: all.reduce((sum, ms) => sum + ms, 0) / all.length,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
  };
}
