/** What users and others are told of a peer's path. */
import { formatSockAddr, type SockAddr } from '#shared/ip/address.ts';
import { wayOf } from './engine-path.ts';
import { isTrusted } from './path-draft.ts';
import type { Peer } from './peer-table.ts';
import { reasonOf } from './reason.ts';
import type { CandidateView, NatView, PeerPathView } from './types.ts';

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

/** Where a peer may be; several sockets of ours that try one address are one look at it, the luckiest. */
export function candidatesOf(peer: Peer | undefined): readonly CandidateView[] {
  if (peer === undefined || peer.machine.kind === 'plain') return [];
  const { best, candidates } = peer.machine.state;
  const found = new Map<string, CandidateView>();
  for (const { addr, via, pingedAtMs, answeredAtMs, latencyMs } of candidates.values()) {
    const isInUse = best.kind === 'direct' && best.via === via && isSameAddr(best.addr, addr);
    const view = { addr, isInUse, pingedAtMs, answeredAtMs, latencyMs };
    const key = formatSockAddr(addr);
    const known = found.get(key);
    if (known === undefined || isInUse || (!known.isInUse && isLater(view, known))) found.set(key, view);
  }
  return [...found.values()];
}

const isSameAddr = (a: SockAddr, b: SockAddr): boolean => a.ip === b.ip && a.port === b.port;

const isLater = (a: CandidateView, b: CandidateView): boolean =>
  (a.answeredAtMs ?? 0) > (b.answeredAtMs ?? 0) ||
  (a.answeredAtMs === b.answeredAtMs && (a.pingedAtMs ?? 0) > (b.pingedAtMs ?? 0));
