/** What arrives from a peer and what it proves: pings, pongs, data, call-me-maybe (nat-traversal.md §4.3, §5.6, §11.1). */
import type { SockAddr } from '#shared/ip/address.ts';
import { type Candidate, isUsable, keyOf, newCandidate } from './candidate.ts';
import {
  answerCall,
  type Draft,
  discover,
  heard,
  isAt,
  isOverdrawn,
  isSame,
  isTrusted,
  makeRoom,
  prune,
  sendPing,
} from './path-draft.ts';
import * as path from './path-types.ts';
import { isBetter } from './quality.ts';

/** What the peer's own work on a handshake may take. */
const MEETING_DELAY_MS = 50;
/** A handshake that is older than this was sent before the relay was there. */
const RELAY_MADE_MS = 300;

type Event<T extends path.PathEvent['type']> = Extract<path.PathEvent, { readonly type: T }>;

export function pingIn(draft: Draft, event: Event<'ping-in'>): void {
  const { from, via, txId, isSender } = event;
  if (draft.candidates.get(keyOf(from, via))?.heardTxId === txId) return;
  const wasSilent = isSilent(draft);
  const beforeMs = draft.candidates.get(keyOf(from, via))?.heardAtMs;
  const candidate = heard(draft, event, txId);
  if (candidate === undefined) return;
  if (wasSilent && isConfirmed(candidate, draft.context.nowMs)) meet(draft, candidate.latencyMs ?? 0);
  draft.effects.push({ do: 'pong', to: { kind: 'udp', addr: from, via }, txId });
  if (isSender) triggeredCheck(draft, candidate, beforeMs);
}

export function dataIn(draft: Draft, event: Event<'data-in'>): void {
  const beforeMs = draft.candidates.get(keyOf(event.from, event.via))?.heardAtMs;
  const candidate = heard(draft, event, undefined);
  draft.dataAtMs = draft.context.nowMs;
  if (candidate === undefined) return;
  if (!followed(draft, candidate)) triggeredCheck(draft, candidate, beforeMs);
}

/** Behind a hard NAT several sockets may lead to the same address: we use the one that the peer uses. */
function followed(draft: Draft, candidate: Candidate): boolean {
  const { best, context } = draft;
  const { addr, via, latencyMs } = candidate;
  if (best.kind !== 'direct' || best.via === via || !isSame(best.addr, addr)) return false;
  if (!isConfirmed(candidate, context.nowMs) || latencyMs === undefined) return false;
  const { sinceMs, trustUntilMs, check } = best;
  draft.best = direct({ ...candidate, latencyMs }, { sinceMs, trustUntilMs, check });
  return true;
}

/**
 * nat-traversal.md §11.1: the peer's ping shows that one direction works; ours back shows the other at once instead of at
 * the next burst. It ends by itself, since each pong confirms. When the peer speaks from elsewhere than its best address,
 * that one is asked as well: a peer that moved is followed in about half a second.
 */
function triggeredCheck(draft: Draft, candidate: Candidate, heardBeforeMs: number | undefined): void {
  const { nowMs } = draft.context;
  const isRecent = (atMs: number | undefined): boolean =>
    atMs !== undefined && nowMs - atMs < path.TRIGGERED_MS;
  // A ping of ours from before the peer's NAT was open is lost: the first word from there is always asked back.
  const isAsked = isRecent(candidate.pingedAtMs) && isRecent(heardBeforeMs);
  if (isConfirmed(candidate, nowMs) || isAsked || isOverdrawn(candidate, nowMs)) return;
  discover(draft, candidate);
  const { best } = draft;
  if (best.kind !== 'direct' || isAt(best, candidate) || justAnswered(draft, best)) return;
  sendPing(draft, { kind: 'udp', addr: best.addr, via: best.via }, { kind: 'heartbeat' });
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

/** A relay that has just come up: what was sent into the one that was being made may be lost, a handshake above all. */
export function meetByRelay(draft: Draft): void {
  const { nowMs, relay } = draft.context;
  if (relay() === undefined || draft.search.kind !== 'on' || draft.meeting.kind === 'soon') return;
  if (nowMs - draft.search.sinceMs < RELAY_MADE_MS) return;
  if (draft.meeting.kind === 'past' && nowMs - draft.meeting.atMs < RELAY_MADE_MS) return;
  draft.meeting = { kind: 'past', atMs: nowMs };
  draft.effects.push({ do: 'met' });
}

const justAnswered = (draft: Draft, best: path.Direct): boolean =>
  best.check.kind !== 'quiet' || best.trustUntilMs - path.TRUST_MS + path.TRIGGERED_MS > draft.context.nowMs;

export function pongIn(draft: Draft, { txId, seenAs }: Event<'pong-in'>): void {
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
  if (to.kind === 'relay') return;
  const known = draft.candidates.get(keyOf(to.addr, to.via)) ?? guessed(draft, ping);
  if (known === undefined) return;
  const wasHeard = known.heardAtMs !== undefined && nowMs - known.heardAtMs < path.SILENT_MS;
  if (wasHeard && !isConfirmed(known, nowMs)) meet(draft, latencyMs);
  const wireMtu = Math.max(known.wireMtu, ping.wireMtu);
  const answered: Candidate = {
    ...known,
    answeredAtMs: nowMs,
    latencyMs,
    wireMtu,
    seenAs: seenAs ?? known.seenAs,
    tries: 0,
    heardCount: 0,
  };
  draft.candidates.set(keyOf(to.addr, to.via), answered);
  promote(draft, { ...answered, latencyMs });
}

/** A port that we guessed answers: an address like any other from now on. */
function guessed(draft: Draft, { to, purpose }: path.SentPing): Candidate | undefined {
  if (purpose.kind !== 'guess' || to.kind !== 'udp' || !makeRoom(draft)) return undefined;
  return { ...newCandidate(to.addr, to.via), heardAtMs: draft.context.nowMs };
}

function promote(draft: Draft, pinged: Candidate & { readonly latencyMs: number }): void {
  const { nowMs } = draft.context;
  const { best } = draft;
  const isBest = best.kind === 'direct' && isAt(best, pinged);
  const isSecured = !isBest && best.kind === 'direct' && isTrusted(best, nowMs);
  if (isSecured && (isSame(best.addr, pinged.addr) || !isBetter(pinged, best))) return;
  if (!isBest) draft.data = { kind: 'fine' };
  draft.best = direct(pinged, {
    sinceMs: isBest ? best.sinceMs : nowMs,
    trustUntilMs: nowMs + path.TRUST_MS,
    check: { kind: 'quiet' },
  });
}

export const direct = (
  { addr, via, latencyMs, wireMtu }: Candidate & { readonly latencyMs: number },
  more: Pick<path.Direct, 'sinceMs' | 'trustUntilMs' | 'check'>,
): path.Direct => ({ kind: 'direct', addr, via, latencyMs, wireMtu, ...more });

/**
 * The peer has pinged us and says where it can be reached: its NAT is open for us now (§4.4). The list replaces that of
 * its earlier call, and all it has is tried at once.
 */
export function called(draft: Draft, endpoints: readonly SockAddr[]): void {
  const listed = new Set(
    endpoints
      .filter(isUsable)
      .slice(0, path.MAX_CALLED)
      .map((addr) => keyOf(addr)),
  );
  draft.calledAtMs = draft.context.nowMs;
  for (const [key, candidate] of draft.candidates) {
    // Early retries once, not with each call of a search that leads nowhere.
    const { pingedAtMs } = candidate;
    const isStale = pingedAtMs === undefined || draft.context.nowMs - pingedAtMs > 2 * path.DISCOVERY_MS;
    const tries = isStale ? 0 : candidate.tries;
    draft.candidates.set(key, { ...candidate, inCall: listed.has(key), tries });
  }
  prune(draft);
  for (const addr of endpoints) {
    const key = keyOf(addr);
    if (!listed.delete(key) || draft.candidates.has(key) || !makeRoom(draft)) continue;
    draft.candidates.set(key, { ...newCandidate(addr), inCall: true });
  }
  answerCall(draft);
}
