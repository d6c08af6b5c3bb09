/** The packet filter of one machine in wire form (policy.md §7). */
import type { CapMap } from '../language/ast.ts';
import type { PortRange } from '../language/ports.ts';
import type { Machine } from './network.ts';
import { reduceCaps, reducePorts } from './reduce.ts';
import type { Rule } from './rules.ts';

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

/**
 * Rules with the same sources and protocol become one, where the first of them stands, also when nothing of that one concerns the
 * machine (policy.md §7.6, §7.7: first merged, then reduced).
 */
export function filterOf(rules: Iterable<Rule>, machine: Machine): WireRule[] {
  const slots = new Map<string, Slot>();
  const out: (Slot | WireRule)[] = [];
  for (const rule of rules) {
    if (rule.kind === 'caps') {
      const CapGrant = reduceCaps(rule, machine).map(({ dsts, capMap }) => ({
        Dsts: dsts.map(({ text }) => text),
        CapMap: capMap,
      }));
      if (CapGrant.length > 0) out.push({ SrcIPs: rule.sources.strings, CapGrant });
      continue;
    }
    const key = `${rule.proto ?? ''}|${rule.sources.key}`;
    let slot = slots.get(key);
    if (slot === undefined) {
      slot = { SrcIPs: rule.sources.strings, proto: rule.proto, destinations: [] };
      slots.set(key, slot);
      out.push(slot);
    }
    for (const { IP, Ports } of reducePorts(rule, machine)) slot.destinations.push({ IP, Ports });
  }
  return out.flatMap((one) => {
    if (!('destinations' in one)) return [one];
    if (one.destinations.length === 0) return [];
    const wire = { SrcIPs: one.SrcIPs, DstPorts: one.destinations };
    return [one.proto === undefined ? wire : { ...wire, IPProto: [one.proto] }];
  });
}
