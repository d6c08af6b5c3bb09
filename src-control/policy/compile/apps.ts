/** Which machines serve which apps, and the routes that they need no administrator for (coordination-server.md §24.3). */
import type { AppConnector } from '../language/ast.ts';
import { type Cidr, cidrContains, isSingle, overlapsRange } from '../sets/ranges.ts';
import { INTERNET } from '../sets/special.ts';
import type { Machine } from './network.ts';
import type { Resolver } from './resolver.ts';
import { isTarget } from './targets.ts';

/** Those of a machine that offers itself, that is told of them, and that they name: what its client reads out of them. */
export function appsServedBy(resolver: Resolver, machine: Machine): readonly AppConnector[] {
  if (!machine.offersApps) return NONE;
  const served = resolver.ast.nodeAttrs
    .filter(
      ({ target, apps }) =>
        apps.some((app) => isNamed(app, machine)) &&
        target.some(({ selector }) => isTarget(resolver, selector, machine)),
    )
    .flatMap(({ apps }) => apps.filter((app) => isNamed(app, machine)));
  return served.length === 0 ? NONE : served;
}

const NONE: readonly AppConnector[] = [];

const isNamed = ({ connectors }: AppConnector, { tags }: Machine): boolean =>
  connectors.some(({ text }) => text === '*' || tags.includes(text));

/** A route that an app asks for, or an address of the internet that a domain may have: a private one needs `routes` or autoApprovers. */
export const isRouteOfApps = (apps: readonly AppConnector[], route: Cidr): boolean =>
  apps.some(
    ({ routes, domains }) =>
      routes.some((wide) => cidrContains(wide, route)) || (domains.length > 0 && isLearned(route)),
  );

/** As connectors announce what a name led to. */
const isLearned = (route: Cidr): boolean => isSingle(route) && overlapsRange(INTERNET, route);
