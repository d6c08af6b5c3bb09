/** News that no probe brings: the map, our own network, the OS, a peer that started anew. */
import type { SockAddr } from '#shared/ip/address.ts';
import { forgotten, isUsable, keyOf, newCandidate } from './candidate.ts';
import { burst, type Draft, isTrusted, lose, prune, sendPing } from './path-draft.ts';
import { adoptConfirmed } from './path-tick.ts';
import * as path from './path-types.ts';
import type { SocketId } from './types.ts';

export function configure(draft: Draft, endpoints: readonly SockAddr[]): void {
  const listed = new Map<string, SockAddr>();
  for (const addr of endpoints)
    if (listed.size < path.MAX_CANDIDATES && isUsable(addr)) listed.set(keyOf(addr), addr);
  for (const [key, candidate] of draft.candidates)
    draft.candidates.set(key, { ...candidate, inMap: listed.has(key) });
  prune(draft);
  let isNews = false;
  for (const [key, addr] of listed) {
    if (draft.candidates.has(key)) continue;
    draft.candidates.set(key, { ...newCandidate(addr), inMap: true });
    isNews = true;
  }
  // A session that is looking for a path, or might find a better one, tries the new addresses now. Those pinged
  // lately wait their turn.
  if (draft.session.kind === 'active' && (isNews || !isTrusted(draft.best, draft.context.nowMs)))
    burst(draft);
}

/** A new disco key: pings to the old one stay unanswered, and what the peer's NAT knew of us is gone perhaps. */
export function restarted(draft: Draft): void {
  forgetPings(draft);
  for (const [key, candidate] of draft.candidates)
    draft.candidates.set(key, { ...candidate, pingedAtMs: undefined, tries: 0 });
  draft.callAtMs = undefined;
  if (draft.best.kind === 'direct') draft.best = { ...draft.best, check: { kind: 'quiet' } };
  if (draft.session.kind === 'active') burst(draft);
}

/** Addresses or routes of ours changed: with a relay nothing is believed any more (§5.10, §9.5-9). */
export function networkChanged(draft: Draft): void {
  const { nowMs } = draft.context;
  forgetPings(draft);
  for (const [key, candidate] of draft.candidates)
    if (candidate.via === 0) draft.candidates.set(key, forgotten(candidate));
    else draft.candidates.delete(key);
  draft.callAtMs = undefined;
  draft.search = { kind: 'none' };
  const { best } = draft;
  if (best.kind === 'direct') {
    if (best.via !== 0 || draft.context.relay() !== undefined) lose(draft);
    else draft.best = { ...best, trustUntilMs: 0, check: { kind: 'failed', sinceMs: nowMs } };
  }
  if (draft.session.kind !== 'active') return;
  // The likeliest is asked whatever else may be sent now: it was proven, so the bound on unproven ones is not for it.
  if (best.kind === 'direct' && best.via === 0)
    sendPing(draft, { kind: 'udp', addr: best.addr, via: best.via }, { kind: 'discovery' });
  burst(draft);
}

/** Requests stay: the user waits for an answer, and a late pong is still one. */
function forgetPings(draft: Draft): void {
  for (const [txId, ping] of draft.pings) if (ping.purpose.kind !== 'request') draft.pings.delete(txId);
}

/** The OS refuses: another address that answered lately, or the relay, or the same one still. */
export function unreachable(draft: Draft): void {
  const { best } = draft;
  if (best.kind !== 'direct' || best.check.kind === 'failed') return;
  const sinceMs = draft.context.nowMs - path.TRUST_MS;
  draft.best = { ...best, check: { kind: 'failed', sinceMs } };
  adoptConfirmed(draft, sinceMs);
  if (
    draft.best.kind === 'direct' &&
    draft.best.check.kind === 'failed' &&
    draft.context.relay() !== undefined
  )
    lose(draft);
  if (draft.session.kind === 'active') burst(draft);
}

export function socketClosed(draft: Draft, via: SocketId): void {
  for (const [key, candidate] of draft.candidates) if (candidate.via === via) draft.candidates.delete(key);
  if (draft.best.kind === 'direct' && draft.best.via === via) lose(draft);
}
