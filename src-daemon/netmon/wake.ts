/** Notices on Linux that the machine, or this process, was asleep: no polling, no privilege. */
import { RhumbError } from '#shared/errors.ts';
import { armClockEvents, asleepMs, openClockEvents } from '../ffi/clocks.ts';
import { closeFd, readFd, watchReadable } from '../ffi/fd.ts';

/** What the two clocks differ by when read one after the other. */
const ASLEEP_MS = 500;
/** A machine that was paused from outside knows of it only by its wall clock being set (nat-traversal.md §5.10). */
const JUMP_MS = 600_000;

/** The clocks at one instant. */
export interface ClockReading {
  readonly asleepMs: number;
  readonly wallMs: number;
  /** Stands still in sleep. */
  readonly awakeMs: number;
}

/** Whether the machine was asleep between two readings; a wall clock that was only put right is no reason to think so. */
export const hasSlept = (before: ClockReading, after: ClockReading): boolean =>
  after.asleepMs - before.asleepMs >= ASLEEP_MS ||
  after.wallMs - before.wallMs - (after.awakeMs - before.awakeMs) >= JUMP_MS;

const read = (): ClockReading => ({
  asleepMs: asleepMs(),
  wallMs: Date.now(),
  awakeMs: performance.now(),
});

/** Calls `onWake` until aborted (resolves); rejects when the kernel won't tell. */
export function watchWake(onWake: () => void, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const fd = openClockEvents();
    const buffer = new Uint8Array(8);
    let last = read();
    const end = (): void => {
      unwatch();
      closeFd(fd);
      process.off('SIGCONT', onWake);
      signal.removeEventListener('abort', stop);
    };
    const stop = (): void => {
      end();
      resolve();
    };
    const unwatch = watchReadable(fd, () => {
      const count = readFd(fd, buffer);
      const failure = typeof count === 'string' && count !== 'ECANCELED' ? count : armClockEvents(fd);
      if (failure !== undefined) {
        end();
        reject(new RhumbError('unavailable', `watch the kernel's clock: ${failure}`));
        return;
      }
      const now = read();
      const slept = hasSlept(last, now);
      last = now;
      if (slept) onWake();
    });
    // A process that was stopped and goes on has missed as much as a machine that slept.
    process.on('SIGCONT', onWake);
    signal.addEventListener('abort', stop, { once: true });
  });
}
