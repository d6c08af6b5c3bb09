/** Who asks: the actor of the audit log, and what it may do. */
import type { Actor } from '../store/records.ts';
import { grants, type Need, type Scope } from './scopes.ts';

export interface Caller extends Actor {
  readonly scopes: readonly Scope[];
  /** The user who asks, or whom the key belongs to; what is made without an owner is theirs. */
  readonly userId: number | undefined;
  /** The tags that it may give; undefined = any. */
  readonly tags: readonly string[] | undefined;
}

/** Whoever may open the socket or the state itself is its owner. */
export const LOCAL: Caller = {
  origin: 'cli',
  id: '',
  name: 'cli',
  scopes: ['all'],
  userId: undefined,
  tags: undefined,
};

export function may(by: Caller, need: Need): boolean {
  if (need === 'none') return true;
  return need === 'self' ? by.userId !== undefined : grants(by.scopes, need);
}
