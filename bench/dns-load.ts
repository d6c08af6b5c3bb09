/** Questions to a name server by `dnsperf`: how many a second, and how long one takes. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Host } from '../e2e/lab/host.ts';
import { must } from '../e2e/lab/wait.ts';

export interface DnsTarget {
  readonly name: string;
  readonly ip: string;
  readonly port: number;
}

const AT_ONCE = 64;
const SECONDS = 2;
const ONE_BY_ONE = 600;

function names(host: Host, list: readonly string[]): string {
  const file = join(host.folder, 'names');
  writeFileSync(file, list.map((name) => `${name} A\n`).join(''));
  return file;
}

const server = ({ ip, port }: DnsTarget): readonly string[] => ['-s', ip, '-p', `${port}`];

/** With many under way; unanswered ones must be few. */
export async function questionsPerSecond(
  host: Host,
  target: DnsTarget,
  list: readonly string[],
): Promise<number> {
  const file = names(host, list);
  const load = ['-d', file, '-l', `${SECONDS}`, '-q', `${AT_ONCE}`, '-c', '4', '-t', '2'];
  const { stdout } = await host.exec(['dnsperf', ...server(target), ...load], { timeoutMs: 30_000 });
  const qps = Number(/Queries per second:\s+([\d.]+)/.exec(stdout)?.[1]);
  const lost = Number(/Queries lost:\s+(\d+)/.exec(stdout)?.[1]);
  const sent = Number(/Queries sent:\s+(\d+)/.exec(stdout)?.[1]);
  must(qps > 0 && lost <= sent / 1_000, `${target.name} answers: ${stdout}`);
  must(
    /Response codes:\s+NOERROR \d+ \(100\.00%\)/.test(stdout),
    `${target.name} knows the names: ${stdout}`,
  );
  return qps;
}

/** One after another: microseconds of each, shortest first. */
export async function latencies(host: Host, target: DnsTarget, list: readonly string[]): Promise<number[]> {
  const file = names(host, list.slice(0, ONE_BY_ONE));
  const runs = Math.max(1, Math.ceil(ONE_BY_ONE / list.length));
  const load = ['-d', file, '-n', `${runs}`, '-q', '1', '-c', '1', '-v'];
  const { stdout } = await host.exec(['dnsperf', ...server(target), ...load], { timeoutMs: 60_000 });
  const found = [...stdout.matchAll(/^> NOERROR \S+ A ([\d.]+)$/gm)].map(([, s]) => Number(s) * 1e6);
  must(found.length >= ONE_BY_ONE * 0.99, `${target.name} answers one by one: ${found.length}`);
  return found.sort((a, b) => a - b);
}
