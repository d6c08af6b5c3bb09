/** Profiles of the running daemon in the form that Chrome's tools read: where its time goes, what its memory holds. */
import { Session } from 'node:inspector/promises';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { getHeapSnapshot } from 'node:v8';
import { RhumbError } from '#shared/errors.ts';

let isProfiling = false;

/** Runs for so long, or until whoever asked goes away. One at a time. */
export async function cpuProfile(forMs: number, signal: AbortSignal): Promise<string> {
  if (isProfiling)
    throw new RhumbError('conflict', 'another profile is being taken: try again when it is done');
  isProfiling = true;
  const session = new Session();
  session.connect();
  try {
    await session.post('Profiler.enable');
    await session.post('Profiler.start');
    await sleep(forMs, undefined, { signal });
    const { profile } = await session.post('Profiler.stop');
    return JSON.stringify(profile);
  } finally {
    session.disconnect();
    isProfiling = false;
  }
}

/** The daemon stands still while the snapshot is taken. */
export async function heapSnapshot(out: NodeJS.WritableStream, signal: AbortSignal): Promise<void> {
  await pipeline(getHeapSnapshot(), out, { signal });
}
