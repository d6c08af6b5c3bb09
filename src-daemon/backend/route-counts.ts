/** How many network routes this machine offers, and how many of them the server lets it serve: figures for metrics. */
import type { Prefs } from '#shared/localapi/prefs.ts';
import type { NetworkMap } from '../control/types.ts';

const EXIT: ReadonlySet<string> = new Set(['0.0.0.0/0', '::/0']);

/** Without the routes of an exit node, as the official client counts. */
export function routeCounts(
  { AdvertiseRoutes }: Pick<Prefs, 'AdvertiseRoutes'>,
  map: NetworkMap | undefined,
): { readonly advertised: number; readonly approved: number } {
  const own = new Set(map?.self.Addresses);
  return {
    advertised: (AdvertiseRoutes ?? []).filter((route) => !EXIT.has(route)).length,
    approved: (map?.self.AllowedIPs ?? []).filter((route) => !EXIT.has(route) && !own.has(route)).length,
  };
}
