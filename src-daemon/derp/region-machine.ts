/**
 * One region's connection as a state machine without I/O: when to dial, wait and give up (nat-traversal.md §1.7, §1.12).
 *
 *   idle ──want──► dialing ──opened──► joining ──joined──► connected
 *    ▲               │  ▲                 │                    │
 *    │             failed │ due          lost                 lost
 *    │               ▼  │                 ▼                    ▼
 *    └────stop──── waiting ◄──────────────┴────────────────────┘
 */
import type { Random } from '#shared/async/clock.ts';
import type { Restarting } from '#shared/derp/messages.ts';

/** `attempt` counts what failed in a row; `graceUntilMs` is the end of a restart that the relay announced. */
export type RegionState =
  | { readonly kind: 'idle'; readonly sinceMs: number }
  /** TCP, TLS and what is said up to our client info. */
  | {
      readonly kind: 'dialing';
      readonly sinceMs: number;
      readonly attempt: number;
      readonly graceUntilMs: number;
    }
  /** Usable for sending; the relay has not admitted us yet. */
  | {
      readonly kind: 'joining';
      readonly sinceMs: number;
      readonly attempt: number;
      readonly graceUntilMs: number;
    }
  | { readonly kind: 'connected'; readonly sinceMs: number; readonly attempt: number }
  | {
      readonly kind: 'waiting';
      readonly sinceMs: number;
      readonly attempt: number;
      readonly graceUntilMs: number;
      readonly untilMs: number;
    };

export type RegionEvent =
  /** It became home, or a packet wants to go there. */
  | { readonly kind: 'want' }
  | { readonly kind: 'opened' }
  | { readonly kind: 'joined' }
  /** The attempt or the connection ended by itself. */
  | { readonly kind: 'lost'; readonly isWanted: boolean; readonly restart?: RestartPlan | undefined }
  /** The wait is over. */
  | { readonly kind: 'due' }
  /** Nobody needs it, or we must not have it. */
  | { readonly kind: 'stop' }
  /** The network is another: what there is counts for nothing. */
  | { readonly kind: 'renew' }
  /** A connection to a better node is at hand: it takes the place of this one. */
  | { readonly kind: 'switch' };

/** What the relay announced about its restart, in our clock. */
export interface RestartPlan {
  readonly reconnectAtMs: number;
  readonly graceUntilMs: number;
}

/** What a relay may ask us to stay away, or to forgive it, at most. */
const MAX_RESTART_MS = 60_000;
const MAX_GRACE_MS = 30_000;

export function restartPlan(announced: Restarting, nowMs: number): RestartPlan {
  const reconnectAtMs = nowMs + Math.min(announced.reconnectInMs, MAX_RESTART_MS);
  return { reconnectAtMs, graceUntilMs: reconnectAtMs + Math.min(announced.tryForMs, MAX_GRACE_MS) };
}

/** In this order. `end` closes the connection or cancels the attempt, whichever there is. */
export type RegionEffect = 'end' | 'dial' | 'wait';

export interface Step {
  readonly state: RegionState;
  readonly effects: readonly RegionEffect[];
}

const STEP_MS = 10;
const CAP_MS = 5_000;
/** A relay that takes us and throws us out at once must not be dialled in a tight loop. */
const STABLE_MS = 10_000;
/** Between attempts while a relay restarts. */
const GRACE_STEP_MS = 250;
const NO_GRACE = Number.NEGATIVE_INFINITY;

/** n² × 10 ms, at most 5 s, times a factor in [0.5, 1.5). */
export const redialMs = (attempt: number, random: Random): number =>
  Math.min(CAP_MS, attempt * attempt * STEP_MS) * (0.5 + random());

export function step(state: RegionState, event: RegionEvent, nowMs: number, random: Random): Step {
  switch (event.kind) {
    case 'want':
      return state.kind === 'idle' ? dial(nowMs, 0, NO_GRACE, ['dial']) : same(state);
    case 'opened':
      return state.kind === 'dialing'
        ? { state: { ...state, kind: 'joining', sinceMs: nowMs }, effects: [] }
        : same(state);
    case 'joined':
      return state.kind === 'joining'
        ? { state: { kind: 'connected', sinceMs: nowMs, attempt: state.attempt }, effects: [] }
        : same(state);
    case 'lost':
      return lost(state, event, nowMs, random);
    case 'due':
      return state.kind === 'waiting'
        ? dial(nowMs, state.attempt, state.graceUntilMs, ['dial'])
        : same(state);
    case 'stop':
      return state.kind === 'idle'
        ? same(state)
        : { state: { kind: 'idle', sinceMs: nowMs }, effects: ['end'] };
    case 'renew':
      return state.kind === 'idle' ? same(state) : dial(nowMs, 0, NO_GRACE, ['end', 'dial']);
    case 'switch':
      return state.kind === 'connected' ? dial(nowMs, 0, NO_GRACE, ['end']) : same(state);
    default:
      return event satisfies never;
  }
}

const same = (state: RegionState): Step => ({ state, effects: [] });

const dial = (
  nowMs: number,
  attempt: number,
  graceUntilMs: number,
  effects: readonly RegionEffect[],
): Step => ({ state: { kind: 'dialing', sinceMs: nowMs, attempt, graceUntilMs }, effects });

function lost(
  state: RegionState,
  event: Extract<RegionEvent, { kind: 'lost' }>,
  nowMs: number,
  random: Random,
): Step {
  if (state.kind === 'idle' || state.kind === 'waiting') return same(state);
  if (!event.isWanted) return { state: { kind: 'idle', sinceMs: nowMs }, effects: ['end'] };
  const wait = (attempt: number, untilMs: number, graceUntilMs: number): Step => ({
    state: { kind: 'waiting', sinceMs: nowMs, attempt, graceUntilMs, untilMs },
    effects: ['end', 'wait'],
  });
  const { restart } = event;
  if (restart !== undefined) return wait(0, Math.max(nowMs, restart.reconnectAtMs), restart.graceUntilMs);
  if (state.kind !== 'connected' && nowMs < state.graceUntilMs)
    return wait(0, nowMs + GRACE_STEP_MS * (0.5 + random()), state.graceUntilMs);
  const wasStable = state.kind === 'connected' && nowMs - state.sinceMs >= STABLE_MS;
  const attempt = wasStable ? 1 : state.attempt + 1;
  return wait(attempt, nowMs + redialMs(attempt, random), NO_GRACE);
}
