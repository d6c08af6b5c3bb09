/** What others can do to an engine of ours that has nothing to do: floods of what nobody asked for, and silence. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Figures } from '../e2e/lab/figures.ts';
import { Lab } from '../e2e/lab/lab.ts';
import { whyNot } from '../e2e/lab/scenario.ts';
import { clock } from '../e2e/lab/wait.ts';
import { loadEngine } from '../src-daemon/ffi/engine.ts';
import type { Benchmark, Measured } from './benchmark.ts';
import { ENGINE_PORT, type EngineProcess, startEngineProcess } from './engine-process.ts';
import { flood } from './udp-load.ts';

const IDLE_PEERS = 100;
/** Hellos are over; the keepalive that answers to them is yet to come. */
const SETTLE_MS = 1_000;
const SILENCE_MS = 5_000;
const FLOOD = { size: 148, rate: 200_000, seconds: 3 };
/** Junk; the first message of a handshake (data-plane.md §1.2) with a wrong MAC; disco (its six magic bytes). */
const FLOODS = { junk: 'ffffffff', initiation: '01000000', disco: '5453f09f92ac' } as const;

/** data-plane.md §5.5 */
const GOAL_LOOP_MS = 5;

async function run(signal: AbortSignal): Promise<Measured> {
  await using lab = await Lab.open();
  const engine = await startEngineProcess(lab, 'load', { idlePeers: IDLE_PEERS });
  await clock.sleep(SETTLE_MS, signal);
  const wakeUps = await idleWakeUps(engine, signal);
  // Its delays count from the first question on.
  await engine.now();
  await clock.sleep(SETTLE_MS, signal);
  const floods: Record<string, number> = { idleLoopP99Ms: (await engine.now()).loopP99Ms };
  for (const [name, beginning] of Object.entries(FLOODS)) {
    signal.throwIfAborted();
    const { from, to } = engine.link;
    const { offeredPerS } = await flood(from, { ...FLOOD, to: to.v4, port: ENGINE_PORT, beginning });
    floods[`${name}LoopP99Ms`] = (await engine.now()).loopP99Ms;
    floods[`${name}OfferedPerS`] = offeredPerS;
  }
  const figures = { ...wakeUps, ...floods };
  return { figures, missed: missed(figures) };
}

/** How often the threads of the engine, and all of the process, went to sleep and woke up again. */
async function idleWakeUps({ process: child }: EngineProcess, signal: AbortSignal): Promise<Figures> {
  const before = wakeUpsOf(child.pid);
  await clock.sleep(SILENCE_MS, signal);
  const after = wakeUpsOf(child.pid);
  const seconds = SILENCE_MS / 1_000;
  return {
    engineWakeUpsPerS: (after.engine - before.engine) / seconds,
    processWakeUpsPerS: (after.all - before.all) / seconds,
  };
}

/** proc_pid_status(5); the engine's threads have names of their own. */
function wakeUpsOf(pid: number): { readonly engine: number; readonly all: number } {
  const counts = { engine: 0, all: 0 };
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const status = readFileSync(join(`/proc/${pid}/task`, thread, 'status'), 'latin1');
    const times = Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1] ?? 0);
    counts.all += times;
    if (/^Name:\s+pe-/m.test(status)) counts.engine += times;
  }
  return counts;
}

function missed(figures: Figures): string[] {
  const { engineWakeUpsPerS = 0 } = figures;
  const loops = Object.keys(FLOODS).map((name) => [name, figures[`${name}LoopP99Ms`] ?? 0] as const);
  return [
    ...(engineWakeUpsPerS === 0
      ? []
      : [`an idle engine sleeps: it woke up ${engineWakeUpsPerS} times a second`]),
    ...loops
      .filter(([, ms]) => ms > GOAL_LOOP_MS)
      .map(
        ([name, ms]) => `the event loop under ${name}: at most ${GOAL_LOOP_MS} ms late: ${ms.toFixed(1)} ms`,
      ),
  ];
}

export const engineLoad: Benchmark = {
  name: 'engine-load',
  what: 'an engine under floods of junk: delay of the event loop; and in silence: how often its threads wake up',
  whyNot: () => {
    const loaded = loadEngine();
    return loaded.ok ? whyNot(['wg', 'taskset']) : loaded.why;
  },
  run,
};
