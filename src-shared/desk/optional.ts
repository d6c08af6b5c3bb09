/** Answers that not every daemon has. */
import { RhumbError } from '../errors.ts';

/** Undefined for what the daemon says it hasn't, or won't tell us; one that is gone is something else. */
export async function optional<T>(reply: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  try {
    return await reply;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof RhumbError && error.code !== 'unavailable') return undefined;
    throw error;
  }
}
