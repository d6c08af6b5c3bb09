/** Who may reach whom, as the map streams ask it; the policy language will be another implementation of this interface. */
import type { NodeRecord } from '../store/records.ts';

/** A rule of the packet filter as the wire has it (control-protocol.md §6.1). */
export interface WireFilterRule {
  readonly SrcIPs: readonly string[];
  readonly DstPorts: readonly {
    readonly IP: string;
    readonly Ports: { readonly First: number; readonly Last: number };
  }[];
}

export interface Policy {
  /** Whether `viewer` gets `peer` in its map. */
  sees(viewer: NodeRecord, peer: NodeRecord): boolean;
  /** What may reach `node`: an empty list blocks everything. */
  filterOf(node: NodeRecord): readonly WireFilterRule[];
}

const EVERYTHING: readonly WireFilterRule[] = [
  { SrcIPs: ['*'], DstPorts: [{ IP: '*', Ports: { First: 0, Last: 65_535 } }] },
];

/** The default without a policy file: everyone may reach everyone. */
export const openPolicy: Policy = { sees: () => true, filterOf: () => EVERYTHING };
