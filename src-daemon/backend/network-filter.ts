/** The packet filter of a network map, and whether it is to be believed (localapi-and-daemon.md §9.4). */
import type { FilterRule } from '#shared/wire/map.ts';
import type { Node } from '#shared/wire/node.ts';
import type { NetworkMap } from '../control/types.ts';
import type { FilterRuleSpec } from '../engine/types.ts';
import { filterSpec, isAboutCapabilities, letsInUnsigned } from './filter-spec.ts';
import { PeerSubset } from './peer-subset.ts';

export interface NetworkFilter {
  readonly rules: readonly FilterRuleSpec[];
  /** It lets in whom nobody has signed: nobody is let in. */
  readonly isRefused: boolean;
}

const unsigned = new PeerSubset(({ UnsignedPeerAPIOnly }) => UnsignedPeerAPIOnly === true);
const withCapabilities = new PeerSubset(
  ({ CapMap }) => CapMap !== undefined && Object.keys(CapMap).length > 0,
);

const NOTHING: NetworkFilter = { rules: [], isRefused: false };

/** What was made of a list of rules last, and of whom it depended besides. */
const made = new WeakMap<readonly FilterRule[], NetworkFilter & { readonly on: readonly Node[] }>();

/** The same object while nothing of it changes: most maps come with the filter of the one before. */
export function networkFilter({ filter, peers }: Pick<NetworkMap, 'filter' | 'peers'>): NetworkFilter {
  // A server that sent no filter has let nobody in (control-protocol.md §5.4).
  if (filter === undefined) return NOTHING;
  const last = made.get(filter);
  const on = [...unsigned.of(peers), ...(isAboutCapabilities(filter) ? withCapabilities.of(peers) : [])];
  if (last !== undefined && isSameList(last.on, on)) return last;
  const rules = filterSpec(filter, on);
  const isRefused = letsInUnsigned(rules, on);
  const result = { on, rules: isRefused ? [] : rules, isRefused };
  made.set(filter, result);
  return result;
}

const isSameList = (a: readonly Node[], b: readonly Node[]): boolean =>
  a.length === b.length && a.every((item, i) => item === b[i]);
