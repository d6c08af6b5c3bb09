/** Which announced routes need no administrator (policy.md §5.8). */
import { type Cidr, cidrContains } from '../sets/ranges.ts';
import { appsServedBy, isRouteOfApps } from './apps.ts';
import { names } from './names.ts';
import { isExitRoute, type Machine } from './network.ts';
import type { Resolver } from './resolver.ts';

/** The announced routes of a machine that the policy approves, in the order announced. Approval is never taken back here. */
export function autoApproved(resolver: Resolver, machine: Machine): readonly Cidr[] {
  const { routes, exitNode } = resolver.ast.autoApprovers;
  const apps = appsServedBy(resolver, machine);
  return machine.announced.filter((route) =>
    isExitRoute(route)
      ? exitNode.some(({ selector }) => names(resolver.directory, selector, machine))
      : isRouteOfApps(apps, route) ||
        routes.some(
          ({ key, approvers }) =>
            cidrContains(key, route) &&
            approvers.some(({ selector }) => names(resolver.directory, selector, machine)),
        ),
  );
}
