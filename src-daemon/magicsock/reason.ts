/** From the state of a path machine to the reason why there is no direct path. */
import type { SockAddr } from '#shared/ip/address.ts';
import { isPublic4 } from './candidate.ts';
import type { PathState } from './path-types.ts';
import type { NatView } from './types.ts';
import type { RelayReason } from './why.ts';

/** A search this young says nothing yet. */
const YOUNG_MS = 3_000;
/** For this long the loss of a path explains more than the failure to find another. */
const LOST_MS = 10_000;

export function reasonOf(
  state: PathState,
  facts: { readonly nowMs: number; readonly nat: NatView; readonly hasDisco: boolean },
): RelayReason {
  const { nowMs, nat, hasDisco } = facts;
  if (!hasDisco) return { kind: 'no-disco' };
  if (state.data.kind !== 'fine') return { kind: 'control-only' };
  if (state.search.kind === 'none') return { kind: 'idle' };
  if (state.lostAtMs !== undefined && nowMs - state.lostAtMs < LOST_MS)
    return { kind: 'lost', sinceMs: state.lostAtMs };
  if (nowMs - state.search.sinceMs < YOUNG_MS) return { kind: 'searching' };
  if (nat.udp === false) return { kind: 'no-udp-here' };
  if (state.candidates.size === 0) return { kind: 'no-endpoints' };
  const isHardHere = nat.varies === true && !nat.portMapped;
  const isHardThere = looksHard([...state.candidates.values()].map(({ addr }) => addr));
  if (isHardHere && isHardThere) return { kind: 'both-hard' };
  if (isHardHere) return { kind: 'hard-here' };
  if (isHardThere) return { kind: 'hard-there' };
  return { kind: 'no-answer', probes: state.search.probes, addresses: state.candidates.size };
}

/** Several ports of one public address: what different servers saw of one socket behind a hard NAT. */
export function looksHard(addrs: readonly SockAddr[]): boolean {
  const ports = new Map<string, number>();
  for (const addr of addrs) {
    if (!isPublic4(addr)) continue;
    if (ports.has(addr.ip) && ports.get(addr.ip) !== addr.port) return true;
    ports.set(addr.ip, addr.port);
  }
  return false;
}
