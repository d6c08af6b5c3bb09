/** What is allowed but probably not meant (policy.md §6.4). */
import type { CompiledPolicy } from '../compile/compiled.ts';
import { names } from '../compile/names.ts';
import type { AclRule, GrantRule, PolicyAst, SelectorUse, Table } from '../language/ast.ts';
import { type Cidr, isEmpty, overlapsRange, setOfCidrs } from '../sets/ranges.ts';
import type { Report } from '../text/diagnostic.ts';
import { warnOfApps } from './app-warnings.ts';
import { warnOfShadows } from './shadow.ts';
import { warnOfSshPaths } from './ssh-paths.ts';

const rulesIn = (ast: PolicyAst): readonly (AclRule | GrantRule)[] => [...ast.grants, ...ast.acls];

/** Every name that the policy mentions outside of its declaration. */
function mentioned(ast: PolicyAst): ReadonlySet<string> {
  const { routes, exitNode, services } = ast.autoApprovers;
  const uses: readonly SelectorUse[] = [
    ...[...ast.acls, ...ast.grants, ...(ast.ssh ?? [])].flatMap(({ src, dst }) => [...src, ...dst]),
    ...[...ast.tagOwners.values()].flatMap(({ value }) => value),
    ...[...ast.ipsets.values()].flatMap(({ value }) => value.map(({ operand }) => operand)),
    ...ast.nodeAttrs.flatMap(({ target }) => target),
    ...[...routes, ...services].flatMap(({ approvers }) => approvers),
    ...exitNode,
  ];
  const words = [
    ...ast.grants.flatMap(({ via }) => via),
    ...ast.nodeAttrs.flatMap(({ apps }) => apps.flatMap(({ connectors }) => connectors)),
    ...(ast.ssh ?? []).flatMap(({ recorder }) => recorder),
    ...[...ast.acls, ...ast.grants, ...(ast.ssh ?? [])].flatMap(({ srcPosture }) => srcPosture ?? []),
    ...ast.defaultSrcPosture,
  ];
  return new Set([...uses.map(({ selector }) => selector.text), ...words.map(({ text }) => text)]);
}

/** Warnings that need no network. */
export function warnOfText(ast: PolicyAst, report: Report): void {
  const known = mentioned(ast);
  const unused = (table: Table<unknown>, what: string): void => {
    for (const [name, { keyAt }] of table)
      if (!known.has(name))
        report.warn(`${what}-unused`, `${what} ${JSON.stringify(name)} is not used in any rule`, keyAt);
  };
  unused(ast.groups, 'group');
  unused(ast.hosts, 'host');
  unused(ast.ipsets, 'ipset');
  unused(ast.postures, 'posture');
  for (const rule of rulesIn(ast)) warnOfRule(ast, rule, report);
}

function warnOfRule(ast: PolicyAst, rule: AclRule | GrantRule, report: Report): void {
  const hasAny = (uses: readonly SelectorUse[]): boolean =>
    uses.some(({ selector }) => selector.kind === 'any');
  if (hasAny(rule.src) && hasAny(rule.dst))
    report.warn('wildcard-any-to-any', 'this rule lets every machine reach every other', rule.at);
  for (const { selector, at } of rule.src)
    if (selector.text === 'autogroup:danger-all')
      report.warn(
        'danger-all',
        'autogroup:danger-all lets in everybody, also from outside of the network',
        at,
      );
  const isLiteral = ({ selector: { kind } }: SelectorUse): boolean =>
    ['prefix', 'host', 'ipset'].includes(kind);
  const postures = rule.srcPosture ?? ast.defaultSrcPosture;
  if (postures.length > 0 && rule.src.length > 0 && rule.src.every(isLiteral))
    report.warn(
      'posture-literal-source',
      'only machines can meet a posture: with addresses alone as sources this rule gives nothing',
      rule.at,
    );
}

/** Warnings about the policy in this network. */
export function warnOfNetwork(compiled: CompiledPolicy, report: Report): void {
  const { ast, machines } = compiled;
  for (const rule of rulesIn(ast)) {
    warnOfInert(compiled, rule, report);
    for (const { selector, at } of rule.dst) {
      const cidr = selector.kind === 'prefix' ? selector.cidr : ast.hosts.get(selector.text)?.value;
      if (cidr !== undefined && isUnapproved(compiled, cidr))
        report.warn('route-unapproved', `a route to ${cidr.text} is announced, but nobody approved it`, at);
    }
  }
  warnOfTags(compiled, report);
  warnOfEmptyGroups(compiled, report);
  warnOfApprovers(compiled, report);
  warnOfShadows(compiled, report);
  warnOfSshPaths(compiled, report);
  warnOfApps(compiled, report);
  for (const { text, at } of ast.grants.flatMap(({ via }) => via))
    if (!machines.some(({ tags }) => tags.includes(text)))
      report.warn('via-no-holder', `no machine has ${text}: this grant gives nothing yet`, at);
}

function warnOfInert(
  { resolver }: CompiledPolicy,
  { src, dst, at }: AclRule | GrantRule,
  report: Report,
): void {
  const isVoid = ({ selector }: SelectorUse): boolean =>
    selector.text !== 'autogroup:self' && isEmpty(resolver.setOf(selector));
  const end = src.every(isVoid) ? 'source' : dst.every(isVoid) ? 'destination' : undefined;
  if (end !== undefined)
    report.warn('rule-inert', `no ${end} of this rule stands for any machine or address yet`, at);
}

function isUnapproved({ machines }: CompiledPolicy, cidr: Cidr): boolean {
  const set = setOfCidrs([cidr]);
  const serves = (routes: readonly Cidr[]): boolean => routes.some((route) => overlapsRange(set, route));
  return (
    machines.some(({ announced }) => serves(announced.filter(({ bits }) => bits > 0))) &&
    !machines.some(
      ({ subnetRoutes, addrs }) =>
        serves(subnetRoutes) || addrs.some((addr) => cidr.first <= addr && addr <= cidr.last),
    )
  );
}

/** Neither in a rule nor on a machine. */
function warnOfTags({ ast, machines }: CompiledPolicy, report: Report): void {
  const known = mentioned(ast);
  const carried = new Set(machines.flatMap(({ tags }) => tags));
  for (const [tag, { keyAt }] of ast.tagOwners)
    if (!known.has(tag) && !carried.has(tag))
      report.warn('tag-unused', `no rule names ${JSON.stringify(tag)}, and no machine has it`, keyAt);
}

function warnOfEmptyGroups({ ast, resolver }: CompiledPolicy, report: Report): void {
  for (const { src, dst } of [...rulesIn(ast), ...(ast.ssh ?? [])])
    for (const { selector, at } of [...src, ...dst])
      if (selector.kind === 'group' && resolver.directory.group(selector.text).size === 0)
        report.warn('empty-group-used', `nobody is in ${JSON.stringify(selector.text)}`, at);
}

function warnOfApprovers({ ast, resolver, machines }: CompiledPolicy, report: Report): void {
  for (const { keyAt, approvers } of ast.autoApprovers.routes)
    if (
      !machines.some((machine) =>
        approvers.some(({ selector }) => names(resolver.directory, selector, machine)),
      )
    )
      report.warn('autoapprover-unused', 'none of its approvers stands for a machine yet', keyAt);
}
