/** `localapi`: the status of a network of 5 000 machines, and changes of one machine told to 50 watchers. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { Watch } from '../src-shared/localapi/notify.ts';
import type { Benchmark, Measured } from './benchmark.ts';
import { cpuSeconds, residentMB } from './process-cost.ts';

const MACHINES = 5_000;
const WATCHERS = 50;
const STATUSES = 30;
const WARM = 10;
const DELTAS = 400;
/** Who wants whole maps gets them all with each change. */
const MAPS = 5;

const GOAL_STATUS_MS = 100;
const GOAL_DELTA_CPU_MS = 5;

const round = (value: number): number => Math.round(value * 100) / 100;
const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

interface Options {
  readonly socketPath: string;
  readonly target: string;
}

/** Calls back with the bytes of each piece; resolves with the end. */
function fetchBytes({ socketPath, target }: Options, piece: (bytes: Buffer) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        socketPath,
        path: `/localapi/v0/${target}`,
        headers: { Host: 'local-tailscaled.sock' },
        agent: false,
      },
      (response) => {
        response.on('data', piece);
        response.on('end', resolve);
        response.on('error', reject);
      },
    );
    outgoing.on('error', reject);
    outgoing.end();
  });
}

async function statuses(socketPath: string, pid: number, figures: Record<string, number>): Promise<void> {
  const took: number[] = [];
  let bytes = 0;
  let cpu = 0;
  for (let i = 0; i < WARM + STATUSES; i++) {
    if (i === WARM) cpu = cpuSeconds(pid);
    bytes = 0;
    const start = performance.now();
    await fetchBytes({ socketPath, target: 'status' }, (piece) => {
      bytes += piece.length;
    });
    if (i >= WARM) took.push(performance.now() - start);
  }
  figures['statusMs'] = round(median(took));
  figures['statusCpuMs'] = round(((cpuSeconds(pid) - cpu) * 1_000) / STATUSES);
  figures['statusMB'] = round(bytes / 1e6);
  figures['statusRssMB'] = round(residentMB(pid));
}

interface Readers {
  /** Lines that all have had. */
  readonly lines: () => number;
  readonly bytes: () => number;
  readonly untilLines: (count: number) => Promise<void>;
  readonly stop: () => void;
}

async function watchers(socketPath: string, mask: number, signal: AbortSignal): Promise<Readers> {
  const counts = Array.from({ length: WATCHERS }, () => 0);
  let bytes = 0;
  let wake = (): void => undefined;
  const requests = counts.map((_, i) => {
    const outgoing = request({
      socketPath,
      path: `/localapi/v0/watch-ipn-bus?mask=${mask}`,
      headers: { Host: 'local-tailscaled.sock' },
      agent: false,
    });
    outgoing.on('response', (response) => {
      response.on('error', () => undefined);
      response.on('data', (piece: Buffer) => {
        bytes += piece.length;
        let at = piece.indexOf(10);
        for (; at >= 0; at = piece.indexOf(10, at + 1)) counts[i] = (counts[i] ?? 0) + 1;
        wake();
      });
    });
    outgoing.on('error', () => undefined);
    outgoing.end();
    return outgoing;
  });
  const lines = (): number => Math.min(...counts);
  const untilLines = async (count: number): Promise<void> => {
    while (lines() < count) {
      signal.throwIfAborted();
      await new Promise<void>((resolve) => {
        wake = resolve;
        setTimeout(resolve, 1_000);
      });
    }
  };
  await untilLines(1); // the first message of each
  return {
    lines,
    bytes: () => bytes,
    untilLines,
    stop: () => {
      for (const outgoing of requests) outgoing.destroy();
    },
  };
}

async function changes(child: ChildProcess, count: number): Promise<number> {
  const answered = once(child, 'message');
  child.send(count);
  const [answer] = (await answered) as [{ cpuMs: number }];
  return answer.cpuMs;
}

async function fanOut(
  child: ChildProcess,
  socketPath: string,
  figures: Record<string, number>,
  signal: AbortSignal,
): Promise<void> {
  const pid = child.pid ?? 0;
  await changes(child, DELTAS); // nobody listens: what a change costs anyhow
  const silentCpu = (await changes(child, DELTAS)) / DELTAS;
  const patches = Watch.InitialState | Watch.PeerChanges | Watch.PeerPatches | Watch.NoNetMap;
  const few = await watchers(socketPath, patches, signal);
  await changes(child, DELTAS);
  await few.untilLines(1 + DELTAS);
  const before = { cpu: cpuSeconds(pid), bytes: few.bytes(), at: performance.now() };
  await changes(child, DELTAS);
  await few.untilLines(1 + 2 * DELTAS);
  const took = performance.now() - before.at;
  const cpu = ((cpuSeconds(pid) - before.cpu) * 1_000) / DELTAS;
  figures['unwatchedDeltaCpuMs'] = round(silentCpu);
  figures['deltaTo50CpuMs'] = round(cpu);
  figures['deltasTo50PerS'] = Math.round((DELTAS * 1_000) / took);
  figures['deltaBytes'] = Math.round((few.bytes() - before.bytes) / WATCHERS / DELTAS);
  few.stop();
  const whole = await watchers(socketPath, Watch.InitialState | Watch.InitialNetMap, signal);
  const start = { cpu: cpuSeconds(pid), bytes: whole.bytes(), at: performance.now() };
  for (let i = 1; i <= MAPS; i++) {
    await changes(child, 1);
    await whole.untilLines(1 + i);
  }
  figures['wholeMapTo50Ms'] = round((performance.now() - start.at) / MAPS);
  figures['wholeMapTo50CpuMs'] = round(((cpuSeconds(pid) - start.cpu) * 1_000) / MAPS);
  figures['wholeMapMB'] = round((whole.bytes() - start.bytes) / WATCHERS / MAPS / 1e6);
  figures['busRssMB'] = round(residentMB(pid));
  whole.stop();
}

async function run(signal: AbortSignal): Promise<Measured> {
  const dir = await mkdtemp(join(tmpdir(), 'rhumb-bench-'));
  const socketPath = join(dir, 'sock');
  const child = fork(new URL('./localapi-daemon.ts', import.meta.url), [socketPath, String(MACHINES)]);
  const figures: Record<string, number> = { machines: MACHINES, watchers: WATCHERS };
  try {
    await once(child, 'message');
    figures['emptyRssMB'] = round(residentMB(child.pid ?? 0));
    await statuses(socketPath, child.pid ?? 0, figures);
    await fanOut(child, socketPath, figures, signal);
  } finally {
    child.kill();
    await rm(dir, { recursive: true, force: true });
  }
  const missed: string[] = [];
  if ((figures['statusMs'] ?? 0) > GOAL_STATUS_MS)
    missed.push(`a status of ${MACHINES} machines in ${GOAL_STATUS_MS} ms`);
  if ((figures['deltaTo50CpuMs'] ?? 0) > GOAL_DELTA_CPU_MS)
    missed.push(`a change to ${WATCHERS} watchers for ${GOAL_DELTA_CPU_MS} ms of processor`);
  return { figures, missed };
}

export const localapi: Benchmark = {
  name: 'localapi',
  what: 'the status of 5 000 machines, and changes of one told to 50 watchers',
  run,
};
