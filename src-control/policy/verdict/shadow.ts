/** Rules that give nothing because another gives all of it already (policy.md §6.4). */
import type { CompiledPolicy } from '../compile/compiled.ts';
import type { Grant } from '../compile/grants.ts';
import type { Rule } from '../compile/rules.ts';
import type { ProtoPorts } from '../language/ports.ts';
import { EVERYTHING, isEmpty, isSubset, type RangeSet, union } from '../sets/ranges.ts';
import type { Report } from '../text/diagnostic.ts';
import { DEFAULT_PROTOS } from './reach.ts';

/** Each is compared with each: more would be slow, and nobody reads so long a file for style. */
const MAX_COMPARED = 400;

interface Reached {
  readonly grant: Grant;
  readonly sources: RangeSet;
  readonly targets: RangeSet;
}

const coversEntry = (wide: ProtoPorts, narrow: ProtoPorts): boolean =>
  (wide.proto === undefined
    ? narrow.proto === undefined || DEFAULT_PROTOS.includes(narrow.proto)
    : wide.proto === narrow.proto) &&
  narrow.ports.every(({ First, Last }) =>
    wide.ports.some((range) => range.First <= First && Last <= range.Last),
  );

const covers = (wide: Reached, narrow: Reached): boolean =>
  narrow.grant.ip.every((entry) => wide.grant.ip.some((one) => coversEntry(one, entry))) &&
  isSubset(narrow.targets, wide.targets) &&
  isSubset(narrow.sources, wide.sources);

const sourcesOf = (rules: readonly Rule[]): RangeSet | undefined => rules[0]?.sources.set;

function reachedBy({ resolver, grants }: CompiledPolicy): readonly Reached[] {
  return grants.flatMap(({ grant, rules }) => {
    const sources = sourcesOf(rules);
    const isPlain =
      grant.app === undefined && grant.via.length === 0 && !grant.hasSelf && grant.ip.length > 0;
    if (!isPlain || sources === undefined || resolver.posturesOf(grant.srcPosture).length > 0) return [];
    const targets = union(
      grant.dst.map(({ selector }) => (selector.kind === 'any' ? EVERYTHING : resolver.setOf(selector))),
    );
    return isEmpty(sources) || isEmpty(targets) ? [] : [{ grant, sources, targets }];
  });
}

/** One warning for each rule all of whose parts are given by rules elsewhere. */
export function warnOfShadows(compiled: CompiledPolicy, report: Report): void {
  const all = reachedBy(compiled);
  if (all.length > MAX_COMPARED) return;
  const places = new Map<number, { readonly parts: Reached[]; readonly at: Grant['at'] }>();
  for (const one of all) {
    const known = places.get(one.grant.at.start);
    if (known === undefined) places.set(one.grant.at.start, { parts: [one], at: one.grant.at });
    else known.parts.push(one);
  }
  for (const [start, { parts, at }] of places) {
    // A part that gives nothing yet, or what is no plain rule, keeps the whole from being superfluous.
    if (parts.length !== compiled.grants.filter(({ grant }) => grant.at.start === start).length) continue;
    const shadow = (part: Reached): Reached | undefined =>
      all.find(
        (other) =>
          other.grant.at.start !== start &&
          covers(other, part) &&
          // Of two that are equal the later one is superfluous.
          (!covers(part, other) || other.grant.at.start < start),
      );
    const shadows = parts.map(shadow);
    const [first] = shadows;
    if (first === undefined || shadows.includes(undefined)) continue;
    const line = report.rangeOf(first.grant.at).start.line;
    report.warn('rule-shadowed', `the rule at line ${line} allows all of this already`, at);
  }
}
