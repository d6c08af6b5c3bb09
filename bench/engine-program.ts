/**
 * One engine of ours with many peers of which one is busy, and what the process costs that it is in.
 *
 *   node --expose-gc engine-program.ts CONFIG.json   says what it found at the start (`EngineStart`) and `ready`
 *   node --expose-gc engine-program.ts bare          loads nothing, for comparison
 *
 * Both say a line of JSON (`EngineNow`) at each SIGUSR2, until SIGTERM.
 */
import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION_MS = 1;
const file = process.argv[2] ?? '';
const collect = (): void => (globalThis as { gc?: () => void }).gc?.();

const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
process.on('SIGUSR2', () => {
  // The figures are of the timer itself; what is above its own span was waiting.
  const loopP99Ms = delays.count === 0 ? 0 : Math.max(0, delays.percentile(99) / 1e6 - RESOLUTION_MS);
  collect();
  console.log(JSON.stringify({ residentMB: process.memoryUsage.rss() / 2 ** 20, loopP99Ms }));
  // From now on: waking up each millisecond is a load of its own, which not everybody asks for.
  delays.enable();
  delays.reset();
});

if (file === 'bare') {
  setInterval(() => undefined, 60_000);
  console.log('ready');
} else {
  const { startEngine } = await import('./engine-table.ts');
  const { start, end } = await startEngine(readFileSync(file, 'utf8'), collect);
  console.log(JSON.stringify(start));
  console.log('ready');
  process.once('SIGTERM', () => void end().finally(() => process.exit()));
}
