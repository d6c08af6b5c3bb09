/**
 * The path of a peer that speaks plain WireGuard and no disco (nat-traversal.md §5.12): the engine follows the source of
 * authenticated packets by itself; we choose where to begin and go on to the next address when one stays silent.
 */
import { formatSockAddr, type SockAddr } from '#shared/ip/address.ts';
import { isUsable } from './candidate.ts';
import { SESSION_MS } from './path-types.ts';

/** Sending without any answer for this long, a handshake retry included, tries the next address. */
const SILENCE_MS = 5_000;

export interface PlainState {
  readonly endpoints: readonly SockAddr[];
  readonly current: SockAddr | undefined;
  /** Learned from an authenticated packet; the list does not overrule it. */
  readonly isLearned: boolean;
  readonly sinceMs: number;
  /** Undefined while nothing is sent. */
  readonly checkAtMs: number | undefined;
}

export const initialPlain: PlainState = {
  endpoints: [],
  current: undefined,
  isLearned: false,
  sinceMs: 0,
  checkAtMs: undefined,
};

export function configurePlain(state: PlainState, listed: readonly SockAddr[], nowMs: number): PlainState {
  const endpoints = listed.filter(isUsable);
  const isListed = endpoints.some((addr) => isSameText(addr, state.current));
  if (state.isLearned || isListed) return { ...state, endpoints };
  return { ...state, endpoints, current: endpoints[0], sinceMs: nowMs };
}

export const plainSending = (state: PlainState, nowMs: number): PlainState => ({
  ...state,
  checkAtMs: state.checkAtMs ?? nowMs + SILENCE_MS,
});

export const plainHeard = (state: PlainState, from: SockAddr, nowMs: number): PlainState => ({
  ...state,
  current: from,
  isLearned: true,
  sinceMs: nowMs,
});

/** At `checkAtMs`: moves on when the peer stayed silent, rests when we did. */
export function plainTick(
  state: PlainState,
  activity: { readonly lastTxAny: number; readonly lastRxAny: number },
  nowMs: number,
): PlainState {
  if (state.checkAtMs === undefined || nowMs < state.checkAtMs) return state;
  if (nowMs - activity.lastTxAny > SESSION_MS) return { ...state, checkAtMs: undefined };
  const next = { ...state, checkAtMs: nowMs + SILENCE_MS };
  const isSilent = nowMs - Math.max(activity.lastRxAny, state.sinceMs) >= SILENCE_MS;
  const isWaiting = activity.lastTxAny > activity.lastRxAny;
  if (!isSilent || !isWaiting || state.endpoints.length === 0) return next;
  const at = state.endpoints.findIndex((addr) => isSameText(addr, state.current));
  const current = state.endpoints[(at + 1) % state.endpoints.length];
  return { ...next, current, isLearned: false, sinceMs: nowMs };
}

const isSameText = (a: SockAddr, b: SockAddr | undefined): boolean =>
  b !== undefined && formatSockAddr(a) === formatSockAddr(b);
