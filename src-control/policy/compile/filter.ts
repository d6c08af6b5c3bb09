/** The packet filter of one machine in wire form (policy.md §7). */
import { hash } from 'node:crypto';
import type { CapMap } from '../language/ast.ts';
import type { PortRange } from '../language/ports.ts';
import type { Machine } from './network.ts';
import { reduceCaps, reduceTargets } from './reduce.ts';
import type { CapRule, PortRule, Rule, Sources, Target } from './rules.ts';

/** tailcfg's FilterRule; ports and capabilities never in the same rule. */
export interface WireRule {
  readonly SrcIPs: readonly string[];
  readonly DstPorts?: readonly WireDestination[];
  readonly IPProto?: readonly number[];
  readonly CapGrant?: readonly { readonly Dsts: readonly string[]; readonly CapMap: CapMap }[];
}

export interface WireDestination {
  readonly IP: string;
  readonly Ports: PortRange;
}

interface Slot {
  readonly SrcIPs: readonly string[];
  readonly proto: number | undefined;
  readonly destinations: WireDestination[];
}

/** Numbers for lists of sources: the same for the same strings, cheap to compare. Remembers digests: a list may be long. */
export class SourceIds {
  readonly #byDigest = new Map<string, number>();
  readonly #known = new WeakMap<Sources, number>();

  get size(): number {
    return this.#byDigest.size;
  }

  of(sources: Sources): number {
    const known = this.#known.get(sources);
    if (known !== undefined) return known;
    const digest = hash('sha256', sources.strings.join(), 'base64');
    const id = this.#byDigest.get(digest) ?? this.#byDigest.size;
    this.#byDigest.set(digest, id);
    this.#known.set(sources, id);
    return id;
  }
}

const PROTOCOLS = 256;

/**
 * Rules with the same sources and protocol become one, where the first of them stands, also when nothing of that one concerns the
 * machine (policy.md §7.6, §7.7: first merged, then reduced).
 */
export function filterOf(rules: Iterable<Rule>, machine: Machine, ids: SourceIds): WireRule[] {
  const slots = new Map<number, Slot>();
  const kept = new Map<readonly Target[], readonly Target[]>();
  const out: (Slot | WireRule)[] = [];
  for (const rule of rules) {
    if (rule.kind === 'caps') {
      out.push(...capsFor(rule, machine));
      continue;
    }
    // An absent protocol is not a number: 0 is free for it.
    const key = ids.of(rule.sources) * PROTOCOLS + (rule.proto ?? 0);
    let slot = slots.get(key);
    if (slot === undefined) {
      slot = { SrcIPs: rule.sources.strings, proto: rule.proto, destinations: [] };
      slots.set(key, slot);
      out.push(slot);
    }
    for (const block of rule.blocks) {
      let targets = kept.get(block);
      if (targets === undefined) {
        targets = reduceTargets(block, machine);
        kept.set(block, targets);
      }
      if (targets.length > 0) slot.destinations.push(...entries(rule, targets));
    }
  }
  return out.flatMap((one) => ('destinations' in one ? finished(one) : [one]));
}

function capsFor(rule: CapRule, machine: Machine): WireRule[] {
  const CapGrant = reduceCaps(rule, machine).map(({ dsts, capMap }) => ({
    Dsts: dsts.map(({ text }) => text),
    CapMap: capMap,
  }));
  return CapGrant.length === 0 ? [] : [{ SrcIPs: rule.sources.strings, CapGrant }];
}

const entries = ({ ports, isPortFirst }: PortRule, targets: readonly Target[]): readonly WireDestination[] =>
  isPortFirst
    ? ports.flatMap((Ports) => targets.map(({ IP }) => ({ IP, Ports })))
    : targets.flatMap(({ IP }) => ports.map((Ports) => ({ IP, Ports })));

function finished({ SrcIPs, proto, destinations }: Slot): WireRule[] {
  if (destinations.length === 0) return [];
  const wire = { SrcIPs, DstPorts: destinations };
  return [proto === undefined ? wire : { ...wire, IPProto: [proto] }];
}
