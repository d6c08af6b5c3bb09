/** A relay's throughput, packets per second, latency under load and memory per idle client, beside the official relay. */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { RhumbError } from '#shared/errors.ts';
import type { Figures } from '../e2e/lab/figures.ts';
import { clock } from '../e2e/lab/wait.ts';
import type { Benchmark, Measured } from './benchmark.ts';
import type { LoadOrder, LoadReport } from './relay-load.ts';
import { type RelayProgram, startRelay } from './relay-program.ts';

const SECONDS = 4;
/** A full WireGuard packet of the network's MTU, about. */
const LARGE = 1_400;
const SMALL = 100;
/** Below the 32 packets that a relay queues for a client, so that neither loses any. */
const WINDOW = 24;
const PAIRS = 32;
/** Offered while latency is measured: what both can carry with ease. */
const LOAD_PER_S = 40_000;
const PROBE_EVERY_MS = 2;
const IDLE_CLIENTS = 10_000;
/** Until what the handshakes left behind has been collected. */
const SETTLE_MS = 8_000;
const REPORT_MS = 120_000;

async function run(signal: AbortSignal): Promise<Measured> {
  const derper = process.env['RHUMB_BENCH_DERPER'];
  const { figures } = await measure(undefined, signal);
  if (derper === undefined) {
    const why = 'RHUMB_BENCH_DERPER does not give the path of the official relay';
    return { figures, skipped: [{ what: 'official relay', why }] };
  }
  const theirs = await measure(derper, signal);
  return { figures, peers: { [theirs.name]: theirs.figures }, missed: missed(figures, theirs.figures) };
}

/** The goal of the issue: throughput at least that of the official relay. */
function missed(ours: Figures, theirs: Figures): string[] {
  return Object.keys(ours)
    .filter((name) => /MbitPerS$|PacketsPerS$/.test(name))
    .filter((name) => (ours[name] ?? 0) < (theirs[name] ?? 0))
    .map((name) => `${name} is ${ours[name]}, the official relay's ${theirs[name]}`);
}

async function measure(
  derper: string | undefined,
  signal: AbortSignal,
): Promise<{ readonly name: string; readonly figures: Figures }> {
  await using relay = await startRelay({ derper, isTls: false });
  const figures = {
    ...(await flows('one', relay, { pairs: 1, packetBytes: LARGE }, signal)),
    ...(await flows('many', relay, { pairs: PAIRS, packetBytes: LARGE }, signal)),
    ...(await flows('small', relay, { pairs: PAIRS, packetBytes: SMALL }, signal)),
    ...(await flows('mixed', relay, { pairs: PAIRS, packetBytes: SMALL, isMixed: true }, signal)),
    ...(await latency(relay, signal)),
    ...(await idle(relay, signal)),
  };
  await using secure = await startRelay({ derper, isTls: true });
  const tls = await flows('tls', secure, { pairs: PAIRS, packetBytes: LARGE }, signal);
  return { name: relay.name, figures: { ...figures, ...tls } };
}

/** What a relay carries without loss, and what a packet costs it; the load's own cost may be what limits the former. */
async function flows(
  name: string,
  relay: RelayProgram,
  shape: { readonly pairs: number; readonly packetBytes: number; readonly isMixed?: boolean },
  signal: AbortSignal,
): Promise<Figures> {
  await using load = new Load(signal);
  const before = relay.cpuSeconds();
  const order = { kind: 'flows', isMixed: false, window: WINDOW, perSecond: 0, seconds: SECONDS } as const;
  const report = await load.run({ ...order, ...shape, target: relay.target });
  const cpu = relay.cpuSeconds() - before;
  const perSecond = report.packets / report.seconds;
  return {
    [`${name}MbitPerS`]: (report.bytes * 8) / report.seconds / 1e6,
    [`${name}PacketsPerS`]: perSecond,
    [`${name}CpuPerPacketUs`]: (cpu / report.totalPackets) * 1e6,
    ...(report.lost === 0 ? {} : { [`${name}LostPackets`]: report.lost }),
  };
}

/** One packet at a time while others have a load that is the same for every relay. */
async function latency(relay: RelayProgram, signal: AbortSignal): Promise<Figures> {
  await using probe = new Load(signal);
  const probed = { kind: 'probe', target: relay.target, everyMs: PROBE_EVERY_MS, seconds: SECONDS } as const;
  const alone = await probe.run(probed);
  await using load = new Load(signal);
  const flowing = load.run({
    kind: 'flows',
    target: relay.target,
    pairs: PAIRS,
    packetBytes: LARGE,
    window: WINDOW,
    isMixed: false,
    perSecond: LOAD_PER_S,
    seconds: SECONDS + 1,
  });
  const [loaded, carried] = await Promise.all([probe.run(probed), flowing]);
  return {
    latencyP50Ms: quantile(alone, 0.5),
    latencyP99Ms: quantile(alone, 0.99),
    loadedLatencyP50Ms: quantile(loaded, 0.5),
    loadedLatencyP99Ms: quantile(loaded, 0.99),
    loadedCarriedPerS: carried.packets / carried.seconds,
  };
}

async function idle(relay: RelayProgram, signal: AbortSignal): Promise<Figures> {
  const before = relay.residentBytes();
  await using load = new Load(signal);
  const { seconds, packets } = await load.run({
    kind: 'idle',
    target: relay.target,
    clients: IDLE_CLIENTS,
  });
  await clock.sleep(SETTLE_MS, signal);
  return {
    idleClients: packets,
    idleClientBytes: (relay.residentBytes() - before) / packets,
    connectPerS: packets / seconds,
  };
}

function quantile({ latenciesMs }: LoadReport, q: number): number {
  const sorted = latenciesMs.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

/** A process that makes load. */
class Load implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #signal: AbortSignal;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    this.#child = fork(join(import.meta.dirname, 'relay-load.ts'), { stdio: 'inherit' });
  }

  async run(order: LoadOrder): Promise<LoadReport> {
    const { promise, resolve, reject } = Promise.withResolvers<LoadReport>();
    const onMessage = (said: { readonly report?: LoadReport; readonly error?: string }): void => {
      if (said.report !== undefined) resolve(said.report);
      else reject(new RhumbError('internal', `the load generator failed: ${said.error}`));
    };
    const onExit = (): void => reject(new RhumbError('internal', 'the load generator ended'));
    const onAbort = (): void => reject(this.#signal.reason);
    const late = clock.after(REPORT_MS, () => reject(new RhumbError('timeout', 'the load took too long')));
    this.#child.once('message', onMessage).once('exit', onExit);
    this.#signal.addEventListener('abort', onAbort, { once: true });
    this.#child.send(order);
    try {
      return await promise;
    } finally {
      late();
      this.#child.off('message', onMessage).off('exit', onExit);
      this.#signal.removeEventListener('abort', onAbort);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await ended;
  }
}

export const relay: Benchmark = {
  name: 'relay',
  what: `a relay's throughput, latency under load, and memory with ${IDLE_CLIENTS} idle clients`,
  run,
};
