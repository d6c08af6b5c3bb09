/** A region as status and health see it. */
import type { RegionState } from './region-machine.ts';
import type { DerpNode, DerpRegion, RelayState, RelayStateKind } from './types.ts';

/** Whether a relay has admitted us yet is our own business. */
export const publicState = (state: RegionState): RelayStateKind =>
  state.kind === 'joining' ? 'dialing' : state.kind;

type Facts = Pick<
  RelayState,
  'isHome' | 'localIp' | 'latencyMs' | 'heardAtMs' | 'lastError' | 'problem' | 'queued'
> & { readonly node: DerpNode | undefined };

export const viewOf = (region: DerpRegion, state: RegionState, { node, ...facts }: Facts): RelayState => ({
  ...facts,
  region: region.RegionID,
  code: region.RegionCode,
  name: region.RegionName,
  state: publicState(state),
  sinceMs: state.sinceMs,
  node: node?.Name,
  isIdealNode: node !== undefined && node === region.Nodes?.[0],
  failures: state.kind === 'idle' || state.kind === 'connected' ? 0 : state.attempt,
});
