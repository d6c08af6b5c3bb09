/** What the rules of a filter did, over every filter that they were part of: a native engine counts each filter from 0. */
import type { FilterRuleCount, FilterRuleSpec } from './types.ts';

const NOTHING: FilterRuleCount = { passed: 0, nearMisses: 0 };

export class RuleTotals {
  #rules: readonly FilterRuleSpec[] = [];
  /** What each did before the present filter. */
  #before: readonly FilterRuleCount[] = [];

  /** How many rules there are. */
  get size(): number {
    return this.#rules.length;
  }

  /** With what they did since the present filter came into force. */
  with(since: readonly FilterRuleCount[]): readonly FilterRuleCount[] {
    return this.#before.map((before, i) => {
      const { passed, nearMisses } = since[i] ?? NOTHING;
      return { passed: before.passed + passed, nearMisses: before.nearMisses + nearMisses };
    });
  }

  /** Another filter: a rule that stays goes on from `totals`, as most changes of a policy touch few of its rules. */
  replace(rules: readonly FilterRuleSpec[], totals: readonly FilterRuleCount[]): void {
    const earlier = new Map(this.#rules.map((rule, i) => [rule, totals[i]]));
    this.#rules = rules;
    this.#before = rules.map((rule) => earlier.get(rule) ?? NOTHING);
  }
}
