/** Whether a user may act, and if not, why. */
import type { UserRecord } from '../store/records.ts';

/** May sign in and have machines. */
export const isActive = (user: UserRecord): boolean =>
  user.approvedAt !== undefined && user.suspendedAt === undefined;

/** Why an inactive user can't sign in or add machines, in words for that user. */
export function inactiveText(user: UserRecord): string {
  if (user.approvedAt === undefined)
    return `user ${user.name} waits for the approval of an administrator: ask for it, then try again`;
  if (user.suspendedBy === 'admin')
    return `user ${user.name} was suspended by an administrator of this network: ask there`;
  return `user ${user.name} may no longer sign in at ${user.identity?.provider ?? 'the provider'}: sign in there again, or ask an administrator`;
}
