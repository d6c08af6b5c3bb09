/** SSH rules for which the network has no way: the section opens no port (policy.md §11.6). */
import type { CompiledPolicy } from '../compile/compiled.ts';
import type { Rule } from '../compile/rules.ts';
import type { SshRule } from '../language/ast.ts';
import { isEmpty, overlaps, type RangeSet, union } from '../sets/ranges.ts';
import type { Report } from '../text/diagnostic.ts';
import { allows } from './reach.ts';
import { allRules } from './run-tests.ts';

const SSH_PORT = 22;
const TCP = 6;

const isOpen = (rules: readonly Rule[], sources: RangeSet, destination: RangeSet): boolean =>
  rules.some(
    (rule) =>
      rule.kind === 'ports' &&
      overlaps(rule.sources.set, sources) &&
      allows(rule, { destination, port: SSH_PORT, protos: [TCP] }),
  );

function ends({ resolver }: CompiledPolicy, { src, dst }: SshRule): { from: RangeSet; to: RangeSet } {
  const from = union(src.map(({ selector }) => resolver.setOf(selector)));
  // Its own devices: what its sources are.
  const to = union(
    dst.map(({ selector }) => (selector.text === 'autogroup:self' ? from : resolver.setOf(selector))),
  );
  return { from, to };
}

export function warnOfSshPaths(compiled: CompiledPolicy, report: Report): void {
  const { ssh } = compiled.ast;
  if (ssh === undefined || ssh.length === 0) return;
  const rules = [...allRules(compiled)];
  for (const rule of ssh) {
    const { from, to } = ends(compiled, rule);
    if (isEmpty(from) || isEmpty(to)) {
      const end = isEmpty(from) ? 'source' : 'destination';
      report.warn('rule-inert', `no ${end} of this rule stands for any machine yet`, rule.at);
    } else if (!isOpen(rules, from, to)) {
      report.warn(
        'ssh-no-acl',
        'no acl or grant lets its sources reach port 22 of its destinations: the ssh section opens no port, add a rule for it',
        rule.at,
      );
    }
  }
}
