/** Why a device is reached as it is: what the daemon concludes, where it may be, and how it was reached lately. */
import { z } from 'zod';
import type { ResultOf } from '../../bridge/contract.ts';
import type { Handlers } from '../../bridge/dispatch.ts';
import { RhumbError } from '../../errors.ts';
import { rhumbPath, type TriedEndpoint } from '../../localapi/rhumb.ts';
import { findDevice } from '../../ui-state/find.ts';
import type { Device } from '../../ui-state/types.ts';
import { optional } from '../optional.ts';
import type { CallParts } from './parts.ts';

type Explanation = ResultOf<'path.explain'>;
type Tried = Explanation['tried'][number];

const MAX_TRIED = 256;
const MAX_HISTORY = 64;
const MAX_WORD = 256;
/** A question that came so long after the last answer had none. */
const ANSWER_MS = 5_000;

/** What happened to a path, as `debug-peer-endpoint-changes` tells it; of official daemons only the events, without the ways. */
const changes = z
  .array(
    z.looseObject({
      When: z.string().max(64),
      What: z.string(),
      From: z.unknown().optional(),
      To: z.unknown().optional(),
    }),
  )
  .max(4_096)
  .nullable();

interface Needs {
  readonly api: Pick<CallParts['api'], 'get'>;
  readonly desk: Pick<CallParts['desk'], 'snapshot'>;
}

export function pathCalls({ api, desk }: Needs): {
  readonly 'path.explain': (...call: Parameters<Handlers['path.explain']>) => Promise<Explanation>;
} {
  return {
    'path.explain': async ({ id }, { signal }) => {
      const device = findDevice(desk.snapshot, id);
      const ip = device?.addresses[0];
      if (device === undefined || ip === undefined)
        throw new RhumbError('not-found', 'that device is not in the network any more');
      return {
        conclusion: device.path.why ?? '',
        tried: await triedOf(api, device, signal),
        history: await historyOf(api, ip, signal),
      };
    },
  };
}

/** A rhumbd tells what its probes showed; of others is known where the device may be, at most. */
async function triedOf(
  api: Needs['api'],
  { id, candidates, path }: Device,
  signal: AbortSignal,
): Promise<Explanation['tried']> {
  const query = new URLSearchParams({ device: id });
  const json = await optional(api.get(`rhumb/path?${query}`, signal), signal);
  if (json === undefined)
    return candidates.slice(0, MAX_TRIED).map((endpoint) => {
      const isUsed = path.kind === 'direct' && path.via === endpoint;
      return {
        endpoint: endpoint.slice(0, 64),
        result: isUsed ? 'used' : 'known',
        atMs: null,
        latencyMs: null,
      };
    });
  const parsed = rhumbPath.safeParse(json);
  if (!parsed.success) throw new RhumbError('protocol', "rhumb/path: the daemon's reply is malformed");
  return (parsed.data.Tried ?? []).slice(0, MAX_TRIED).map(probed);
}

function probed({ Endpoint, InUse, Asked, Answered, LatencySeconds }: TriedEndpoint): Tried {
  const isSilent = Asked !== undefined && (Answered === undefined || Asked - Answered > ANSWER_MS);
  const seen = Answered !== undefined ? 'answered' : 'known';
  const result = InUse ? 'used' : isSilent ? 'silent' : seen;
  return {
    endpoint: Endpoint.slice(0, 64),
    result,
    atMs: (isSilent ? Asked : Answered) ?? null,
    latencyMs: LatencySeconds > 0 && !isSilent ? LatencySeconds * 1_000 : null,
  };
}

/** Daemons that keep no record say so; then there is none to show. */
async function historyOf(
  api: Needs['api'],
  ip: string,
  signal: AbortSignal,
): Promise<Explanation['history']> {
  const query = new URLSearchParams({ ip });
  let json: unknown;
  try {
    json = await api.get(`debug-peer-endpoint-changes?${query}`, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof RhumbError && error.code !== 'unavailable') return [];
    throw error;
  }
  const parsed = changes.safeParse(json);
  if (!parsed.success)
    throw new RhumbError('protocol', "debug-peer-endpoint-changes: the daemon's reply is malformed");
  return (parsed.data ?? [])
    .filter(({ What, From, To }) => What === 'path' && typeof From === 'string' && typeof To === 'string')
    .slice(-MAX_HISTORY)
    .map(({ When, From, To }) => ({
      atMs: Math.max(0, Date.parse(When) || 0),
      from: String(From).slice(0, MAX_WORD),
      to: String(To).slice(0, MAX_WORD),
    }));
}
