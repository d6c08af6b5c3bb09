/** Whether packets of one source may reach a destination, judged on the rules (policy.md §13.1, §8). */

import type { PortRule, Rule } from '../compile/rules.ts';
import type { Cidr } from '../sets/ranges.ts';
import { overlaps, overlapsRange, type RangeSet } from '../sets/ranges.ts';

export interface Question {
  readonly destination: RangeSet;
  readonly port: number;
  readonly protos: readonly number[];
}

/** What a client tries when no protocol is named: TCP, UDP, ICMP, ICMPv6. */
export const DEFAULT_PROTOS: readonly number[] = [6, 17, 1, 58];

export const allows = (rule: PortRule, { destination, port, protos }: Question): boolean =>
  (rule.proto === undefined || protos.includes(rule.proto)) &&
  rule.ports.some(({ First, Last }) => First <= port && port <= Last) &&
  leadsTo(rule, destination);

export const leadsTo = ({ blocks }: PortRule, set: RangeSet): boolean =>
  blocks.some((block) => block.some((target) => overlaps(target.set, set)));

/** The first rule that lets `source` through. */
export function allowingRule(rules: Iterable<Rule>, source: Cidr, question: Question): PortRule | undefined {
  for (const rule of rules)
    if (rule.kind === 'ports' && overlapsRange(rule.sources.set, source) && allows(rule, question))
      return rule;
  return undefined;
}
