/**
 * The path machine of one peer: which of its addresses its packets go to, and when a relay carries them (nat-traversal.md
 * §5). Pure: events in, effects out; the caller owns sockets, relay and timer.
 *
 *              pong                      no answer in time              again none, or 6.5 s without a pong
 *   none ──────────────► direct, trusted ──────────────► direct, asked again ──────────────► direct, failed
 *   (relay)              (direct)                        (direct + copy by relay)            (direct + copy by relay)
 *     ▲                     ▲  ▲────────── pong ────────────────┘                               │    │
 *     │                     └───────────── any pong ────────────────────────────────────────────┘    │
 *     └─────── a ping to it 5 s without a pong; our network changed; the OS can't send there ────────┘
 *
 *   data     fine ── data unanswered though probes are answered ──► suspect (copy) ── only the relay brings data ──► blocked (relay)
 *              ▲──────────── data from the address ───────────────────┴──◄── 30 s and doubling ────────────────┘
 *   session  idle ── a packet goes out ──► active (a beat each 3 s) ── 45 s without a packet ──► idle
 *   search   none ── active without a trusted path ──► on (bursts of pings, each followed by a call-me-maybe)
 *
 * Without a relay a direct path is never given up for nothing: a failed address stays in use until a better is proven.
 *
 * The first packet: with a relay it goes there at once. Without one the engine holds the handshake back and nothing is
 * sent to unproven addresses: the answer needs a path too, and a ping and its pong take one round trip and open both
 * directions. Official peers without a relay drop the handshake message for which they have no path yet and repeat it
 * after 5 s; so when a peer that was looking for us and we have found each other, the tunnel is told ('met') and tries at
 * once: 0.1 s instead of 5 s to the first answer.
 */
import { enginePath, isSamePath, isSameWay } from './engine-path.ts';
import { burst, call, type Draft, dueAt, isRetrying, isTrusted, isWanted, sendPing } from './path-draft.ts';
import { called, dataIn, meetByRelay, pingIn, pongIn } from './path-in.ts';
import { configure, networkChanged, restarted, socketClosed, unreachable } from './path-news.ts';
import { noteSend, tick, touchSession } from './path-tick.ts';
import * as path from './path-types.ts';
import type { SocketId } from './types.ts';

export const initialPath = (): path.PathState => ({
  candidates: new Map(),
  pings: new Map(),
  best: { kind: 'none' },
  data: { kind: 'fine' },
  dataAtMs: undefined,
  talk: { atMs: 0, times: 0 },
  session: { kind: 'idle' },
  search: { kind: 'none' },
  lastBurstMs: undefined,
  callAtMs: undefined,
  afreshAtMs: undefined,
  calledAtMs: undefined,
  meeting: { kind: 'never' },
  lostAtMs: undefined,
  told: { mode: 'none' },
  sinceMs: 0,
});

export function step(
  state: path.PathState,
  event: path.PathEvent,
  context: path.PathContext,
): readonly [path.PathState, readonly path.PathEffect[]] {
  const { told: before, sinceMs, ...rest } = state;
  const draft: Draft = {
    ...rest,
    candidates: new Map(state.candidates),
    pings: new Map(state.pings),
    effects: [],
    context,
  };
  apply(draft, event);
  noteSearch(draft);
  const { effects, context: _, ...next } = draft;
  const told = enginePath(next, context.relay());
  // First, so that what waits for the path leaves before our next ping.
  const isNews = !isSameWay(before, told);
  if (!isSamePath(before, told)) effects.unshift({ do: 'path', path: told, isNews });
  return [{ ...next, told, sinceMs: isNews ? context.nowMs : sinceMs }, effects];
}

/** When `tick` is due; undefined for an idle peer without open questions. */
export function wakeAt(state: path.PathState, nowMs: number): number | undefined {
  let at = Number.POSITIVE_INFINITY;
  const { best, session, meeting } = state;
  // In the order of their sending, so the first is the oldest.
  for (const ping of state.pings.values()) {
    at = ping.atMs + path.PING_TIMEOUT_MS;
    break;
  }
  if (best.kind === 'direct' && (best.check.kind === 'waiting' || best.check.kind === 'again'))
    at = Math.min(at, best.check.dueMs);
  if (meeting.kind === 'soon') at = Math.min(at, meeting.dueMs);
  if (session.kind === 'active') {
    at = Math.min(at, session.beatAtMs);
    // When the ordinary search has had its chance, others may try more.
    const { search } = state;
    if (search.kind === 'on' && nowMs < search.sinceMs + path.SEARCHED_MS)
      at = Math.min(at, search.sinceMs + path.SEARCHED_MS);
    // Only a direct path is watched.
    if (best.kind === 'direct') at = Math.min(at, session.watchAtMs);
  }
  if (isWanted(state, nowMs) && !isTrusted(best, nowMs))
    for (const candidate of state.candidates.values())
      if (isRetrying(candidate, session, nowMs)) at = Math.min(at, dueAt(candidate, true));
  return Number.isFinite(at) ? at : undefined;
}

/** Extra sockets that lead to the peer. It may use another of them than we do, so none is closed while it speaks there. */
export const socketsInUse = ({ candidates }: path.PathState): ReadonlySet<SocketId> =>
  new Set([...candidates.values()].map(({ via }) => via).filter((via) => via !== 0));

function apply(draft: Draft, event: path.PathEvent): void {
  switch (event.type) {
    case 'configure':
      configure(draft, event.endpoints);
      break;
    case 'restarted':
      restarted(draft);
      break;
    case 'send':
      noteSend(draft);
      break;
    case 'ping-in':
      pingIn(draft, event);
      break;
    case 'relayed-ping':
      draft.effects.push({ do: 'pong', to: { kind: 'relay', region: event.region }, txId: event.txId });
      break;
    case 'data-in':
      dataIn(draft, event);
      break;
    case 'pong-in':
      pongIn(draft, event);
      break;
    case 'called':
      called(draft, event.endpoints);
      break;
    case 'tick':
      tick(draft, event.words);
      break;
    case 'network-changed':
      networkChanged(draft);
      break;
    case 'relay-changed':
      // Where packets go follows from the relay there is now; a search goes on with its help.
      if (draft.session.kind !== 'active' || isTrusted(draft.best, draft.context.nowMs)) break;
      burst(draft);
      call(draft);
      meetByRelay(draft);
      break;
    case 'relay-gone':
      // Its answer to a packet of ours: to send more on account of it would never end.
      break;
    case 'unreachable':
      unreachable(draft);
      break;
    case 'socket-closed':
      socketClosed(draft, event.via);
      break;
    case 'guess':
      for (const route of event.routes) sendPing(draft, { kind: 'udp', ...route }, { kind: 'guess' });
      break;
    case 'request':
      request(draft, event.ticket, event.size);
      break;
    default:
      event satisfies never;
  }
}

/** Follows from the rest; only its beginning and its count are history. */
function noteSearch(draft: Draft): void {
  const { nowMs } = draft.context;
  const isOn = draft.session.kind === 'active' && !isTrusted(draft.best, nowMs);
  if (!isOn) draft.search = { kind: 'none' };
  else if (draft.search.kind === 'none') {
    const probes = draft.effects.filter(({ do: what }) => what === 'ping').length;
    draft.search = { kind: 'on', sinceMs: nowMs, probes };
  }
}

/**
 * A user's ping asks the trusted address alone, so that the answer names the path that packets take; while none is
 * trusted it asks every candidate and the peer's relay.
 */
function request(draft: Draft, ticket: number, size: number): void {
  const purpose = { kind: 'request', ticket, size } as const;
  touchSession(draft);
  const { best } = draft;
  const isCarried = draft.data.kind !== 'blocked';
  if (best.kind === 'direct' && isTrusted(best, draft.context.nowMs) && isCarried) {
    sendPing(draft, { kind: 'udp', addr: best.addr, via: best.via }, purpose);
    return;
  }
  const region = draft.context.relay();
  if (region !== undefined) sendPing(draft, { kind: 'relay', region }, purpose);
  else if (draft.candidates.size === 0) draft.effects.push({ do: 'no-candidates', ticket });
  for (const { addr, via } of draft.candidates.values())
    if (draft.context.mayPing(addr)) sendPing(draft, { kind: 'udp', addr, via }, purpose);
}
