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

/** Each once, in order; throws for one that the caller neither has nor, by the policy, owns. */
export function assignableTags(deps: AdminDeps, by: Caller, wanted: readonly string[]): readonly string[] {
  const given = [...new Set(wanted)].sort();
  const own = by.tags;
  if (own === undefined) return given;
  const foreign = given.filter((tag) => !own.includes(tag));
  const policy = deps.live?.register.policy;
  const [refused] =
    foreign.length === 0 || policy === undefined ? foreign : policy.refusedTags(undefined, own, foreign);
  if (refused !== undefined) throw new RhumbError('not-allowed', `not allowed to give ${refused}`);
  return given;
}
