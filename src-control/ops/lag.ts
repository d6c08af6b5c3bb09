/** How long the event loop keeps others waiting: the one thing that makes a single-threaded server slow for everybody. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock } from '#shared/async/clock.ts';

const RESOLUTION_MS = 20;
const WINDOW_MS = 10_000;

export interface LoopLag extends Disposable {
  /** Over the last ten seconds or so, in milliseconds. */
  readonly meanMs: number;
  readonly worstMs: number;
  /** Since the last look: what a storm that has just begun shows. */
  readonly currentMs: number;
}

export function watchLag(clock: Clock): LoopLag {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  let [meanMs, worstMs] = [0, 0];
  let cancel = (): void => undefined;
  // The figures are of the timer itself; what is above its own span was waiting.
  const mean = (): number => (Number.isNaN(delays.mean) ? 0 : Math.max(0, delays.mean / 1e6 - RESOLUTION_MS));
  const look = (): void => {
    meanMs = mean();
    worstMs = Math.max(0, delays.max / 1e6 - RESOLUTION_MS);
    delays.reset();
    cancel = clock.after(WINDOW_MS, look);
  };
  cancel = clock.after(WINDOW_MS, look);
  return {
    get meanMs() {
      return meanMs;
    },
    get currentMs() {
      return mean();
    },
    get worstMs() {
      return worstMs;
    },
    [Symbol.dispose]: () => {
      cancel();
      delays.disable();
    },
  };
}
