/** Pings as an operation: one sample after the other is told to who asked, until it is enough. */

import type { Caller, Handlers } from '../../bridge/dispatch.ts';
import { RhumbError, toRhumbError } from '../../errors.ts';
import type { PingKind, PingResult } from '../../localapi/misc.ts';
import { findDevice } from '../../ui-state/find.ts';
import type { CallParts } from './parts.ts';

const KINDS = { disco: 'disco', icmp: 'ICMP', tsmp: 'TSMP', peerapi: 'peerapi' } as const satisfies Record<
  string,
  PingKind
>;
const SPACING_MS = 1_000;
const ANSWER_MS = 5_000;
/** Of one caller. */
const MAX_AT_ONCE = 8;
const MAX_TEXT = 8_192;
const MAX_VIA = 256;

export function pingCalls({
  api,
  desk,
  clock,
  newId,
}: Pick<CallParts, 'api' | 'desk' | 'clock' | 'newId'>): Handlers<'device.ping' | 'operation.cancel'> {
  const running = new Map<string, { readonly caller: Caller; readonly stop: AbortController }>();

  const run = async (
    request: { readonly ip: string; readonly kind: PingKind; readonly count: number },
    operation: string,
    caller: Caller,
    signal: AbortSignal,
  ): Promise<void> => {
    try {
      for (let n = 1; n <= request.count && !signal.aborted; n++) {
        const began = clock.monotonic();
        const sample = await once(request, signal);
        if (signal.aborted) return;
        caller.emit('ping', { operation, ...sample, isLast: n === request.count });
        if (n < request.count)
          await clock
            .sleep(Math.max(0, SPACING_MS - (clock.monotonic() - began)), signal)
            .catch(() => undefined);
      }
    } finally {
      running.delete(operation);
    }
  };

  const once = async (
    { ip, kind }: { readonly ip: string; readonly kind: PingKind },
    signal: AbortSignal,
  ): Promise<{ latencyMs?: number; via: string; error?: string }> => {
    const late = new AbortController();
    const cancel = clock.after(ANSWER_MS, () => late.abort(new RhumbError('timeout', 'no answer')));
    try {
      return sampleOf(await api.ping({ ip, kind, size: 0 }, AbortSignal.any([signal, late.signal])));
    } catch (error) {
      return { via: '', error: late.signal.aborted ? '' : toRhumbError(error).message.slice(0, MAX_TEXT) };
    } finally {
      cancel();
    }
  };

  return {
    'device.ping': ({ id, kind, count }, { caller }) => {
      const ip = findDevice(desk.snapshot, id)?.addresses[0];
      if (ip === undefined) throw new RhumbError('not-found', 'that device is not in the network any more');
      const mine = [...running.values()].filter((one) => one.caller === caller).length;
      if (mine >= MAX_AT_ONCE) throw new RhumbError('unavailable', 'too many pings at once');
      const operation = newId();
      const stop = new AbortController();
      running.set(operation, { caller, stop });
      void run(
        { ip, kind: KINDS[kind], count },
        operation,
        caller,
        AbortSignal.any([caller.signal, stop.signal]),
      );
      return { operation };
    },
    'operation.cancel': ({ operation }, { caller }) => {
      const found = running.get(operation);
      if (found?.caller === caller) found.stop.abort();
      return undefined;
    },
  };
}

function sampleOf(result: PingResult): { latencyMs?: number; via: string; error?: string } {
  if (result.Err !== '') return { via: '', error: result.Err.slice(0, MAX_TEXT) };
  const via = result.Endpoint || result.PeerRelay || result.DERPRegionCode;
  return { latencyMs: result.LatencySeconds * 1_000, via: via.slice(0, MAX_VIA) };
}
