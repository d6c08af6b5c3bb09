/** What one step of the path machine works on: the candidates, the pings to them, the effects so far. */
import { formatSockAddr, type SockAddr } from '#shared/ip/address.ts';
import { type Candidate, isUsable, newCandidate } from './candidate.ts';
import * as path from './path-types.ts';

/** What one step changes, before it becomes the next state. */
export interface Draft {
  readonly candidates: Map<string, Candidate>;
  readonly pings: Map<path.TxId, path.SentPing>;
  best: path.Best;
  session: path.Session;
  lastBurstMs: number | undefined;
  meeting: path.Meeting;
  readonly effects: path.PathEffect[];
  readonly context: path.PathContext;
}

export const isTrusted = (best: path.Best, nowMs: number): boolean =>
  best.kind === 'direct' && nowMs <= best.trustUntilMs && best.check.kind !== 'failed';

/** The peer spoke from there: keeps or makes a candidate, unless the address is of no use or the table is full. */
export function heard(draft: Draft, from: SockAddr, txId: path.TxId | undefined): Candidate | undefined {
  if (!isUsable(from)) return undefined;
  const key = formatSockAddr(from);
  const known = draft.candidates.get(key);
  if (known === undefined && !makeRoom(draft)) return undefined;
  const base = known ?? newCandidate(from, false);
  const candidate = { ...base, heardAtMs: draft.context.nowMs, heardTxId: txId ?? base.heardTxId };
  draft.candidates.set(key, candidate);
  return candidate;
}

/** Pings every candidate whose turn it is. */
export function burst(draft: Draft): void {
  prune(draft);
  draft.lastBurstMs = draft.context.nowMs;
  const isUrgent = !isTrusted(draft.best, draft.context.nowMs);
  for (const candidate of [...draft.candidates.values()])
    if (dueAt(candidate, isUrgent) <= draft.context.nowMs)
      sendPing(draft, candidate.addr, { kind: 'discovery' });
}

export function retry(draft: Draft): void {
  for (const candidate of [...draft.candidates.values()])
    if (isRetrying(candidate) && dueAt(candidate, true) <= draft.context.nowMs)
      sendPing(draft, candidate.addr, { kind: 'discovery' });
}

/** Asked without an answer: asked again as soon as its turn comes, not only with the next beat. */
export const isRetrying = ({ tries }: Candidate): boolean => tries > 0;

export function dueAt(candidate: Candidate, isUrgent: boolean): number {
  if (candidate.pingedAtMs === undefined) return Number.NEGATIVE_INFINITY;
  const early = isUrgent ? path.RETRY_MS[candidate.tries - 1] : undefined;
  return candidate.pingedAtMs + (early ?? path.DISCOVERY_MS);
}

export function sendPing(draft: Draft, to: SockAddr, purpose: path.PingPurpose): void {
  if (draft.pings.size >= path.MAX_PINGS) return;
  const { nowMs } = draft.context;
  const txId = draft.context.newTxId();
  draft.pings.set(txId, { to, atMs: nowMs, purpose });
  draft.effects.push({ do: 'ping', to, txId, size: purpose.kind === 'request' ? purpose.size : 0 });
  const key = formatSockAddr(to);
  const candidate = draft.candidates.get(key);
  if (candidate !== undefined && purpose.kind !== 'request') {
    const tries = purpose.kind === 'discovery' ? candidate.tries + 1 : candidate.tries;
    draft.candidates.set(key, { ...candidate, pingedAtMs: nowMs, tries });
  }
  const { best } = draft;
  if (best.kind === 'direct' && isSame(best.addr, to) && best.check.kind === 'quiet') {
    const dueMs = nowMs + patienceMs(best.latencyMs);
    draft.best = { ...best, check: { kind: 'waiting', sinceMs: nowMs, dueMs, misses: 0 } };
  }
}

/** Four round trips, at least 250 ms and at most 1 s, but never less than two round trips. */
export const patienceMs = (latencyMs: number): number =>
  Math.max(250, Math.min(4 * latencyMs, Math.max(1_000, 2 * latencyMs)));

/** Drops candidates that nothing vouches for any more. Losing the best address this way leaves no path. */
export function prune(draft: Draft): void {
  const { nowMs } = draft.context;
  for (const [key, { addr, inMap, heardAtMs }] of draft.candidates) {
    if (inMap || (heardAtMs !== undefined && nowMs - heardAtMs <= path.HEARD_MS)) continue;
    const isBest = draft.best.kind === 'direct' && isSame(draft.best.addr, addr);
    // The map may be late or short; an answer within the trust time is better evidence.
    if (isBest && isTrusted(draft.best, nowMs)) continue;
    draft.candidates.delete(key);
    if (isBest) draft.best = { kind: 'none' };
  }
}

/** Whether one more candidate fits, after dropping the one heard longest ago if it must. */
function makeRoom(draft: Draft): boolean {
  if (draft.candidates.size < path.MAX_CANDIDATES) return true;
  prune(draft);
  if (draft.candidates.size < path.MAX_CANDIDATES) return true;
  let oldest: Candidate | undefined;
  for (const candidate of draft.candidates.values()) {
    if (candidate.inMap || (draft.best.kind === 'direct' && isSame(draft.best.addr, candidate.addr)))
      continue;
    if (oldest === undefined || (candidate.heardAtMs ?? 0) < (oldest.heardAtMs ?? 0)) oldest = candidate;
  }
  return oldest !== undefined && draft.candidates.delete(formatSockAddr(oldest.addr));
}

export const isSame = (a: SockAddr | undefined, b: SockAddr | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && a.ip === b.ip && a.port === b.port);
