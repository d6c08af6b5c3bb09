/** Rules of both kinds as one list, in the order of the output (policy.md §7.3). */
import type { AclRule, CapMap, PolicyAst, SelectorUse, Word } from '../language/ast.ts';
import type { ProtoPorts } from '../language/ports.ts';
import type { Place } from '../text/tree.ts';

/** What one grant, or one destination of an ACL, allows. */
export interface Grant {
  /** The rule it came from, for explanations. */
  readonly at: Place;
  readonly section: 'acls' | 'grants';
  readonly src: readonly SelectorUse[];
  /** Without `autogroup:self`. */
  readonly dst: readonly SelectorUse[];
  /** Whether `autogroup:self` is a destination too. */
  readonly hasSelf: boolean;
  readonly ip: readonly ProtoPorts[];
  readonly app: CapMap | undefined;
  readonly via: readonly string[];
  readonly srcPosture: readonly Word[] | undefined;
}

const isSelf = ({ selector }: SelectorUse): boolean => selector.text === 'autogroup:self';

/** One grant per destination; `autogroup:self` last unless all destinations are autogroups. */
function ofAcl(rule: AclRule): Grant[] {
  const hasOther = rule.dst.some(({ selector }) => selector.kind !== 'autogroup');
  const ordered = hasOther
    ? [...rule.dst.filter((use) => !isSelf(use)), ...rule.dst.filter(isSelf)]
    : rule.dst;
  return ordered.map((use) => ({
    at: rule.at,
    section: 'acls',
    src: rule.src,
    dst: isSelf(use) ? [] : [use],
    hasSelf: isSelf(use),
    ip: [{ proto: rule.proto, ports: use.ports }],
    app: undefined,
    via: [],
    srcPosture: rule.srcPosture,
  }));
}

export function grantsOf(ast: PolicyAst): Grant[] {
  const grants = ast.grants.map(
    (rule): Grant => ({
      at: rule.at,
      section: 'grants',
      src: rule.src,
      dst: rule.dst.filter((use) => !isSelf(use)),
      hasSelf: rule.dst.some(isSelf),
      ip: rule.ip,
      app: rule.app,
      via: rule.via.map(({ text }) => text),
      srcPosture: rule.srcPosture,
    }),
  );
  return [...grants, ...ast.acls.flatMap(ofAcl)];
}
