/** Who asks: the actor of the audit log, and what it may do. */
import type { Network } from '../state/network.ts';
import type { Actor, ApiKeyRecord, UserRecord } from '../store/records.ts';
import { common, grants, isScope, type Need, ROLE_SCOPES, type Scope } from './scopes.ts';

export interface Caller extends Actor {
  readonly scopes: readonly Scope[];
  /** The user who asks, or whom the key belongs to; what is made without an owner is theirs. */
  readonly userId: number | undefined;
  /** May do what every user may with what is theirs. */
  readonly isSelf: boolean;
  /** The tags that it may give; undefined = any. */
  readonly tags: readonly string[] | undefined;
}

/** Whoever may open the socket or the state itself is its owner. */
export const LOCAL: Caller = {
  ...{ origin: 'cli', id: '', name: 'cli' },
  ...{ scopes: ['all'], userId: undefined, isSelf: false, tags: undefined },
};

export const callerOfUser = (user: UserRecord, origin: 'console' | 'api', remoteAddress: string): Caller => ({
  ...{ origin, id: String(user.id), name: user.name, remoteAddress },
  ...{ scopes: ROLE_SCOPES[user.role], userId: user.id, isSelf: true, tags: undefined },
});

/** A key of a user can do what both may: whoever loses a role loses it in their keys as well. */
export function callerOfKey(network: Network, key: ApiKeyRecord, remoteAddress: string): Caller {
  const own = key.scopes.filter(isScope);
  const user = key.userId === undefined ? undefined : network.user(key.userId);
  const scopes = user === undefined ? own : common(own, ROLE_SCOPES[user.role]);
  const givesAnyTag = scopes.includes('all') || (key.kind === 'api' && key.tags.length === 0);
  return {
    ...{ origin: 'api', id: key.prefix, name: key.description || `${key.kind} ${key.prefix}`, remoteAddress },
    ...{ scopes, userId: user?.id, tags: givesAnyTag ? undefined : key.tags },
    // One that was made for less than everything is not the user.
    isSelf: user !== undefined && own.includes('all'),
  };
}

export function may(by: Caller, need: Need): boolean {
  if (need === 'none') return true;
  return need === 'self' ? by.isSelf : grants(by.scopes, need);
}
