/** What opens something outside the window, as often as a person would: a page that went mad must not bury the desktop. */
import type { Clock } from '#shared/async/clock.ts';
import { RhumbError } from '#shared/errors.ts';

const AT_MOST = 5;
const WITHIN_MS = 10_000;

/** Rejects with `unavailable` what comes too often. */
export function seldom<A, R>(clock: Clock, run: (arg: A) => Promise<R>): (arg: A) => Promise<R> {
  let times: readonly number[] = [];
  return async (arg) => {
    const now = clock.monotonic();
    times = times.filter((time) => now - time < WITHIN_MS);
    if (times.length >= AT_MOST) throw new RhumbError('unavailable', 'too much was opened just now');
    times = [...times, now];
    return await run(arg);
  };
}
