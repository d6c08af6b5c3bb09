/** Says when this program should end: a signal, or the death of the npm script that started it. */
import { RhumbError } from '#shared/errors.ts';

/** Aborts on SIGINT, SIGTERM, SIGHUP, and when the set-up program that started us (tools/setup.mjs) is gone. */
export function untilTold(): AbortSignal {
  const told = new AbortController();
  const end = (why: string) => () => told.abort(new RhumbError('unavailable', `ended by ${why}`));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end(signal));
  process.on('disconnect', end('the death of npm'));
  // The channel is only a leash: it doesn't keep us running.
  process.channel?.unref();
  return told.signal;
}
