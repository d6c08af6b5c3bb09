/** The system clock. Monotonic time is CLOCK_BOOTTIME where the OS has it, so that it counts suspend. */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../async/clock.ts';

/** Milliseconds between hrtime (stops in suspend on Linux) and the uptime that counts it, refreshed now and then. */
const REFRESH_MS = 1_000;

/** Node takes a longer delay for 1 ms. */
const MAX_TIMER_MS = 2 ** 31 - 1;

const hrMs = (): number => Number(process.hrtime.bigint() / 1_000n) / 1_000;

/** /proc/uptime is CLOCK_BOOTTIME with 10 ms steps; elsewhere hrtime alone must do. */
function bootMs(): number | undefined {
  if (process.platform !== 'linux') return undefined;
  const seconds = Number.parseFloat(readFileSync('/proc/uptime', 'latin1'));
  return Number.isFinite(seconds) ? seconds * 1_000 : undefined;
}

export function systemClock(): Clock {
  let asleepMs = 0;
  let base: number | undefined;
  let checkedAt = Number.NEGATIVE_INFINITY;
  const monotonic = (): number => {
    const hr = hrMs();
    if (hr - checkedAt >= REFRESH_MS) {
      checkedAt = hr;
      const boot = bootMs();
      if (boot !== undefined) {
        base ??= boot - hr;
        // Below a second the difference is only the 10 ms grain of /proc/uptime.
        const grown = boot - hr - base;
        if (grown > asleepMs + 1_000) asleepMs = grown;
      }
    }
    return hr + asleepMs;
  };
  return {
    now: () => Date.now(),
    monotonic,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      try {
        await delay(ms, undefined, signal === undefined ? {} : { signal });
      } catch (error) {
        signal?.throwIfAborted();
        throw error;
      }
    },
    after: (ms, fn) => {
      let timer: NodeJS.Timeout | undefined;
      const wait = (left: number): void => {
        const part = Math.min(left, MAX_TIMER_MS);
        timer = setTimeout(() => {
          if (left > part) wait(left - part);
          else fn();
        }, part);
      };
      wait(ms);
      return () => clearTimeout(timer);
    },
  };
}
