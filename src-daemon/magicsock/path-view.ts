/** What users and others are told of a peer's path. */
import { wayOf } from './engine-path.ts';
import { isTrusted } from './path-draft.ts';
import type { Peer } from './peer-table.ts';
import { reasonOf } from './reason.ts';
import type { NatView, PeerPathView } from './types.ts';

const NO_PATH: PeerPathView = {
  kind: 'none',
  addr: undefined,
  region: undefined,
  latencyMs: undefined,
  isTrusted: false,
  sinceMs: 0,
  why: undefined,
  wireMtu: 0,
};

export function viewOf(
  peer: Peer | undefined,
  { nowMs, nat }: { readonly nowMs: number; readonly nat: NatView },
): PeerPathView {
  if (peer === undefined) return NO_PATH;
  if (peer.machine.kind === 'plain') {
    const { current, isLearned, sinceMs } = peer.machine.state;
    return current === undefined
      ? NO_PATH
      : { ...NO_PATH, kind: 'direct', addr: current, isTrusted: isLearned, sinceMs };
  }
  const { state } = peer.machine;
  const { best, told, sinceMs } = state;
  const kind = wayOf(told);
  const hasDisco = peer.config.discoKey !== undefined;
  if (kind !== 'direct' || best.kind === 'none')
    return {
      ...NO_PATH,
      kind,
      region: told.relayRegion,
      sinceMs,
      why: reasonOf(state, { nowMs, nat, hasDisco }),
    };
  return {
    kind,
    addr: best.addr,
    region: told.mode === 'direct+relay' ? told.relayRegion : undefined,
    latencyMs: best.latencyMs,
    isTrusted: isTrusted(best, nowMs) && told.mode === 'direct',
    sinceMs,
    why: undefined,
    wireMtu: best.wireMtu,
  };
}
