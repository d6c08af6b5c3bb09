/** Which rules concern a user as a source, or an address and port as a destination: what the public API calls a preview (policy.md §16). */
import { RhumbError } from '#shared/errors.ts';
import { parseIp, parseSockAddr } from '#shared/ip/address.ts';
import type { CompiledPolicy } from '../compile/compiled.ts';
import type { SelectorUse } from '../language/ast.ts';
import { isAllPorts, type ProtoPorts, protocolName } from '../language/ports.ts';
import { isRoleGroup } from '../language/selector.ts';
import { addrOf, overlaps, type RangeSet, setOfAddrs } from '../sets/ranges.ts';
import type { Place } from '../text/tree.ts';
import { leadsTo } from './reach.ts';
import { allRules } from './run-tests.ts';

export interface PreviewMatch {
  readonly at: Place;
  readonly users: readonly string[];
  readonly ports: readonly string[];
}

export function preview(
  compiled: CompiledPolicy,
  kind: 'user' | 'ipport',
  of: string,
): readonly PreviewMatch[] {
  const concerns = kind === 'user' ? fromUser(compiled, of) : toAddress(compiled, of);
  const { grants, acls } = compiled.ast;
  const rules = [
    ...grants.map((rule) => ({
      rule,
      ports: rule.dst.flatMap((use) => rule.ip.map((ip) => entry(use, ip))),
    })),
    ...acls.map((rule) => ({ rule, ports: rule.dst.map(({ text }) => text) })),
  ];
  return rules
    .filter(({ rule }) => concerns(rule))
    .map(({ rule, ports }) => ({ at: rule.at, users: rule.src.map(({ selector }) => selector.text), ports }));
}

type Concerns = (rule: { readonly at: Place; readonly src: readonly SelectorUse[] }) => boolean;

/** By who they are, so that it can be asked before they have a machine. */
function fromUser({ resolver }: CompiledPolicy, name: string): Concerns {
  const { directory } = resolver;
  const found = directory.user(name);
  if (found.kind !== 'one')
    throw new RhumbError(
      'not-found',
      found.kind === 'none'
        ? `there is no user "${name}"`
        : `"${name}" may be several users: write the e-mail address`,
    );
  const { id } = found.user;
  const own = setOfAddrs(resolver.ownedBy(id).flatMap(({ addrs }) => addrs));
  const isThem = ({ selector }: SelectorUse): boolean => {
    const { kind, text } = selector;
    if (kind === 'any' || text === 'autogroup:member' || text === 'autogroup:danger-all') return true;
    if (kind === 'group') return directory.group(text).has(id);
    if (isRoleGroup(text)) return directory.role(text).has(id);
    if (kind === 'user') {
      const named = directory.user(text);
      return named.kind === 'one' && named.user.id === id;
    }
    return overlaps(resolver.setOf(selector), own);
  };
  return ({ src }) => src.some(isThem);
}

/** Whatever the protocol, as the question names none. */
function toAddress(compiled: CompiledPolicy, of: string): Concerns {
  const target = parseSockAddr(of);
  const ip = target === undefined ? undefined : parseIp(target.ip);
  if (target === undefined || ip === undefined)
    throw new RhumbError(
      'bad-argument',
      `"${of}" is no address with a port: write 100.64.0.1:22 or [fd7a::1]:22`,
    );
  const set: RangeSet = setOfAddrs([addrOf(ip)]);
  const places = new Set<Place>();
  for (const rule of allRules(compiled)) {
    if (rule.kind !== 'ports' || rule.at === undefined || places.has(rule.at)) continue;
    const isOpen = rule.ports.some(({ First, Last }) => First <= target.port && target.port <= Last);
    if (isOpen && leadsTo(rule, set)) places.add(rule.at);
  }
  return ({ at }) => places.has(at);
}

function entry({ selector }: SelectorUse, { proto, ports }: ProtoPorts): string {
  const ranges = ports.map((range) =>
    isAllPorts(range)
      ? '*'
      : range.First === range.Last
        ? String(range.First)
        : `${range.First}-${range.Last}`,
  );
  const what = `${proto === undefined ? '' : `${protocolName(proto)}:`}${ranges.join(',')}`;
  return `${selector.text}:${what}`;
}
