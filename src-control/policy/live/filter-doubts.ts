/** Whose packet filter may be another after machines changed (policy.md §15.1). */
import type { CompiledGrant } from '../compile/compiled-grants.ts';
import type { Machine } from '../compile/network.ts';
import type { Resolver } from '../compile/resolver.ts';
import type { Rule, Target } from '../compile/rules.ts';
import { Bits } from '../sets/bits.ts';
import { union } from '../sets/ranges.ts';
import type { AddressBook } from './address-book.ts';
import type { GrantMove, Recompiled } from './grant-table.ts';
import type { Reach } from './reach.ts';
import type { Scoped } from './scoped.ts';

export interface FilterDeps {
  readonly resolver: Resolver;
  readonly book: AddressBook;
  readonly reach: Reach;
  readonly scoped: Scoped;
}

/** `machines`: those that changed, as they were and as they are. */
export function filterDoubts(
  deps: FilterDeps,
  { recompiled, targets }: GrantMove,
  machines: readonly Machine[],
): Bits {
  const { book, reach } = deps;
  const doubted = new Bits(reach.size);
  // Where a destination list has other entries, whoever has one of them.
  if (targets.length > 0) doubted.addAll(book.reach(setOf(targets), reach.size));
  const hasNewSources = recompiled.filter(isFromOthers);
  for (const one of hasNewSources) addHolders(deps, one, doubted);
  for (const one of recompiled) addBothEnds(deps, one, doubted);
  if (targets.length > 0 || hasNewSources.length > 0)
    for (const { isGateway, index } of book.routers) if (isGateway) doubted.add(index);
  if (deps.scoped.hasSelf) for (const machine of machines) addDevices(deps, machine, doubted);
  return doubted;
}

const setOf = (targets: readonly Target[]) => union(targets.map(({ set }) => set));
const sourcesOf = (rules: readonly Rule[]): Rule['sources'] | undefined => rules[0]?.sources;

/** Sources that came out the same are the same object. */
const isFromOthers = ({ old, next }: Recompiled): boolean =>
  sourcesOf(old.rules) !== sourcesOf(next.rules) || old.via !== next.via;

function addHolders({ reach, resolver }: FilterDeps, { next }: Recompiled, doubted: Bits): void {
  for (const { dst } of reach.pairsOf(next.grant)) doubted.addAll(dst.local);
  // By the tags as written: a grant that lost its last source holds nobody any more, and must go from their filters.
  for (const { index } of holdersOf(resolver, next)) doubted.add(index);
}

/** Machines with one of the tags that a grant leads `via`. */
export const holdersOf = (resolver: Resolver, { grant }: CompiledGrant): readonly Machine[] =>
  grant.via.flatMap((tag) => resolver.tagged(tag));

/** Companions of capabilities land on the sources and name the destinations. */
function addBothEnds({ reach }: FilterDeps, { next }: Recompiled, doubted: Bits): void {
  if (next.grant.app === undefined) return;
  for (const { src, dst } of reach.pairsOf(next.grant)) {
    doubted.addAll(src.local);
    doubted.addAll(dst.local);
  }
}

function addDevices({ resolver }: FilterDeps, { isTagged, userId }: Machine, doubted: Bits): void {
  if (isTagged || userId === undefined) return;
  for (const { index } of resolver.ownedBy(userId)) doubted.add(index);
}
