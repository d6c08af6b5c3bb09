/** What a new policy would do that its author may not want: lock themselves out, shut everybody out, open everything (policy.md §16). */
import type { CompiledPolicy } from '../compile/compiled.ts';
import type { Machine } from '../compile/network.ts';

/** Names in one sentence. */
const MAX_NAMES = 5;

const some = (names: readonly string[]): string =>
  names.length <= MAX_NAMES
    ? names.join(', ')
    : `${names.slice(0, MAX_NAMES).join(', ')} and ${names.length - MAX_NAMES} more`;

const namesReached = (compiled: CompiledPolicy, own: readonly Machine[]): ReadonlySet<string> =>
  new Set(own.flatMap((machine) => compiled.reachedFrom(machine).map(({ name }) => name)));

const ownedBy = ({ machines }: CompiledPolicy, userId: number | undefined): readonly Machine[] =>
  machines.filter((machine) => !machine.isTagged && userId !== undefined && machine.userId === userId);

const reachesAnything = (compiled: CompiledPolicy): boolean =>
  compiled.machines.some((machine) => compiled.reachedFrom(machine).length > 0);

/** One sentence for each thing to say yes to. */
export function concernsAbout(
  before: CompiledPolicy,
  after: CompiledPolicy,
  author: number | undefined,
): readonly string[] {
  const concerns: string[] = [];
  if (before.ast.hasRules && !after.ast.hasRules)
    concerns.push('the policy has neither acls nor grants any more: every machine would reach every other');
  const [was, is] = [ownedBy(before, author), ownedBy(after, author)];
  const kept = namesReached(after, is);
  const lost = [...namesReached(before, was)].filter((name) => !kept.has(name));
  if (lost.length > 0) concerns.push(`your own machines would no longer reach ${some(lost)}`);
  if (reachesAnything(before) && !reachesAnything(after))
    concerns.push('no machine would reach any other any more');
  return concerns;
}
