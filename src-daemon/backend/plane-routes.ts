/** What the kernel sends into the tunnel, and what it keeps out of it (localapi-and-daemon.md §6.1). */
import { SERVICE_IP, SERVICE_IP6 } from '#shared/ip/address.ts';
import type { Prefs } from '#shared/localapi/prefs.ts';
import type { Node } from '#shared/wire/node.ts';
import type { Attached } from './attached.ts';
import { capabilityChoice } from './capabilities.ts';
import { type ExitPrefs, wantsExit } from './exit-choice.ts';
import type { PlaneConfig } from './plane.ts';

/** Beyond this many addresses of peers the kernel gets one route for all of them. */
const MAX_HOST_ROUTES = 10_000;
const EVERYTHING = ['0.0.0.0/0', '::/0'];
const NETWORK4 = '100.64.0.0/10';
const NETWORK6 = 'fd7a:115c:a1e0::/48';

interface RouteInput {
  readonly own: readonly string[];
  /** Of each peer. */
  readonly allowed: readonly (readonly string[])[];
  readonly prefs: ExitPrefs & Pick<Prefs, 'ExitNodeAllowLANAccess'>;
  readonly attached: Attached;
  readonly self: Node;
}

export function tunnelRoutes(input: RouteInput): Pick<PlaneConfig, 'routes' | 'localRoutes'> {
  const { own, prefs, attached } = input;
  const routes = peerRoutes(input);
  if (own.some((prefix) => !prefix.includes(':'))) routes.add(`${SERVICE_IP}/32`);
  if (own.some((prefix) => prefix.includes(':'))) routes.add(`${SERVICE_IP6}/128`);
  if (!wantsExit(prefs)) return { routes: [...routes].sort(), localRoutes: [] };
  // Both families, whatever the exit node carries and even before it is known: the rest must not go elsewhere.
  for (const prefix of EVERYTHING) routes.add(prefix);
  const beside = prefs.ExitNodeAllowLANAccess ? attached.own : [];
  // A network beside us is nearer than the default route: it has to be named to go into the tunnel as well.
  for (const prefix of attached.external) if (!beside.includes(prefix)) routes.add(prefix);
  return { routes: [...routes].sort(), localRoutes: [...attached.internal, ...beside].sort() };
}

function peerRoutes({ allowed, self }: RouteInput): Set<string> {
  const routes = new Set<string>();
  const hosts4 = new Set<string>();
  for (const list of allowed) {
    for (const prefix of list) {
      if (isHostRoute(prefix)) hosts4.add(prefix);
      else routes.add(routeFor(prefix));
    }
  }
  if (hosts4.size > hostRouteLimit(self)) return routes.add(NETWORK4);
  return routes.union(hosts4);
}

/** One of those that stand for a single machine, until there are too many. */
const isHostRoute = (prefix: string): boolean => prefix.startsWith('100.') && prefix.endsWith('/32');

export const hostRouteLimit = (self: Node): number =>
  capabilityChoice(self, 'one-cgnat', ['true', 'false']) === 'true' ? 1 : MAX_HOST_ROUTES;

/** One for all of the network's IPv6: an address there that is nobody's is no business of any other network either. */
export const routeFor = (prefix: string): string =>
  prefix.startsWith('fd7a:115c:a1e0:') && prefix.endsWith('/128') ? NETWORK6 : prefix;
