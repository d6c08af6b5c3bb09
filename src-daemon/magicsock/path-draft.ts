/** What one step of the path machine works on: the candidates, the pings to them, the effects so far. */
import type { SockAddr } from '#shared/ip/address.ts';
import { type Candidate, isUsable, keyOf, newCandidate } from './candidate.ts';
import { wireMtuOf } from './mtu.ts';
import * as path from './path-types.ts';
import type { SocketId } from './types.ts';

/** What one step changes, before it becomes the next state. */
export interface Draft {
  readonly candidates: Map<string, Candidate>;
  readonly pings: Map<path.TxId, path.SentPing>;
  best: path.Best;
  data: path.DataCheck;
  dataAtMs: number | undefined;
  talk: path.Talk;
  session: path.Session;
  search: path.Search;
  lastBurstMs: number | undefined;
  callAtMs: number | undefined;
  afreshAtMs: number | undefined;
  calledAtMs: number | undefined;
  meeting: path.Meeting;
  lostAtMs: number | undefined;
  readonly effects: path.PathEffect[];
  readonly context: path.PathContext;
}

export const isTrusted = (best: path.Best, nowMs: number): boolean =>
  best.kind === 'direct' && nowMs <= best.trustUntilMs && best.check.kind !== 'failed';

/** Somebody wants a path: we send, or the peer has just called. */
export const isWanted = (
  { session, calledAtMs }: Pick<path.PathState, 'session' | 'calledAtMs'>,
  nowMs: number,
): boolean => session.kind === 'active' || (calledAtMs !== undefined && nowMs - calledAtMs < path.CALLED_MS);

/** The peer spoke from there: keeps or makes a candidate, unless the address is of no use or the table is full. */
export function heard(
  draft: Draft,
  source: { readonly from: SockAddr; readonly via: SocketId },
  txId: path.TxId | undefined,
): Candidate | undefined {
  const { from, via } = source;
  if (!isUsable(from)) return undefined;
  const key = keyOf(from, via);
  const known = draft.candidates.get(key);
  if (known === undefined && !makeRoom(draft)) return undefined;
  const base = known ?? newCandidate(from, via);
  const candidate = {
    ...base,
    heardAtMs: draft.context.nowMs,
    heardCount: base.heardCount + 1,
    heardTxId: txId ?? base.heardTxId,
  };
  draft.candidates.set(key, candidate);
  return candidate;
}

/** Pings every candidate whose turn it is, then has the peer called: our NAT is open for it now (§5.5). */
export function burst(draft: Draft): void {
  prune(draft);
  draft.lastBurstMs = draft.context.nowMs;
  const isUrgent = !isTrusted(draft.best, draft.context.nowMs);
  let sent = 0;
  for (const candidate of affordable(draft))
    if (dueAt(candidate, isUrgent) <= draft.context.nowMs && discover(draft, candidate)) sent++;
  // Also when all were pinged just now, for the peer's own call perhaps: it knows where it is, not where we are. And a peer
  // of whom no address is known can still find us.
  if (sent > 0 || isUrgent) call(draft);
}

/** Answering a call: pings only. A call in answer would go back and forth for ever (§9.4-1). */
export function answerCall(draft: Draft): void {
  prune(draft);
  const { nowMs } = draft.context;
  draft.lastBurstMs = nowMs;
  for (const candidate of affordable(draft)) {
    const { pingedAtMs } = candidate;
    if (pingedAtMs === undefined || nowMs - pingedAtMs >= path.CALLED_AGAIN_MS) discover(draft, candidate);
  }
}

/**
 * Early repetitions one by one; a later one is a burst, so that the peer is called again with it. One who has only called
 * gets the early ones.
 */
export function retry(draft: Draft): void {
  const { nowMs } = draft.context;
  for (const candidate of affordable(draft)) {
    if (candidate.tries === 0 || dueAt(candidate, true) > nowMs) continue;
    if (isEarly(candidate)) discover(draft, candidate);
    else if (draft.session.kind === 'active') {
      burst(draft);
      return;
    }
  }
}

/**
 * Whether the address may be pinged once more. The source of a ping can be forged, so one that only pings show must not get
 * more from us than was spent on it: of each ping's 124 bytes the pong takes 110, so one of ours in nine of theirs, beyond
 * the two that an honest peer needs.
 */
export const isOverdrawn = (candidate: Candidate, nowMs: number): boolean => {
  const { inMap, inCall, via, answeredAtMs, tries, heardCount } = candidate;
  const isAnswering = answeredAtMs !== undefined && nowMs - answeredAtMs <= path.HEARD_MS;
  return !(inMap || inCall || via !== 0 || isAnswering) && tries >= 2 + Math.floor(heardCount / 9);
};

const affordable = ({ candidates, context }: Draft): Candidate[] =>
  [...candidates.values()].filter((candidate) => !isOverdrawn(candidate, context.nowMs));

const isEarly = ({ tries }: Candidate): boolean => tries <= path.RETRY_MS.length;

/** Asked without an answer: asked again as soon as its turn comes, not only with the next beat. */
export const isRetrying = (candidate: Candidate, session: path.Session, nowMs: number): boolean =>
  candidate.tries > 0 && (session.kind === 'active' || isEarly(candidate)) && !isOverdrawn(candidate, nowMs);

/**
 * At most so often, and only where a relay can carry it. `afresh` when a path has just died: then what our NAT shows of us
 * may be another address since, however lately it was asked.
 */
export function call(draft: Draft, afresh = false): void {
  const { nowMs } = draft.context;
  // The first miss has called already with what was known; that must not keep the NAT from being asked.
  const lastMs = afresh ? draft.afreshAtMs : draft.callAtMs;
  if (lastMs !== undefined && nowMs - lastMs < path.CALL_MS) return;
  if (draft.context.relay() === undefined) return;
  draft.callAtMs = nowMs;
  const isAfresh = afresh || isStale(draft);
  if (isAfresh) draft.afreshAtMs = nowMs;
  draft.effects.push({ do: 'call', afresh: isAfresh });
}

/** A NAT that forgot us once may do so again before anything came of it; nobody else would notice for half a minute. */
function isStale({ lostAtMs, afreshAtMs, context }: Draft): boolean {
  const { nowMs } = context;
  if (lostAtMs === undefined || nowMs - lostAtMs > path.AFRESH_FOR_MS) return false;
  return nowMs - (afreshAtMs ?? lostAtMs) >= path.AFRESH_MS;
}

export function dueAt(candidate: Candidate, isUrgent: boolean): number {
  if (candidate.pingedAtMs === undefined) return Number.NEGATIVE_INFINITY;
  const early = isUrgent ? path.RETRY_MS[candidate.tries - 1] : undefined;
  return candidate.pingedAtMs + (early ?? path.DISCOVERY_MS);
}

/**
 * Within what may be sent to unproven addresses. One held back counts as sent and lost: it is asked as soon as any other
 * would be asked again.
 */
export function discover(draft: Draft, { addr, via }: Candidate): boolean {
  const key = keyOf(addr, via);
  if (!draft.context.mayPing(addr)) {
    const candidate = draft.candidates.get(key);
    if (candidate === undefined) return false;
    // What was only heard of has no more tries than its pings paid for.
    const tries = candidate.inMap || candidate.inCall ? candidate.tries + 1 : candidate.tries;
    draft.candidates.set(key, { ...candidate, pingedAtMs: draft.context.nowMs, tries });
    return false;
  }
  if (draft.search.kind === 'on') draft.search = { ...draft.search, probes: draft.search.probes + 1 };
  sendPing(draft, { kind: 'udp', addr, via }, { kind: 'discovery' });
  for (const size of draft.context.probeSizes(addr))
    if (draft.context.mayPing(addr)) record(draft, { kind: 'udp', addr, via }, { kind: 'discovery' }, size);
  return true;
}

export function sendPing(draft: Draft, to: path.Target, purpose: path.PingPurpose): void {
  record(draft, to, purpose, purpose.kind === 'request' ? purpose.size : 0);
  if (to.kind === 'relay') return;
  const { nowMs } = draft.context;
  const key = keyOf(to.addr, to.via);
  const candidate = draft.candidates.get(key);
  if (candidate !== undefined && (purpose.kind === 'discovery' || purpose.kind === 'heartbeat')) {
    const tries = purpose.kind === 'discovery' ? candidate.tries + 1 : candidate.tries;
    draft.candidates.set(key, { ...candidate, pingedAtMs: nowMs, tries });
  }
  const { best } = draft;
  if (best.kind === 'direct' && isAt(best, to) && best.check.kind === 'quiet') {
    const dueMs = nowMs + patienceMs(best.latencyMs);
    draft.best = { ...best, check: { kind: 'waiting', sinceMs: nowMs, dueMs } };
  }
}

function record(draft: Draft, to: path.Target, purpose: path.PingPurpose, size: number): void {
  if (draft.pings.size >= path.MAX_PINGS) return;
  const txId = draft.context.newTxId();
  const wireMtu = to.kind === 'relay' ? 0 : wireMtuOf(size, to.addr.ip);
  draft.pings.set(txId, { to, atMs: draft.context.nowMs, purpose, wireMtu });
  draft.effects.push({ do: 'ping', to, txId, size });
}

/** Four round trips, at least 250 ms and at most 1 s, but never less than two round trips. */
export const patienceMs = (latencyMs: number): number =>
  Math.max(250, Math.min(4 * latencyMs, Math.max(1_000, 2 * latencyMs)));

/** Drops candidates that nothing vouches for any more. Losing the best address this way leaves no path. */
export function prune(draft: Draft): void {
  const { nowMs } = draft.context;
  for (const [key, candidate] of draft.candidates) {
    const lastMs = Math.max(candidate.heardAtMs ?? 0, candidate.answeredAtMs ?? 0);
    if (candidate.inMap || candidate.inCall || (lastMs > 0 && nowMs - lastMs <= path.HEARD_MS)) continue;
    const isBest = draft.best.kind === 'direct' && isAt(draft.best, candidate);
    // The map may be late or short; an answer within the trust time is better evidence.
    if (isBest && isTrusted(draft.best, nowMs)) continue;
    draft.candidates.delete(key);
    if (isBest) lose(draft);
  }
}

/** No direct path any more. */
export function lose(draft: Draft): void {
  if (draft.best.kind === 'none') return;
  draft.best = { kind: 'none' };
  draft.data = { kind: 'fine' };
  draft.lostAtMs = draft.context.nowMs;
}

/** Whether one more candidate fits, after dropping the one heard longest ago if it must. */
export function makeRoom(draft: Draft): boolean {
  if (draft.candidates.size < path.MAX_CANDIDATES) return true;
  prune(draft);
  if (draft.candidates.size < path.MAX_CANDIDATES) return true;
  let oldest: Candidate | undefined;
  for (const candidate of draft.candidates.values()) {
    if (candidate.inMap || (draft.best.kind === 'direct' && isAt(draft.best, candidate))) continue;
    if (oldest === undefined || (candidate.heardAtMs ?? 0) < (oldest.heardAtMs ?? 0)) oldest = candidate;
  }
  return oldest !== undefined && draft.candidates.delete(keyOf(oldest.addr, oldest.via));
}

interface Place {
  readonly addr: SockAddr;
  readonly via: SocketId;
}

export const isAt = (a: Place, b: Place): boolean => a.via === b.via && isSame(a.addr, b.addr);

export const isSame = (a: SockAddr | undefined, b: SockAddr | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && a.ip === b.ip && a.port === b.port);
