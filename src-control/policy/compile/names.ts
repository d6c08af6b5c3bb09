/** Whether a selector names a machine by who it is: its owner or its tags, whatever its addresses (policy.md §3). */
import { isRoleGroup, type Selector } from '../language/selector.ts';
import type { Directory } from './users.ts';

/** Who a machine is, or is going to be. */
export interface Identity {
  /** Undefined for tagged machines. */
  readonly userId: number | undefined;
  readonly tags: readonly string[];
}

/** False for selectors that are about addresses. */
export function names(directory: Directory, { kind, text }: Selector, { userId, tags }: Identity): boolean {
  if (kind === 'tag') return tags.includes(text);
  if (kind === 'any') return true;
  if (text === 'autogroup:tagged') return tags.length > 0;
  if (tags.length > 0) return false;
  if (text === 'autogroup:member') return true;
  if (userId === undefined) return false;
  if (kind === 'group') return directory.group(text).has(userId);
  if (kind === 'user') {
    const found = directory.user(text);
    return found.kind === 'one' && found.user.id === userId;
  }
  return kind === 'autogroup' && isRoleGroup(text) && directory.role(text).has(userId);
}
