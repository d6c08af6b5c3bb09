/** Which announced routes need no administrator (policy.md §5.8). */
import type { SelectorUse } from '../language/ast.ts';
import { isRoleGroup } from '../language/selector.ts';
import { type Cidr, cidrContains } from '../sets/ranges.ts';
import { isExitRoute, type Machine } from './network.ts';
import type { Resolver } from './resolver.ts';

function matches(resolver: Resolver, machine: Machine, { selector }: SelectorUse): boolean {
  if (selector.kind === 'tag') return machine.tags.includes(selector.text);
  const { userId } = machine;
  if (machine.isTagged || userId === undefined) return false;
  if (selector.kind === 'user') {
    const found = resolver.directory.user(selector.text);
    return found.kind === 'one' && found.user.id === userId;
  }
  if (selector.kind === 'group') return resolver.directory.group(selector.text).has(userId);
  if (isRoleGroup(selector.text)) return resolver.directory.role(selector.text).has(userId);
  return selector.text === 'autogroup:member';
}

/** The announced routes of a machine that the policy approves, in the order announced. Approval is never taken back here. */
export function autoApproved(resolver: Resolver, machine: Machine): readonly Cidr[] {
  const { routes, exitNode } = resolver.ast.autoApprovers;
  return machine.announced.filter((route) =>
    isExitRoute(route)
      ? exitNode.some((use) => matches(resolver, machine, use))
      : routes.some(
          ({ key, approvers }) =>
            cidrContains(key, route) && approvers.some((use) => matches(resolver, machine, use)),
        ),
  );
}
