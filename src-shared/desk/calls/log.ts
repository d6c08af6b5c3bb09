/** The daemon's log: its last lines, and new ones as they are written, gathered so that a busy daemon floods no page. */
import type { Caller, Handlers } from '../../bridge/dispatch.ts';
import { RhumbError, toRhumbError } from '../../errors.ts';
import { lines } from '../../node/localapi-client.ts';
import type { CallParts } from './parts.ts';

type Needs = Pick<CallParts, 'api' | 'clock' | 'log'>;

const MAX_LINES = 2_000;
const MAX_LINE = 8_192;
const MAX_STREAMED = 1_024 * 1_024;
/** New lines are sent together. */
const GATHER_MS = 250;

export function logCalls(parts: Needs): Handlers<'log.tail'> {
  const following = new WeakMap<Caller, AbortController>();
  const stop = (caller: Caller): void => {
    following.get(caller)?.abort();
    following.delete(caller);
  };
  return {
    'log.tail': async ({ follow }, { caller, signal }) => {
      stop(caller);
      const recent = await lastLines(parts.api, signal);
      // Another question may have been answered meanwhile.
      stop(caller);
      if (follow && !caller.signal.aborted) {
        const ended = new AbortController();
        following.set(caller, ended);
        void tell(parts, caller, AbortSignal.any([caller.signal, ended.signal]));
      }
      return recent;
    },
  };
}

/** Daemons that keep no lines have only new ones. */
export async function lastLines(api: Needs['api'], signal: AbortSignal): Promise<string[]> {
  try {
    const text = await api.text('GET', 'rhumb/log', 200, signal);
    return text
      .split('\n')
      .filter((line) => line !== '')
      .slice(-MAX_LINES)
      .map((line) => line.slice(0, MAX_LINE));
  } catch (error) {
    if (error instanceof RhumbError && error.code === 'not-found') return [];
    throw error;
  }
}

async function tell({ api, clock, log }: Needs, caller: Caller, signal: AbortSignal): Promise<void> {
  let waiting: string[] = [];
  let cancel: (() => void) | undefined;
  const send = (): void => {
    cancel = undefined;
    caller.emit('log', waiting);
    waiting = [];
  };
  try {
    for await (const line of lines(api.stream('GET', 'logtap', signal), MAX_STREAMED)) {
      if (line.trim() === '') continue;
      waiting.push(line.slice(0, MAX_LINE));
      if (waiting.length > MAX_LINES) waiting.shift();
      cancel ??= clock.after(GATHER_MS, send);
    }
  } catch (error) {
    if (!signal.aborted) log('info', 'desk.log-ended', { error: toRhumbError(error).message });
  } finally {
    cancel?.();
  }
}
