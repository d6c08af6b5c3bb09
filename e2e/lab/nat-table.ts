/** Which path two sites should reach, from what stands between them (nat-traversal.md §7.2). */
import type { Internet } from './internet.ts';
import { reachOf, type Site, type SiteKind } from './site.ts';

/**
 * `either`: a relay by the book; a direct path needs guessing the port that a NAT will choose (§11.4), which may succeed.
 */
export type Expected = 'direct' | 'relay' | 'either';

/** Two sites of the kinds; behind the same carrier or router where both are of one kind that shares it. */
export function expectedPath(a: SiteKind, b: SiteKind): Expected {
  const [one, two] = [reachOf(a), reachOf(b)];
  // Nobody's filter stops the answer to what its own host has sent.
  if (one.v6 !== undefined && two.v6 !== undefined) return 'direct';
  if (one.v4 === undefined || two.v4 === undefined) return 'relay';
  if (a === b && a === 'same-nat') return 'direct';
  if (a === b && a === 'cgnat') return 'relay';
  const mustGuess = (of: typeof one.v4, by: typeof one.v4): boolean =>
    of?.mapping === 'dependent' && by?.filtering === 'port';
  return mustGuess(one.v4, two.v4) || mustGuess(two.v4, one.v4) ? 'either' : 'direct';
}

/** One of each pair of kinds, a kind with itself included: the first is of a kind's `a` site, the second of a `b` site. */
export function allPairs(kinds: readonly SiteKind[]): readonly (readonly [SiteKind, SiteKind])[] {
  return kinds.flatMap((a, n) => kinds.slice(n).map((b) => [a, b] as const));
}

/** Sites by kind, two of each. */
export type Twins = ReadonlyMap<SiteKind, readonly [Site, Site]>;

export async function addTwins(net: Internet, kinds: readonly SiteKind[]): Promise<Twins> {
  const twins = new Map<SiteKind, readonly [Site, Site]>();
  for (const kind of kinds)
    twins.set(kind, [await net.add(kind, `${kind}-a`), await net.add(kind, `${kind}-b`)]);
  return twins;
}
