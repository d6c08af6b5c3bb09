/**
 * The path machine of one peer: which of its addresses its packets go to (nat-traversal.md §5). Pure: events in, effects
 * out; the caller owns socket and timer.
 *
 *   best     none ── pong ──► direct, trusted ── 6.5 s without a pong, or twice no answer in time ──► direct, doubted
 *                                 ▲────────────── any pong ───────────────────────────────────────────────┘
 *   session  idle ── a packet goes out ──► active (a beat each 3 s) ── 45 s without a packet ──► idle
 *
 * There is no relay yet. Where one comes in: a doubted best address then also gets a copy by relay, a peer without best
 * address gets relay only, a timed-out ping to a doubted best clears it, and a burst sends call-me-maybe. Until then a
 * doubted address stays in use, because the alternative is to drop.
 *
 * The first packet: while no path is known the engine holds the handshake back and nothing is sent to unproven
 * addresses. Spraying handshakes would save nothing: the answer needs a path too, and a ping and its pong take one round
 * trip, under a millisecond on a LAN, and open both directions. Official peers without a relay drop the handshake message
 * for which they have no path yet and repeat it after 5 s; so when a peer that was looking for us and we have found each
 * other, the tunnel is told ('met') and tries at once: 0.1 s instead of 5 s to the first answer.
 */
import { formatSockAddr, type SockAddr } from '#shared/ip/address.ts';
import { type Candidate, forgotten, isUsable, newCandidate } from './candidate.ts';
import {
  burst,
  type Draft,
  dueAt,
  heard,
  isRetrying,
  isSame,
  isTrusted,
  patienceMs,
  prune,
  retry,
  sendPing,
} from './path-draft.ts';
import * as path from './path-types.ts';
import { isBetter } from './quality.ts';

/** What the peer's own work on a handshake may take. */
const MEETING_DELAY_MS = 50;

type Direct = Extract<path.Best, { kind: 'direct' }>;

export const initialPath = (): path.PathState => ({
  candidates: new Map(),
  pings: new Map(),
  best: { kind: 'none' },
  session: { kind: 'idle' },
  lastBurstMs: undefined,
  meeting: { kind: 'never' },
});

export function step(
  state: path.PathState,
  event: path.PathEvent,
  context: path.PathContext,
): readonly [path.PathState, readonly path.PathEffect[]] {
  const draft: Draft = {
    ...state,
    candidates: new Map(state.candidates),
    pings: new Map(state.pings),
    effects: [],
    context,
  };
  apply(draft, event);
  const { effects, context: _, ...next } = draft;
  const before = state.best.kind === 'none' ? undefined : state.best.addr;
  const after = next.best.kind === 'none' ? undefined : next.best.addr;
  if (!isSame(before, after)) {
    const latencyMs = next.best.kind === 'none' ? undefined : next.best.latencyMs;
    // First, so that what waits for the path leaves before our next ping.
    effects.unshift({ do: 'path', direct: after, latencyMs });
  }
  return [next, effects];
}

/** When `tick` is due; undefined for an idle peer without open questions. */
export function wakeAt(state: path.PathState, nowMs: number): number | undefined {
  let at = Number.POSITIVE_INFINITY;
  for (const ping of state.pings.values()) at = Math.min(at, ping.atMs + path.PING_TIMEOUT_MS);
  if (state.best.kind === 'direct' && state.best.check.kind === 'waiting')
    at = Math.min(at, state.best.check.dueMs);
  if (state.meeting.kind === 'soon') at = Math.min(at, state.meeting.dueMs);
  if (state.session.kind === 'active') {
    at = Math.min(at, state.session.beatAtMs);
    if (!isTrusted(state.best, nowMs))
      for (const candidate of state.candidates.values())
        if (isRetrying(candidate)) at = Math.min(at, dueAt(candidate, true));
  }
  return Number.isFinite(at) ? at : undefined;
}

function apply(draft: Draft, event: path.PathEvent): void {
  switch (event.type) {
    case 'configure':
      configure(draft, event.endpoints);
      break;
    case 'send':
      noteSend(draft);
      break;
    case 'ping-in':
      pingIn(draft, event.from, event.txId);
      break;
    case 'data-in':
      dataIn(draft, event.from);
      break;
    case 'pong-in':
      pongIn(draft, event.txId);
      break;
    case 'tick':
      tick(draft, event.lastSendMs);
      break;
    case 'network-changed':
      networkChanged(draft);
      break;
    case 'unreachable':
      unreachable(draft);
      break;
    case 'request':
      request(draft, event.ticket, event.size);
      break;
    default:
      event satisfies never;
  }
}

function configure(draft: Draft, endpoints: readonly SockAddr[]): void {
  const listed = new Map<string, SockAddr>();
  for (const addr of endpoints)
    if (listed.size < path.MAX_CANDIDATES && isUsable(addr)) listed.set(formatSockAddr(addr), addr);
  for (const [key, candidate] of draft.candidates)
    draft.candidates.set(key, { ...candidate, inMap: listed.has(key) });
  prune(draft);
  let isNews = false;
  for (const [key, addr] of listed) {
    if (draft.candidates.has(key)) continue;
    draft.candidates.set(key, newCandidate(addr, true));
    isNews = true;
  }
  // A session that is looking for a path, or might find a better one, tries the new addresses now. Those pinged
  // lately wait their turn.
  if (draft.session.kind === 'active' && (isNews || !isTrusted(draft.best, draft.context.nowMs)))
    burst(draft);
}

/** Any packet out keeps the session alive; without a trusted path it starts the search. */
function noteSend(draft: Draft): void {
  touchSession(draft);
  if (!isTrusted(draft.best, draft.context.nowMs)) burst(draft);
}

function touchSession(draft: Draft): void {
  const { nowMs } = draft.context;
  if (draft.session.kind === 'active') {
    draft.session = { ...draft.session, lastSendMs: nowMs };
    return;
  }
  draft.session = { kind: 'active', lastSendMs: nowMs, beatAtMs: nowMs + path.HEARTBEAT_MS };
  // A new search has its early retries again.
  for (const [key, candidate] of draft.candidates)
    if (dueAt(candidate, false) <= nowMs) draft.candidates.set(key, { ...candidate, tries: 0 });
}

function pingIn(draft: Draft, from: SockAddr, txId: path.TxId): void {
  if (draft.candidates.get(formatSockAddr(from))?.heardTxId === txId) return;
  const wasSilent = isSilent(draft);
  const candidate = heard(draft, from, txId);
  if (candidate === undefined) return;
  if (wasSilent && isConfirmed(candidate, draft.context.nowMs)) meet(draft, candidate.latencyMs ?? 0);
  draft.effects.push({ do: 'pong', to: from, txId });
  triggeredCheck(draft, candidate);
}

function dataIn(draft: Draft, from: SockAddr): void {
  const candidate = heard(draft, from, undefined);
  if (candidate !== undefined) triggeredCheck(draft, candidate);
}

/**
 * nat-traversal.md §11.1: the peer's ping shows that one direction works; ours back shows the other at once instead of at
 * the next burst. It ends by itself, since each pong confirms. When the peer speaks from elsewhere than its best address,
 * that one is asked as well: a peer that moved is followed in about half a second.
 */
function triggeredCheck(draft: Draft, candidate: Candidate): void {
  const { nowMs } = draft.context;
  const isRecent = candidate.pingedAtMs !== undefined && nowMs - candidate.pingedAtMs < path.TRIGGERED_MS;
  if (isConfirmed(candidate, nowMs) || isRecent) return;
  sendPing(draft, candidate.addr, { kind: 'discovery' });
  if (
    draft.best.kind === 'direct' &&
    !isSame(draft.best.addr, candidate.addr) &&
    !justAnswered(draft, draft.best)
  )
    sendPing(draft, draft.best.addr, { kind: 'heartbeat' });
}

const isConfirmed = ({ answeredAtMs }: Candidate, nowMs: number): boolean =>
  answeredAtMs !== undefined && nowMs - answeredAtMs < path.TRUST_MS;

function isSilent(draft: Draft): boolean {
  for (const { heardAtMs } of draft.candidates.values())
    if (heardAtMs !== undefined && draft.context.nowMs - heardAtMs < path.SILENT_MS) return false;
  return true;
}

/** Two round trips are enough for a handshake that nobody dropped. */
function meet(draft: Draft, latencyMs: number): void {
  const { nowMs } = draft.context;
  if (draft.meeting.kind === 'soon') return;
  if (draft.meeting.kind === 'past' && nowMs - draft.meeting.atMs < path.MEETING_MS) return;
  draft.meeting = { kind: 'soon', dueMs: nowMs + MEETING_DELAY_MS + 2 * latencyMs };
}

const justAnswered = (draft: Draft, best: Direct): boolean =>
  best.check.kind !== 'quiet' || best.trustUntilMs - path.TRUST_MS + path.TRIGGERED_MS > draft.context.nowMs;

function pongIn(draft: Draft, txId: path.TxId): void {
  const { nowMs } = draft.context;
  const ping = draft.pings.get(txId);
  if (ping === undefined) return;
  draft.pings.delete(txId);
  const latencyMs = Math.max(0, nowMs - ping.atMs);
  // The tick that forgets it may be late, after suspend above all.
  if (latencyMs > path.PING_TIMEOUT_MS) return;
  const { purpose, to } = ping;
  if (purpose.kind === 'request')
    draft.effects.push({ do: 'answer', ticket: purpose.ticket, from: to, latencyMs });
  const key = formatSockAddr(to);
  const candidate = draft.candidates.get(key);
  if (candidate === undefined) return;
  const wasHeard = candidate.heardAtMs !== undefined && nowMs - candidate.heardAtMs < path.SILENT_MS;
  if (wasHeard && !isConfirmed(candidate, nowMs)) meet(draft, latencyMs);
  draft.candidates.set(key, { ...candidate, answeredAtMs: nowMs, latencyMs, tries: 0 });
  const { best } = draft;
  const isBest = best.kind === 'direct' && isSame(best.addr, to);
  if (isBest || best.kind === 'none' || !isTrusted(best, nowMs) || isBetter({ addr: to, latencyMs }, best))
    draft.best = {
      kind: 'direct',
      addr: to,
      latencyMs,
      trustUntilMs: nowMs + path.TRUST_MS,
      check: { kind: 'quiet' },
    };
}

function tick(draft: Draft, lastSendMs: number): void {
  const { nowMs } = draft.context;
  for (const [txId, ping] of draft.pings)
    if (nowMs >= ping.atMs + path.PING_TIMEOUT_MS) draft.pings.delete(txId);
  judgeBest(draft);
  if (draft.meeting.kind === 'soon' && nowMs >= draft.meeting.dueMs) {
    draft.meeting = { kind: 'past', atMs: nowMs };
    draft.effects.push({ do: 'met' });
  }
  if (draft.session.kind !== 'active') return;
  if (nowMs >= draft.session.beatAtMs)
    beat(draft, Math.max(Math.min(lastSendMs, nowMs), draft.session.lastSendMs));
  else if (!isTrusted(draft.best, nowMs)) retry(draft);
}

/** The best address owes an answer: first ask again and look around, then stop believing in it. */
function judgeBest(draft: Draft): void {
  const { nowMs } = draft.context;
  const { best } = draft;
  if (best.kind !== 'direct' || best.check.kind !== 'waiting' || nowMs < best.check.dueMs) return;
  const { sinceMs, misses } = best.check;
  if (misses === 1) {
    draft.best = { ...best, check: { kind: 'failed', sinceMs } };
    adoptConfirmed(draft, sinceMs);
    return;
  }
  draft.best = {
    ...best,
    check: { kind: 'waiting', sinceMs, dueMs: nowMs + patienceMs(best.latencyMs), misses: 1 },
  };
  sendPing(draft, best.addr, { kind: 'heartbeat' });
  if (draft.session.kind === 'active') burst(draft);
}

/** After the best address failed: the best of those that answered since the question went out, if any did. */
function adoptConfirmed(draft: Draft, sinceMs: number): void {
  let found: Direct | undefined;
  for (const { addr, answeredAtMs, latencyMs } of draft.candidates.values()) {
    if (answeredAtMs === undefined || latencyMs === undefined || answeredAtMs < sinceMs) continue;
    if (draft.best.kind === 'direct' && isSame(addr, draft.best.addr)) continue;
    if (found !== undefined && !isBetter({ addr, latencyMs }, found)) continue;
    const trustUntilMs = answeredAtMs + path.TRUST_MS;
    found = { kind: 'direct', addr, latencyMs, trustUntilMs, check: { kind: 'quiet' } };
  }
  if (found === undefined) return;
  draft.best = found;
  // The old one may have lost two datagrams by chance: the next beat compares all again.
  draft.lastBurstMs = undefined;
}

function beat(draft: Draft, lastSendMs: number): void {
  const { nowMs } = draft.context;
  if (nowMs - lastSendMs > path.SESSION_MS) {
    draft.session = { kind: 'idle' };
    return;
  }
  draft.session = { kind: 'active', lastSendMs, beatAtMs: nowMs + path.HEARTBEAT_MS };
  if (draft.best.kind === 'direct') sendPing(draft, draft.best.addr, { kind: 'heartbeat' });
  if (wantsBurst(draft)) burst(draft);
}

function wantsBurst(draft: Draft): boolean {
  const { nowMs } = draft.context;
  const { best, lastBurstMs } = draft;
  if (best.kind === 'none' || lastBurstMs === undefined || !isTrusted(best, nowMs)) return true;
  return best.latencyMs > path.GOOD_ENOUGH_MS && nowMs - lastBurstMs >= path.UPGRADE_MS;
}

function networkChanged(draft: Draft): void {
  const { nowMs } = draft.context;
  // Requests stay: the user waits for an answer, and a late pong is still one.
  for (const [txId, ping] of draft.pings) if (ping.purpose.kind !== 'request') draft.pings.delete(txId);
  for (const [key, candidate] of draft.candidates) draft.candidates.set(key, forgotten(candidate));
  if (draft.best.kind === 'direct')
    draft.best = { ...draft.best, trustUntilMs: 0, check: { kind: 'failed', sinceMs: nowMs } };
  if (draft.session.kind === 'active') burst(draft);
}

function unreachable(draft: Draft): void {
  if (draft.best.kind !== 'direct' || draft.best.check.kind === 'failed') return;
  const sinceMs = draft.context.nowMs - path.TRUST_MS;
  draft.best = { ...draft.best, check: { kind: 'failed', sinceMs } };
  adoptConfirmed(draft, sinceMs);
  if (draft.session.kind === 'active') burst(draft);
}

/** A user's ping asks the trusted address alone, so that the answer names the path that packets take. */
function request(draft: Draft, ticket: number, size: number): void {
  const purpose = { kind: 'request', ticket, size } as const;
  touchSession(draft);
  if (draft.best.kind === 'direct' && isTrusted(draft.best, draft.context.nowMs)) {
    sendPing(draft, draft.best.addr, purpose);
    return;
  }
  if (draft.candidates.size === 0) draft.effects.push({ do: 'no-candidates', ticket });
  for (const candidate of draft.candidates.values()) sendPing(draft, candidate.addr, purpose);
}
