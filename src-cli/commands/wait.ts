/** `rhumb wait`: until the network is up and its address can be listened on (localapi-and-daemon.md §4.6). */
import { RhumbError } from '#shared/errors.ts';
import { State } from '#shared/localapi/status.ts';
import { type Context, withTimeout } from './context.ts';
import type { Action } from './spec.ts';

/** First message with the state. */
const INITIAL_STATE = 2;
const PAUSE_MS = 250;

/** `rhumb wait`. */
export const wait: Action = async (context, { flags }) => {
  const timeoutMs = flags.number('timeout');
  if (timeoutMs === 0) {
    await untilReady(context, context.signal);
    return 0;
  }
  const done = await withTimeout(context, timeoutMs, async (signal) => {
    await untilReady(context, signal);
    return true;
  });
  if (done === undefined)
    throw new RhumbError('timeout', 'timeout waiting for the network to be ready; see rhumb status');
  return 0;
};

async function untilReady(context: Context, signal: AbortSignal): Promise<void> {
  while (true) {
    try {
      const ip = await untilRunning(context, signal);
      const { TUN } = await context.api.status({ peers: false }, signal);
      // Without a tunnel interface there is nothing more to wait for.
      while (TUN && !context.localIps().includes(ip)) await context.clock.sleep(PAUSE_MS, signal);
      return;
    } catch (error) {
      signal.throwIfAborted();
      // A daemon that does not run yet, or restarts just now, is what this command is for.
      if (!(error instanceof RhumbError) || error.code !== 'unavailable') throw error;
      await context.clock.sleep(PAUSE_MS, signal);
    }
  }
}

/** The first address of this machine, once the daemon runs. */
async function untilRunning({ api }: Context, signal: AbortSignal): Promise<string> {
  await using watch = await api.watch(INITIAL_STATE, signal);
  for await (const message of watch) {
    if (message.State !== State.Running) continue;
    const [ip] = (await api.status({ peers: false }, signal)).TailscaleIPs ?? [];
    if (ip !== undefined) return ip;
  }
  throw new RhumbError('unavailable', 'rhumbd ended the watch; has it just stopped?');
}
