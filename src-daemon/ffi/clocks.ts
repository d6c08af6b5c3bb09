/** The kernel's clocks, and being told when somebody sets the wall clock or the machine wakes up (timerfd_create(2)). */
import { RhumbError } from '#shared/errors.ts';
import { closeFd } from './fd.ts';
import { errnoName, libc, O_CLOEXEC, O_NONBLOCK } from './libc.ts';

/** linux/time.h, sys/timerfd.h */
const CLOCK_REALTIME = 0;
const CLOCK_MONOTONIC = 1;
const CLOCK_BOOTTIME = 7;
const TFD_TIMER_ABSTIME = 1;
const TFD_TIMER_CANCEL_ON_SET = 2;
/** Never, for this purpose: the largest time that 32 bits hold, of which the kernel has no objection. */
const FAR_S = 2 ** 31 - 1;

/** How long this machine has been asleep since it was started, ms. */
export const asleepMs = (): number => clockMs(CLOCK_BOOTTIME) - clockMs(CLOCK_MONOTONIC);

function clockMs(clock: number): number {
  const time = longs(2);
  if (libc().clock_gettime(clock, time) < 0)
    throw new RhumbError('unavailable', `read the kernel's clock ${clock}: ${errnoName()}`);
  return longAt(time, 0) * 1_000 + longAt(time, 1) / 1e6;
}

/**
 * A descriptor that becomes readable (ECANCELED) when the wall clock jumps, which it also does on waking up. `armClockEvents`
 * has to follow each time. The caller closes it with `closeFd`.
 */
export function openClockEvents(): number {
  const fd = libc().timerfd_create(CLOCK_REALTIME, O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) throw new RhumbError('unavailable', `open a timer: ${errnoName()}`);
  const code = armClockEvents(fd);
  if (code === undefined) return fd;
  closeFd(fd);
  throw new RhumbError('unavailable', `set a timer: ${code}`);
}

/** Undefined when done, else the name of the error. */
export function armClockEvents(fd: number): string | undefined {
  // struct itimerspec: interval (none), then the time.
  const spec = longs(4);
  setLong(spec, 2, FAR_S);
  const flags = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;
  return libc().timerfd_settime(fd, flags, spec, null) < 0 ? errnoName() : undefined;
}

/** time_t and long have the size of a pointer in every ABI that Node still runs on. */
const LONG_BYTES = process.arch === 'arm' || process.arch === 'ia32' ? 4 : 8;
const longs = (count: number): Uint8Array => new Uint8Array(count * LONG_BYTES);

function longAt(bytes: Uint8Array, i: number): number {
  return LONG_BYTES === 8
    ? Number(new BigInt64Array(bytes.buffer)[i])
    : (new Int32Array(bytes.buffer)[i] as number);
}

function setLong(bytes: Uint8Array, i: number, value: number): void {
  if (LONG_BYTES === 8) new BigInt64Array(bytes.buffer)[i] = BigInt(value);
  else new Int32Array(bytes.buffer)[i] = value;
}
