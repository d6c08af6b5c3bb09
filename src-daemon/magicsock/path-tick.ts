/** What time brings: heartbeats, missed answers, silence of the peer, the end of a session (nat-traversal.md §5.8, §11.3). */
import { keyOf } from './candidate.ts';
import {
  burst,
  call,
  type Draft,
  dueAt,
  isAt,
  isOverdrawn,
  isTrusted,
  isWanted,
  lose,
  patienceMs,
  prune,
  retry,
  sendPing,
} from './path-draft.ts';
import { direct } from './path-in.ts';
import * as path from './path-types.ts';
import { isBetter } from './quality.ts';
import type { Activity } from './types.ts';

/** Traffic this recent counts as going on. */
const FLOWING_MS = 1_000;
/** A path over which no data ever came is suspected sooner … */
const UNUSED_SILENT_MS = 3_000;
/** … than one that carried some: a peer with nothing to say sends its keepalive after 10 s (WireGuard paper §6.5). */
const USED_SILENT_MS = 12_000;
/** In the middle of a conversation silence means something much sooner. A keepalive each 10 s is no conversation. */
const TALK_SILENT_MS = 3_000;
const TALK_TIMES = 2;
const TALK_STEP_MS = 400;
const TALK_PAUSE_MS = 4_000;
/** If the relay brings data for this long and no address of the peer does, there is no path for data. */
const BLOCKED_AFTER_MS = 12_000;
const BLOCKED_PAUSE_MS = 30_000;
const MAX_BLOCKED_PAUSE_MS = 600_000;

/** Any packet out keeps the session alive; without a trusted path it starts the search. */
export function noteSend(draft: Draft): void {
  touchSession(draft);
  if (!isTrusted(draft.best, draft.context.nowMs)) burst(draft);
}

export function touchSession(draft: Draft): void {
  const { nowMs } = draft.context;
  if (draft.session.kind === 'active') {
    draft.session = { ...draft.session, lastSendMs: nowMs };
    return;
  }
  draft.session = {
    kind: 'active',
    lastSendMs: nowMs,
    beatAtMs: nowMs + path.HEARTBEAT_MS,
    watchAtMs: nowMs + path.WATCH_QUIET_MS,
  };
  // A new search has its early retries again.
  for (const [key, candidate] of draft.candidates)
    if (dueAt(candidate, false) <= nowMs && !isOverdrawn(candidate, nowMs))
      draft.candidates.set(key, { ...candidate, tries: 0 });
}

export function tick(draft: Draft, words: Activity): void {
  const { nowMs } = draft.context;
  expirePings(draft);
  judgeBest(draft, words);
  judgeData(draft, words);
  if (draft.meeting.kind === 'soon' && nowMs >= draft.meeting.dueMs) {
    draft.meeting = { kind: 'past', atMs: nowMs };
    draft.effects.push({ do: 'met' });
  }
  if (draft.session.kind === 'active') {
    if (nowMs >= draft.session.beatAtMs) beat(draft, words);
    else if (nowMs >= draft.session.watchAtMs) watch(draft, words);
  }
  if (isWanted(draft, nowMs) && !isTrusted(draft.best, nowMs)) retry(draft);
}

/** A ping that the best address left unanswered for so long, while nothing else vouches for it, ends the path. */
function expirePings(draft: Draft): void {
  const { nowMs } = draft.context;
  for (const [txId, ping] of draft.pings) {
    if (nowMs < ping.atMs + path.PING_TIMEOUT_MS) break;
    draft.pings.delete(txId);
    const { best } = draft;
    const isBest = best.kind === 'direct' && ping.to.kind === 'udp' && isAt(best, ping.to);
    // A large ping may be lost for its size alone.
    const isPlain = ping.to.kind === 'udp' && best.kind === 'direct' && ping.wireMtu <= best.wireMtu;
    if (isBest && isPlain && !isTrusted(best, nowMs) && draft.context.relay() !== undefined) lose(draft);
  }
}

/** The best address owes an answer: first ask again and look around, then stop believing in it. */
function judgeBest(draft: Draft, words: Activity): void {
  const { nowMs } = draft.context;
  const { best } = draft;
  if (best.kind !== 'direct') return;
  const { check } = best;
  if ((check.kind !== 'waiting' && check.kind !== 'again') || nowMs < check.dueMs) return;
  if (check.kind === 'again') {
    draft.best = { ...best, check: { kind: 'failed', sinceMs: check.sinceMs } };
    adoptConfirmed(draft, check.sinceMs);
    if (draft.session.kind !== 'active' || isTrusted(draft.best, nowMs)) return;
    call(draft, true);
    burst(draft);
    return;
  }
  // Data that has come from there since the question outweighs one missing answer.
  const isFlowing =
    words.rxBestAt > check.sinceMs &&
    words.rxBestAt >= words.lastRxAny &&
    (words.unansweredSince === 0 || nowMs - words.unansweredSince < FLOWING_MS);
  const patience = isFlowing ? Math.max(FLOWING_MS, patienceMs(best.latencyMs)) : patienceMs(best.latencyMs);
  draft.best = {
    ...best,
    check: { kind: 'again', sinceMs: check.sinceMs, dueMs: nowMs + patience, copied: !isFlowing },
  };
  sendPing(draft, { kind: 'udp', addr: best.addr, via: best.via }, { kind: 'heartbeat' });
  if (draft.session.kind === 'active' && !isFlowing) burst(draft);
}

/** After the best address failed: the best of those that answered since the question went out, if any did. */
export function adoptConfirmed(draft: Draft, sinceMs: number): void {
  let found: path.Direct | undefined;
  for (const candidate of draft.candidates.values()) {
    const { answeredAtMs, latencyMs } = candidate;
    if (answeredAtMs === undefined || latencyMs === undefined || answeredAtMs < sinceMs) continue;
    if (draft.best.kind === 'direct' && isAt(candidate, draft.best)) continue;
    if (found !== undefined && !isBetter({ ...candidate, latencyMs }, found)) continue;
    found = direct(
      { ...candidate, latencyMs },
      {
        sinceMs: draft.context.nowMs,
        trustUntilMs: answeredAtMs + path.TRUST_MS,
        check: { kind: 'quiet' },
      },
    );
  }
  if (found === undefined) return;
  draft.best = found;
  draft.data = { kind: 'fine' };
  // The old one may have lost two datagrams by chance: the next beat compares all again.
  draft.lastBurstMs = undefined;
}

/** Whether data passes where pings do. Without a relay there is nothing to do about it. */
function judgeData(draft: Draft, words: Activity): void {
  const { best, data } = draft;
  const { nowMs } = draft.context;
  draft.talk = listen(draft.talk, words.lastRxAny);
  if (best.kind !== 'direct' || draft.context.relay() === undefined) {
    draft.data = { kind: 'fine' };
    return;
  }
  // The peer may answer from elsewhere than we ask; only the relay tells nothing of the direct way.
  const heardMs = Math.max(words.rxBestAt, draft.dataAtMs ?? 0);
  switch (data.kind) {
    case 'fine':
      if (isUnheard(draft, best, words))
        draft.data = { kind: 'suspect', sinceMs: nowMs, pauseMs: BLOCKED_PAUSE_MS };
      return;
    case 'suspect':
      if (heardMs > data.sinceMs) draft.data = { kind: 'fine' };
      else if (nowMs - data.sinceMs >= BLOCKED_AFTER_MS && nowMs - words.lastRxAny < FLOWING_MS)
        draft.data = { ...data, kind: 'blocked', sinceMs: nowMs, retryAtMs: nowMs + data.pauseMs };
      return;
    case 'blocked':
      if (heardMs > data.sinceMs) draft.data = { kind: 'fine' };
      else if (nowMs >= data.retryAtMs)
        draft.data = {
          kind: 'suspect',
          sinceMs: nowMs,
          pauseMs: Math.min(2 * data.pauseMs, MAX_BLOCKED_PAUSE_MS),
        };
      return;
    default:
      data satisfies never;
  }
}

function listen(talk: path.Talk, heardMs: number): path.Talk {
  if (heardMs - talk.atMs < TALK_STEP_MS) return talk;
  return { atMs: heardMs, times: heardMs - talk.atMs <= TALK_PAUSE_MS ? talk.times + 1 : 1 };
}

/** We send, probes are answered meanwhile, and nothing comes back at all, or by relay alone. */
function isUnheard(draft: Draft, best: path.Direct, words: Activity): boolean {
  const { nowMs } = draft.context;
  const { unansweredSince, lastTxAny, lastRxAny } = words;
  const heardMs = Math.max(words.rxBestAt, draft.dataAtMs ?? 0);
  if (nowMs - lastTxAny > FLOWING_MS || !isTrusted(best, nowMs)) return false;
  // A peer that finds its direct path lossy goes on by relay: then ours, the same one, is no better.
  const isRelayed = nowMs - lastRxAny < FLOWING_MS && lastRxAny > heardMs;
  if (unansweredSince === 0 && !isRelayed) return false;
  const quietMs = nowMs - (isRelayed ? heardMs : unansweredSince);
  const heldMs = nowMs - best.sinceMs;
  const isTalk = draft.talk.times >= TALK_TIMES || isRelayed;
  // A copy costs little: in a conversation an address that has just been taken is not given the whole time again.
  const isEnough = isTalk
    ? quietMs >= TALK_SILENT_MS && heldMs >= FLOWING_MS
    : Math.min(quietMs, heldMs) >= (heardMs >= best.sinceMs ? USED_SILENT_MS : UNUSED_SILENT_MS);
  const answeredAtMs = draft.candidates.get(keyOf(best.addr, best.via))?.answeredAtMs;
  return isEnough && answeredAtMs !== undefined && answeredAtMs > nowMs - Math.min(quietMs, heldMs);
}

/**
 * Between beats: data without an answer makes a ping come early, so that a dead path is noticed in one second and a half
 * instead of three and more.
 */
function watch(draft: Draft, words: Activity): void {
  const { nowMs } = draft.context;
  const { session, best } = draft;
  if (session.kind !== 'active') return;
  const isFlowing = nowMs - words.lastTxAny < FLOWING_MS;
  const watchAtMs = nowMs + (isFlowing ? path.WATCH_MS : path.WATCH_QUIET_MS);
  draft.session = { ...session, watchAtMs };
  if (!isFlowing || best.kind !== 'direct' || best.check.kind !== 'quiet') return;
  const { unansweredSince } = words;
  if (unansweredSince === 0 || nowMs - unansweredSince < path.UNANSWERED_MS) return;
  const candidate = draft.candidates.get(keyOf(best.addr, best.via));
  const isProvenSince = (candidate?.answeredAtMs ?? 0) > unansweredSince;
  const pauseMs = isProvenSince ? path.PROBE_AGAIN_MS : path.WATCH_MS;
  if (nowMs - (candidate?.pingedAtMs ?? 0) >= pauseMs)
    sendPing(draft, { kind: 'udp', addr: best.addr, via: best.via }, { kind: 'heartbeat' });
}

/** As long as the engine sees traffic either way it does not tell of more: then the session must not end either. */
function beat(draft: Draft, { lastTxAny, lastRxAny }: Activity): void {
  const { nowMs } = draft.context;
  if (draft.session.kind !== 'active') return;
  const lastSendMs = Math.max(Math.min(Math.max(lastTxAny, lastRxAny), nowMs), draft.session.lastSendMs);
  if (nowMs - lastSendMs > path.SESSION_MS) {
    draft.session = { kind: 'idle' };
    dropSpareSockets(draft);
    return;
  }
  draft.session = {
    kind: 'active',
    lastSendMs,
    beatAtMs: nowMs + path.HEARTBEAT_MS,
    watchAtMs: nowMs + path.WATCH_MS,
  };
  prune(draft);
  const { best } = draft;
  if (best.kind === 'direct')
    sendPing(draft, { kind: 'udp', addr: best.addr, via: best.via }, { kind: 'heartbeat' });
  if (wantsBurst(draft)) burst(draft);
}

/** Of several sockets that lead to the peer an idle session keeps the one in use. */
function dropSpareSockets(draft: Draft): void {
  const { best } = draft;
  for (const [key, candidate] of draft.candidates)
    if (candidate.via !== 0 && !(best.kind === 'direct' && isAt(best, candidate)))
      draft.candidates.delete(key);
}

function wantsBurst(draft: Draft): boolean {
  const { nowMs } = draft.context;
  const { best, lastBurstMs } = draft;
  if (best.kind === 'none' || lastBurstMs === undefined || !isTrusted(best, nowMs)) return true;
  return best.latencyMs > path.GOOD_ENOUGH_MS && nowMs - lastBurstMs >= path.UPGRADE_MS;
}
