/** The system clock. Monotonic time is CLOCK_BOOTTIME where the OS has it, so that it counts suspend. */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../async/clock.ts';

/** Milliseconds between hrtime (stops in suspend on Linux) and the uptime that counts it, refreshed now and then. */
const REFRESH_MS = 1_000;

/**
 * A timer stands still in suspend, so a long wait looks at the clock this often: a key that expires in an hour must not be
 * good for a night more. Node also takes a delay beyond 2^31 ms for 1 ms.
 */
const LOOK_MS = 600_000;

const hrMs = (): number => Number(process.hrtime.bigint() / 1_000n) / 1_000;

/** /proc/uptime is CLOCK_BOOTTIME with 10 ms steps; elsewhere hrtime alone must do. */
function bootMs(): number | undefined {
  if (process.platform !== 'linux') return undefined;
  const seconds = Number.parseFloat(readFileSync('/proc/uptime', 'latin1'));
  return Number.isFinite(seconds) ? seconds * 1_000 : undefined;
}

/** `boot` is a clock that counts suspend; undefined where there is none. */
export function systemClock(boot: () => number | undefined = bootMs): Clock {
  let asleepMs = 0;
  let base: number | undefined;
  let checkedAt = Number.NEGATIVE_INFINITY;
  const monotonic = (): number => {
    const hr = hrMs();
    if (hr - checkedAt >= REFRESH_MS) {
      checkedAt = hr;
      const now = boot();
      if (now !== undefined) {
        base ??= now - hr;
        // Below a second the difference is only the 10 ms grain of /proc/uptime.
        const grown = now - hr - base;
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
      if (ms <= LOOK_MS) {
        const short = setTimeout(fn, ms);
        return () => clearTimeout(short);
      }
      const endAt = monotonic() + ms;
      let timer: NodeJS.Timeout | undefined;
      const wait = (left: number): void => {
        timer = setTimeout(
          () => {
            const rest = endAt - monotonic();
            if (rest > 0) wait(rest);
            else fn();
          },
          Math.min(left, LOOK_MS),
        );
      };
      wait(ms);
      return () => clearTimeout(timer);
    },
  };
}
