/** What a caller may hand on: no scope that it lacks, no tag that it may not give. */
import { RhumbError } from '#shared/errors.ts';
import type { Caller } from './caller.ts';
import type { AdminDeps } from './deps.ts';
import { grants, isScope, type Scope } from './scopes.ts';

/** Each once, in order; throws for one that there is not, or that the caller lacks. */
export function grantableScopes(by: Caller, wanted: readonly string[]): readonly Scope[] {
  const scopes = [...new Set(wanted)].sort();
  for (const scope of scopes) {
    if (!isScope(scope)) throw new RhumbError('bad-argument', `there is no scope "${scope}"`);
    if (!grants(by.scopes, scope))
      throw new RhumbError('not-allowed', `can't give the scope ${scope} without having it`);
  }
  return scopes.filter(isScope);
}

/** Each once, in order; throws for one that the caller may not give. */
export function assignableTags(_deps: AdminDeps, by: Caller, wanted: readonly string[]): readonly string[] {
  const given = [...new Set(wanted)].sort();
  const refused = by.tags === undefined ? undefined : given.find((tag) => by.tags?.includes(tag) === false);
  if (refused !== undefined) throw new RhumbError('not-allowed', `not allowed to give ${refused}`);
  return given;
}
