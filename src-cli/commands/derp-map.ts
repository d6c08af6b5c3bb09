/** The relay map of the daemon, as sent and as understood. */
import { RhumbError } from '#shared/errors.ts';
import { type DerpMap, derpMap } from '#shared/wire/map.ts';
import type { Context } from './context.ts';

/** As the daemon sent it, for printing; null while it has none. */
export const fetchRelayMap = (context: Context): Promise<unknown> =>
  context.api.get('derpmap', context.signal);

/** Throws when there is nothing in it to measure. */
export async function relayMap(context: Context): Promise<DerpMap> {
  const json = await fetchRelayMap(context);
  const parsed = derpMap.nullable().safeParse(json);
  if (!parsed.success)
    throw new RhumbError('protocol', "derpmap: the daemon's reply is malformed", { cause: parsed.error });
  if (Object.values(parsed.data?.Regions ?? {}).every((region) => region === null) || parsed.data === null)
    throw new RhumbError(
      'unavailable',
      "rhumbd knows no relays: it gets them from the coordination server; connect with 'rhumb up' first, " +
        'or ask who runs that server to add one',
    );
  return parsed.data;
}
