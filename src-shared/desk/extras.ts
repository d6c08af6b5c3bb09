/** What is asked of a daemon beyond its status; what it hasn't is not missed. */
import { RhumbError } from '../errors.ts';
import { rhumbFacts } from '../localapi/rhumb.ts';
import type { LocalApi } from '../node/localapi-client.ts';
import type { Policy } from '../ui-state/types.ts';
import { derpMap } from '../wire/map.ts';
import type { Answers } from './assemble.ts';
import { optional } from './optional.ts';
import { policyOf } from './policy.ts';

type Api = Pick<LocalApi, 'get'>;

export const askPolicy = async (api: Api, signal: AbortSignal): Promise<Policy> =>
  policyOf(await optional(api.get('policy/', signal), signal));

/** Relays and times; a daemon that is no rhumbd, or an older one, tells the relays only. */
export async function askFacts(
  api: Api,
  isRhumb: boolean,
  signal: AbortSignal,
): Promise<Pick<Answers, 'facts' | 'derpMap'>> {
  const facts = isRhumb ? await optional(api.get('rhumb/facts', signal), signal) : undefined;
  if (facts !== undefined) return { facts: read(rhumbFacts, facts, 'rhumb/facts'), derpMap: undefined };
  const map = await optional(api.get('derpmap', signal), signal);
  return { facts: undefined, derpMap: read(derpMap.nullish(), map, 'derpmap') ?? undefined };
}

interface Schema<T> {
  safeParse(value: unknown): { readonly success: true; readonly data: T } | { readonly success: false };
}

function read<T>(schema: Schema<T>, value: unknown, endpoint: string): T {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new RhumbError('protocol', `${endpoint}: the daemon's reply is malformed`);
  return parsed.data;
}
