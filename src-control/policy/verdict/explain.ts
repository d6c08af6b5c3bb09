/** Says in words whether one machine may reach another, which rule decides, and who enforces it (policy.md §16). */
import type { CompiledPolicy } from '../compile/compiled.ts';
import type { Machine } from '../compile/network.ts';
import type { PortRule } from '../compile/rules.ts';
import { parseDestination, protocolName } from '../language/ports.ts';
import { parseSelector } from '../language/selector.ts';
import {
  addrText,
  type Cidr,
  cidrsOf,
  isEmpty,
  isSubset,
  overlaps,
  overlapsRange,
  type RangeSet,
} from '../sets/ranges.ts';
import { INTERNET } from '../sets/special.ts';
import type { Place } from '../text/tree.ts';
import { allows, DEFAULT_PROTOS, leadsTo } from './reach.ts';
import { allRules } from './run-tests.ts';

export interface ExplainQuestion {
  readonly src: string;
  /** With or without `:port`. */
  readonly dst: string;
  readonly proto: number | undefined;
}

export interface Explanation {
  readonly verdict: 'allowed' | 'partly' | 'denied';
  /** The whole story, one sentence each. */
  readonly reasons: readonly string[];
  /** Rules that let packets through. */
  readonly rules: readonly Place[];
  /** Machines whose packet filter decides. */
  readonly enforcedBy: readonly string[];
}

interface End {
  readonly text: string;
  readonly set: RangeSet;
}

/** A machine's name, or anything that a rule could name; a string says why it is neither. */
function endOf({ resolver, machines, ast }: CompiledPolicy, text: string): End | string {
  const machine = machines.find(({ name, hostname }) => name === text || hostname === text);
  if (machine !== undefined) return { text, set: machine.addrSet };
  const selector = parseSelector(text);
  if (typeof selector === 'string') return selector;
  if (selector.kind === 'host' && !ast.hosts.has(selector.text))
    return `"${text}" is no machine of the network and no host of the policy`;
  const set = resolver.setOf(selector);
  return isEmpty(set) ? `"${text}" stands for no machine and no address` : { text, set };
}

function splitPort(compiled: CompiledPolicy, dst: string): { end: End | string; port: number | undefined } {
  const whole = endOf(compiled, dst);
  if (typeof whole !== 'string') return { end: whole, port: undefined };
  const parsed = parseDestination(dst);
  if ('why' in parsed) return { end: whole, port: undefined };
  return { end: endOf(compiled, parsed.selector), port: parsed.ports[0]?.First };
}

/** Whose filter judges packets to `set`: its owners, else the routers of it, else exit nodes. */
function enforcers(machines: readonly Machine[], set: RangeSet): readonly Machine[] {
  return machines.filter(
    ({ addrSet, subnetRoutes, isExit }) =>
      overlaps(addrSet, set) ||
      subnetRoutes.some((route) => overlapsRange(set, route)) ||
      (isExit && isSubset(set, INTERNET)),
  );
}

const NOBODY: Omit<Explanation, 'reasons'> = { verdict: 'denied', rules: [], enforcedBy: [] };

export function explain(compiled: CompiledPolicy, question: ExplainQuestion): Explanation {
  const source = endOf(compiled, question.src);
  if (typeof source === 'string') return { ...NOBODY, reasons: [`nothing to send: ${source}`] };
  const { end, port } = splitPort(compiled, question.dst);
  if (typeof end === 'string') return { ...NOBODY, reasons: [`nothing to reach: ${end}`] };
  const [only] = compiled.machines.filter(({ addrSet }) => overlaps(addrSet, source.set));
  if (only !== undefined && isSubset(source.set, only.addrSet) && isSubset(end.set, only.addrSet))
    return {
      ...NOBODY,
      verdict: 'allowed',
      reasons: ['a machine always reaches itself: no packet leaves it'],
    };
  const judges = enforcers(compiled.machines, end.set);
  if (judges.length === 0) return { ...NOBODY, reasons: [whyUnrouted(compiled, end)] };
  const rules = compiled.ast.hasRules
    ? [...allRules(compiled)]
    : [...compiled.rulesFor(judges[0] as Machine)];
  const near = rules.filter((rule): rule is PortRule => rule.kind === 'ports' && leadsTo(rule, end.set));
  const protos = question.proto === undefined ? DEFAULT_PROTOS : [question.proto];
  const matching = near.filter((rule) =>
    port === undefined ? hasProto(rule, protos) : allows(rule, { destination: end.set, port, protos }),
  );
  const outcomes = cidrsOf(source.set).map((cidr) => ({
    cidr,
    rule: matching.find((rule) => overlapsRange(rule.sources.set, cidr)),
  }));
  const through = outcomes.filter(({ rule }) => rule !== undefined);
  const verdict = through.length === outcomes.length ? 'allowed' : through.length > 0 ? 'partly' : 'denied';
  const places = [...new Set(through.flatMap(({ rule }) => rule?.at ?? []))];
  return {
    verdict,
    rules: places,
    enforcedBy: judges.map(({ name }) => name),
    reasons: [
      ...(compiled.ast.hasRules ? [] : ['the policy has neither acls nor grants: everything is allowed']),
      ...(verdict === 'partly'
        ? [`only these addresses get through: ${through.map(({ cidr }) => addrText(cidr.first)).join(', ')}`]
        : []),
      ...(verdict === 'denied' ? whyDenied(compiled, source, end, near, port, question) : []),
      ...judges.filter(({ isOnline }) => !isOnline).map(({ name }) => `${name} is offline`),
    ],
  };
}

const hasProto = (rule: PortRule, protos: readonly number[]): boolean =>
  rule.proto === undefined || protos.includes(rule.proto);

function whyUnrouted({ machines }: CompiledPolicy, { text, set }: End): string {
  const announcing = machines.filter(({ announced }) =>
    announced.some((route: Cidr) => overlapsRange(set, route)),
  );
  return announcing.length === 0
    ? `no machine has or serves ${text}`
    : `${announcing.map(({ name }) => name).join(', ')} announces a route to ${text}, but nobody approved it`;
}

/** Of the rules that lead there: which part of the question each fails. */
function whyDenied(
  compiled: CompiledPolicy,
  source: End,
  end: End,
  near: readonly PortRule[],
  port: number | undefined,
  { proto, dst }: ExplainQuestion,
): readonly string[] {
  if (blockedByPosture(compiled, source, end))
    return [`a rule would let ${source.text} through, but it does not meet the rule's srcPosture`];
  if (near.length === 0) return [`no rule has ${dst} as a destination`];
  const fromHere = near.filter((rule) => overlaps(rule.sources.set, source.set));
  if (fromHere.length > 0) {
    const what = [proto === undefined ? '' : protocolName(proto), port === undefined ? '' : `port ${port}`];
    return [
      `rules let ${source.text} reach it, but not with ${what.filter((word) => word !== '').join(' ')}`,
    ];
  }
  return [`rules lead there, but none of them has ${source.text} as a source`];
}

function blockedByPosture({ grants, resolver }: CompiledPolicy, { set }: End, end: End): boolean {
  return grants.some(
    ({ grant, sourceSet }) =>
      resolver.posturesOf(grant.srcPosture).length > 0 &&
      !overlaps(sourceSet, set) &&
      grant.src.some(({ selector }) => overlaps(resolver.setOf(selector), set)) &&
      grant.dst.some(
        ({ selector }) => selector.kind === 'any' || overlaps(resolver.setOf(selector), end.set),
      ),
  );
}
