/** What many peers cost an engine of ours: time to take them in, memory, and what becomes of the throughput. */
import type { Figures } from '../e2e/lab/figures.ts';
import { Lab } from '../e2e/lab/lab.ts';
import { whyNot } from '../e2e/lab/scenario.ts';
import { loadEngine } from '../src-daemon/ffi/engine.ts';
import type { Benchmark, Measured } from './benchmark.ts';
import { type EngineProcess, startBare, startEngineProcess } from './engine-process.ts';
import { tcpThroughput } from './iperf.ts';
import { median } from './turns.ts';
import { udpLoad } from './udp-load.ts';

const FEW = 1;
const MANY = 10_000;
const COUNTS = [FEW, 100, MANY] as const;
const ROUNDS = 5;
const TCP_SECONDS = 2;
const UDP = { size: 64, rate: 40_000, seconds: 1 };

/** The issue, and data-plane.md §5.5. */
const GOAL_APPLY_MS = 100;
const GOAL_CHANGE_MS = 1;
const GOAL_ENGINE_MB = 10;
const GOAL_LOSS_PERCENT = 3;

async function run(signal: AbortSignal): Promise<Measured> {
  await using lab = await Lab.open();
  const bare = await startBare(await lab.addHost('bare'));
  const engines = new Map<number, EngineProcess>();
  for (const count of COUNTS) {
    signal.throwIfAborted();
    engines.set(count, await startEngineProcess(lab, `n${count}`, { idlePeers: count - 1 }));
  }
  const [few, many] = [engines.get(FEW), engines.get(MANY)];
  if (few === undefined || many === undefined) throw new Error('no engines');
  const traffic = await busy(few, many, signal);
  const start = (count: number): EngineProcess['start'] | undefined => engines.get(count)?.start;
  const { residentMB } = await few.now();
  const figures: Figures = {
    apply1Ms: start(FEW)?.applyMs ?? 0,
    apply100Ms: start(100)?.applyMs ?? 0,
    apply10000Ms: many.start.applyMs,
    apply10000CpuMs: many.start.applyCpuMs,
    replace10000Ms: many.start.replaceMs,
    changeOneOf10000Ms: many.start.changeOneMs,
    idlePeerBytes: many.start.idlePeerBytes - many.start.idlePeerHeapBytes,
    idlePeerHeapBytes: many.start.idlePeerHeapBytes,
    engineMB: residentMB - few.start.loadedMB,
    aboveNodeMB: residentMB - (await bare.now()).residentMB,
    ...traffic,
  };
  return { figures, missed: missed(figures) };
}

/** In turns, so that the machine is the same for both. */
async function busy(few: EngineProcess, many: EngineProcess, signal: AbortSignal): Promise<Figures> {
  const rounds = Number(process.env['RHUMB_BENCH_ROUNDS'] ?? ROUNDS);
  const turns: { readonly few: Turn; readonly many: Turn }[] = [];
  for (let round = 0; round < rounds; round++) {
    signal.throwIfAborted();
    turns.push({ few: await turn(few), many: await turn(many) });
  }
  return {
    tcp1PeerGbitPerS: median(turns.map((one) => one.few.gbitPerS)),
    tcp10000PeersGbitPerS: median(turns.map((one) => one.many.gbitPerS)),
    tcpLossPercent: 100 * (1 - median(turns.map((one) => one.many.gbitPerS / one.few.gbitPerS))),
    datagram1PeerUs: median(turns.map((one) => one.few.datagramUs)),
    datagram10000PeersUs: median(turns.map((one) => one.many.datagramUs)),
  };
}

interface Turn {
  readonly gbitPerS: number;
  /** Processor time of the two engines. */
  readonly datagramUs: number;
}

async function turn({ link }: EngineProcess): Promise<Turn> {
  const { gbitPerS } = await tcpThroughput(link.from, link.to, link.far, { seconds: TCP_SECONDS });
  const { daemonCpus, deliveredPerS } = await udpLoad(link, UDP);
  return { gbitPerS, datagramUs: (daemonCpus / deliveredPerS) * 1e6 };
}

function missed(figures: Figures): string[] {
  const goals: readonly (readonly [figure: string, most: number])[] = [
    ['apply10000Ms', GOAL_APPLY_MS],
    ['replace10000Ms', GOAL_APPLY_MS],
    ['changeOneOf10000Ms', GOAL_CHANGE_MS],
    ['engineMB', GOAL_ENGINE_MB],
    ['tcpLossPercent', GOAL_LOSS_PERCENT],
  ];
  return goals.flatMap(([figure, most]) => {
    const value = figures[figure] ?? 0;
    return value <= most ? [] : [`${figure}: at most ${most}: ${value.toPrecision(3)}`];
  });
}

function whyNotHere(): string | undefined {
  const loaded = loadEngine();
  return loaded.ok ? whyNot(['iperf3', 'wg', 'taskset']) : loaded.why;
}

export const peers: Benchmark = {
  name: 'peers',
  what: 'an engine with 1, 100 and 10 000 peers: time to take them in, memory, throughput, cost of a datagram',
  whyNot: whyNotHere,
  run,
};
