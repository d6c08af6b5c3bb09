/** Traffic by the second: the past from a daemon that keeps it, else from now on by what a daemon counts. */
import type { ResultOf, TrafficSeries } from '../../bridge/contract.ts';
import type { Caller, Handlers } from '../../bridge/dispatch.ts';
import { RhumbError, toRhumbError } from '../../errors.ts';
import type { Status } from '../../localapi/status.ts';
import { lines } from '../../node/localapi-client.ts';
import { countedTraffic } from '../counted-traffic.ts';
import { NO_TRAFFIC, readTraffic } from '../traffic-wire.ts';
import type { CallParts } from './parts.ts';

type Needs = Pick<CallParts, 'api' | 'clock' | 'desk' | 'log'>;

const MAX_LINE = 1_024 * 1_024;

export function trafficCalls(parts: Needs): Handlers<'traffic.watch' | 'traffic.unwatch' | 'traffic.top'> {
  const watched = new WeakMap<Caller, AbortController>();
  const stop = (caller: Caller): void => {
    watched.get(caller)?.abort(new RhumbError('unavailable', 'nobody watches any more'));
    watched.delete(caller);
  };
  return {
    'traffic.watch': async (wanted, { caller, signal }) => {
      stop(caller);
      const ended = new AbortController();
      watched.set(caller, ended);
      const until = AbortSignal.any([caller.signal, ended.signal]);
      const seconds = secondsOf(parts, wanted, until);
      const giveUp = (): void => ended.abort(signal.reason);
      signal.addEventListener('abort', giveUp, { once: true });
      try {
        const first = await seconds.next();
        signal.throwIfAborted();
        void tell(parts, seconds, caller, until);
        return first.value ?? NO_TRAFFIC(parts.clock.now());
      } finally {
        signal.removeEventListener('abort', giveUp);
      }
    },
    'traffic.unwatch': (_arg, { caller }) => {
      stop(caller);
      return undefined;
    },
    'traffic.top': async ({ device }, { signal }) =>
      topOf(await parts.api.status({ peers: true }, signal), device),
  };
}

const MOST_TALKERS = 20;

/** Who was silent is not among them. */
export const topOf = (status: Pick<Status, 'Peer'>, device: string | undefined): ResultOf<'traffic.top'> =>
  Object.values(status.Peer ?? {})
    .filter(({ ID }) => ID !== '' && ID.length <= MAX_ID && (device === undefined || ID === device))
    .map(({ ID, RxBytes, TxBytes }) => ({ id: ID, in: counted(RxBytes), out: counted(TxBytes) }))
    .filter((one) => one.in + one.out > 0)
    .sort((a, b) => b.in + b.out - (a.in + a.out))
    .slice(0, MOST_TALKERS);

const MAX_ID = 128;

const counted = (bytes: number | bigint): number =>
  Math.min(Number.MAX_SAFE_INTEGER, Math.max(0, Number(bytes)));

interface Wanted {
  readonly device?: string | undefined;
  readonly seconds: number;
}

/** First the past, then each new second. */
function secondsOf(
  { api, clock, desk }: Needs,
  wanted: Wanted,
  signal: AbortSignal,
): AsyncGenerator<TrafficSeries, undefined> {
  return desk.snapshot.daemon.features.includes('traffic-history')
    ? recorded(api, wanted, signal)
    : countedTraffic({ api, clock, device: wanted.device }, signal);
}

async function* recorded(
  api: Needs['api'],
  { device, seconds }: Wanted,
  signal: AbortSignal,
): AsyncGenerator<TrafficSeries, undefined> {
  const query = new URLSearchParams({ seconds: String(seconds), ...(device !== undefined && { device }) });
  for await (const line of lines(api.stream('GET', `rhumb/traffic?${query}`, signal), MAX_LINE))
    if (line.trim() !== '') yield readTraffic(line);
}

async function tell(
  { log }: Needs,
  seconds: AsyncGenerator<TrafficSeries, undefined>,
  caller: Caller,
  signal: AbortSignal,
): Promise<void> {
  try {
    for await (const series of seconds) {
      if (signal.aborted) return;
      caller.emit('traffic', series);
    }
  } catch (error) {
    if (!signal.aborted) log('info', 'desk.traffic-ended', { error: toRhumbError(error).message });
  }
}
