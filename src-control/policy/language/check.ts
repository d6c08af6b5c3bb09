/** Checks that every name is declared and stands where it may (policy.md §6.1, stage 4). */
import type { Report } from '../text/diagnostic.ts';
import { suggestion } from '../text/suggest.ts';
import type { Place } from '../text/tree.ts';
import { checkApps } from './app-connectors.ts';
import type { AclRule, GrantRule, PolicyAst, SelectorUse, Table, Word } from './ast.ts';
import { checkIpSetCycles } from './check-ip-sets.ts';
import { checkSshRule } from './check-ssh.ts';
import { checkSshTest, checkTest } from './check-tests.ts';
import { type Position, refusal } from './positions.ts';
import { TESTS_FAILED } from './read-ssh.ts';
import { isRoleGroup } from './selector.ts';

export class Checker {
  readonly ast: PolicyAst;
  readonly report: Report;

  constructor(ast: PolicyAst, report: Report) {
    this.ast = ast;
    this.report = report;
  }

  /** `prefix` goes before the texts of tags that are undefined. */
  use({ selector, at }: SelectorUse, position: Position, prefix = ''): boolean {
    const refused = refusal(selector, position);
    if (refused !== undefined) {
      this.report.error(refused.code, `${refused.message}`, at);
      return false;
    }
    const { groups, hosts, ipsets } = this.ast;
    switch (selector.kind) {
      case 'group':
        return this.declared(groups, selector.text, at, 'undefined-group', `group not defined in policy: `);
      case 'host':
        return this.declared(hosts, selector.text, at, 'undefined-host', `host not defined in policy: `);
      case 'ipset':
        return this.declared(ipsets, selector.text, at, 'undefined-ipset', `ipset not defined in policy: `);
      case 'tag':
        return this.tag(selector.text, at, `${prefix}tag not found: `);
      case 'service':
        this.report.warn(
          'unsupported-feature',
          `${JSON.stringify(selector.text)}: services have no addresses on this server yet; this destination matches nothing`,
          at,
        );
        return true;
      default:
        return true;
    }
  }

  tag(name: string, at: Place, text: string): boolean {
    return this.declared(this.ast.tagOwners, name, at, 'undefined-tag', text);
  }

  declared(table: Table<unknown>, name: string, at: Place, code: string, text: string): boolean {
    if (table.has(name)) return true;
    this.report.error(code, `${text}${JSON.stringify(name)}${suggestion(name, table.keys())}`, at);
    return false;
  }

  postures(words: readonly Word[] | undefined): void {
    for (const { text, at } of words ?? [])
      this.declared(this.ast.postures, text, at, 'undefined-posture', 'posture not defined in policy: ');
  }
}

/** `*` is a legal source of `autogroup:self` in `acls` only (policy.md §5.2). */
function checkSelf(checker: Checker, rule: AclRule | GrantRule, isAcl: boolean): void {
  if (!rule.dst.some(({ selector }) => selector.text === 'autogroup:self')) return;
  const isFine = rule.src.every(
    ({ selector: { kind, text } }) =>
      kind === 'user' ||
      kind === 'group' ||
      (isAcl && kind === 'any') ||
      text === 'autogroup:member' ||
      isRoleGroup(text),
  );
  if (!isFine)
    checker.report.error(
      'self-source',
      'autogroup:self can only be used with users, groups, or supported autogroups',
      rule.at,
    );
}

function checkAcl(checker: Checker, rule: AclRule): void {
  for (const use of rule.src) checker.use(use, 'acl-src', 'src=');
  for (const use of rule.dst) checker.use(use, 'acl-dst', `dst=${JSON.stringify(use.selector.text)}: `);
  checker.postures(rule.srcPosture);
  checkSelf(checker, rule, true);
}

function checkGrant(checker: Checker, rule: GrantRule): void {
  const { report } = checker;
  for (const use of rule.src) checker.use(use, 'grant-src', 'src=');
  for (const use of rule.dst) {
    checker.use(use, 'grant-dst');
    const { selector, at } = use;
    if (selector.kind === 'prefix' && selector.cidr.bits === 0)
      report.error(
        'grant-default-route',
        `dst ${JSON.stringify(selector.cidr.text)}: to allow all IP addresses, use "*" or "autogroup:internet"`,
        at,
      );
    if (rule.app !== undefined && selector.text === 'autogroup:internet')
      report.error('grant-app-internet', 'cannot use app grants with autogroup:internet', at);
  }
  for (const { text, at } of rule.via) {
    const hint = suggestion(text, checker.ast.tagOwners.keys());
    if (!checker.ast.tagOwners.has(text))
      report.error('undefined-tag', `tag ${JSON.stringify(text)} not found${hint}`, at);
  }
  if (rule.via.length > 0 && rule.ip.length === 0)
    report.warn('via-app-only', 'via steers packets: a grant with app and without ip gives nothing', rule.at);
  checker.postures(rule.srcPosture);
  checkSelf(checker, rule, false);
}

function checkOwners(checker: Checker): void {
  for (const [tag, { value }] of checker.ast.tagOwners) {
    for (const use of value) {
      const { selector, at } = use;
      if (selector.kind !== 'tag') checker.use(use, 'owner');
      else if (!checker.ast.tagOwners.has(selector.text)) {
        const hint = suggestion(selector.text, checker.ast.tagOwners.keys());
        const text = `tag not found: ${JSON.stringify(selector.text)}: tag ${JSON.stringify(tag)} references undefined tag ${JSON.stringify(selector.text)}${hint}`;
        checker.report.error('tag-owner-undefined', text, at);
      }
    }
  }
}

function checkNodeAttrs(checker: Checker): void {
  const domains = new Map<string, string>();
  for (const rule of checker.ast.nodeAttrs) {
    const { target, attr } = rule;
    checkApps(checker, rule, domains);
    for (const use of target) checker.use(use, 'nodeattr');
    for (const { text, at: where } of attr) {
      if (text === 'funnel' || text === 'mullvad')
        checker.report.error(
          'unsupported-feature',
          `attribute ${JSON.stringify(text)} needs a feature that this server does not have: remove it`,
          where,
        );
      else if (text === '') checker.report.error('nodeattr-empty', 'an attribute must have a name', where);
    }
  }
}

/** Reports into the checker's report; tests are not run here. */
export function checkPolicy(ast: PolicyAst, report: Report): void {
  const checker = new Checker(ast, report);
  for (const rule of ast.acls) checkAcl(checker, rule);
  for (const rule of ast.grants) checkGrant(checker, rule);
  checkOwners(checker);
  for (const { value } of ast.ipsets.values()) for (const { operand } of value) checker.use(operand, 'ipset');
  checkIpSetCycles(ast, report);
  checker.postures(ast.defaultSrcPosture);
  for (const { value, keyAt } of ast.attrConfig.values()) {
    for (const use of value.broadcastTo) checker.use(use, 'broadcast');
    if (value.broadcastTo.length > 0 || value.isSetByNode)
      report.warn(
        'unsupported-feature',
        'attributes are set by administrators and told to nobody: allowSetByNode and broadcastToPeers have no effect yet',
        keyAt,
      );
  }
  const { routes, exitNode, services } = ast.autoApprovers;
  for (const use of [...routes, ...services].flatMap((entry) => entry.approvers))
    checker.use(use, 'approver');
  for (const use of exitNode) checker.use(use, 'approver');
  if (services.length > 0 && services[0] !== undefined)
    report.warn(
      'unsupported-feature',
      'services are not yet offered by this server: their approvers have no effect',
      services[0].keyAt,
    );
  if (ast.derpMap !== undefined)
    report.warn(
      'unsupported-feature',
      'derpMap is checked, but the relays that machines get are those of the configuration: put it there',
      ast.derpMap.at,
    );
  for (const rule of ast.ssh ?? []) checkSshRule(checker, rule);
  checkNodeAttrs(checker);
  report.within(TESTS_FAILED, () => {
    for (const test of ast.tests) checkTest(checker, test);
    for (const test of ast.sshTests) checkSshTest(checker, test);
  });
}
