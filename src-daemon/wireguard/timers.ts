/**
 * The timers of one peer (data-plane.md §1.9) as a machine that is told the time and the engine's activity words.
 *
 * Nothing here is armed by a packet: the engine notes since when it waits for an answer and since when it owes one, and
 * every deadline follows from those words and from the few facts kept below.
 */
import type { Random } from '#shared/async/clock.ts';
import {
  CROSSING_MS,
  EARLY_RETRY_MS,
  ERASE_AFTER_MS,
  KEEPALIVE_TIMEOUT_MS,
  MAX_HANDSHAKE_ATTEMPTS,
  NEW_HANDSHAKE_MS,
  REKEY_JITTER_MS,
  REKEY_TIMEOUT_MS,
  SAME_WAY_MS,
} from './constants.ts';

/** Engine clock ms, 0 = unset (data-plane.md §4.6). */
export interface ActivityWords {
  readonly unansweredSince: number;
  readonly keepaliveOwedSince: number;
  readonly lastTxAny: number;
  readonly lastRxAny: number;
}

export const NO_ACTIVITY: ActivityWords = {
  unansweredSince: 0,
  keepaliveOwedSince: 0,
  lastTxAny: 0,
  lastRxAny: 0,
};

export interface Timers {
  readonly phase:
    | { readonly kind: 'idle' }
    /** An initiation is out, or held back until it may go; `attempts` were repeated since somebody last asked, `sent` left in all. */
    | {
        readonly kind: 'waiting';
        readonly attempts: number;
        readonly sent: number;
        readonly retryAt: number;
      };
  /** When we last sent an initiation or a response: initiations keep 5 s from it. */
  readonly lastMessageAt: number | undefined;
  /** When all keys go; undefined while there are none. */
  readonly eraseAt: number | undefined;
  /** Renewal on receipt was asked once for the present keypair. */
  readonly renewedOnReceive: boolean;
  /** Silence counts from here at the earliest: the end of the last attempt to break it. */
  readonly silenceFrom: number;
  /** The `keepaliveOwedSince` that was served or called off. */
  readonly owedDone: number;
  /** Drawn anew for each wait, so that two peers do not keep step. */
  readonly jitterMs: number;
  /** 0 = off. */
  readonly persistentMs: number;
  readonly persistentAt: number;
}

export type TimerEvent =
  /** Somebody needs a handshake: data waits, or a keypair has aged. */
  | { readonly type: 'wanted'; readonly onReceive: boolean }
  /** An initiation left. */
  | { readonly type: 'initiated' }
  /** The peer is known to be reachable now, and was not when the last message went: there is no reason to wait. */
  | { readonly type: 'reached' }
  /** Its packets go another way from now on: a message that is out may have been lost on the old one. */
  | { readonly type: 'path-changed' }
  /** We answered an initiation; its keys are derived but not confirmed. */
  | { readonly type: 'responded' }
  /** Our initiation was answered, or our response confirmed. */
  | { readonly type: 'completed' }
  | { readonly type: 'identity-changed' }
  | { readonly type: 'persistent'; readonly ms: number }
  | { readonly type: 'tick'; readonly words: ActivityWords };

export type TimerEffect = 'initiate' | 'give-up' | 'keepalive' | 'erase';

export const newTimers = (random: Random): Timers => ({
  phase: { kind: 'idle' },
  lastMessageAt: undefined,
  eraseAt: undefined,
  renewedOnReceive: false,
  silenceFrom: 0,
  owedDone: 0,
  jitterMs: random() * REKEY_JITTER_MS,
  persistentMs: 0,
  persistentAt: 0,
});

export function step(
  timers: Timers,
  event: TimerEvent,
  now: number,
  random: Random,
): readonly [Timers, readonly TimerEffect[]] {
  switch (event.type) {
    case 'wanted':
      if (event.onReceive && timers.renewedOnReceive) return [timers, []];
      return want({ ...timers, renewedOnReceive: timers.renewedOnReceive || event.onReceive }, now);
    case 'initiated': {
      const attempts = timers.phase.kind === 'waiting' ? timers.phase.attempts : 0;
      const before = timers.phase.kind === 'waiting' ? timers.phase.sent : 0;
      const retryAt = now + (EARLY_RETRY_MS[before] ?? REKEY_TIMEOUT_MS) + random() * REKEY_JITTER_MS;
      const phase = { kind: 'waiting', attempts, sent: before + 1, retryAt } as const;
      return [{ ...timers, lastMessageAt: now, phase }, []];
    }
    case 'reached':
      return timers.phase.kind === 'waiting' ? [timers, ['initiate']] : want(timers, now);
    case 'path-changed': {
      const { phase, lastMessageAt } = timers;
      if (phase.kind !== 'waiting' || lastMessageAt === undefined) return [timers, []];
      if (now - lastMessageAt >= SAME_WAY_MS) return [timers, ['initiate']];
      // The answer may be under way; where the old way led nowhere, the next try must not wait its usual second.
      return [{ ...timers, phase: { ...phase, retryAt: Math.min(phase.retryAt, now + CROSSING_MS) } }, []];
    }
    case 'responded':
      return [{ ...timers, lastMessageAt: now, eraseAt: now + ERASE_AFTER_MS }, []];
    case 'completed':
      return [
        {
          ...timers,
          phase: { kind: 'idle' },
          eraseAt: now + ERASE_AFTER_MS,
          renewedOnReceive: false,
          jitterMs: random() * REKEY_JITTER_MS,
        },
        [],
      ];
    case 'identity-changed':
      return [{ ...timers, phase: { kind: 'idle' }, lastMessageAt: undefined, renewedOnReceive: false }, []];
    case 'persistent':
      return [{ ...timers, persistentMs: event.ms, persistentAt: 0 }, []];
    case 'tick':
      return tick(timers, event.words, now, random);
    default:
      return event satisfies never;
  }
}

/** When the peer next needs a tick, given its last words; undefined when only an event can wake it. */
export function deadline(timers: Timers, words: ActivityWords): number | undefined {
  const candidates = [
    timers.phase.kind === 'waiting' ? timers.phase.retryAt : silenceEndsAt(timers, words),
    timers.eraseAt,
    keepaliveAt(timers, words),
    persistentAt(timers, words),
  ].filter((at) => at !== undefined);
  return candidates.length === 0 ? undefined : Math.min(...candidates);
}

function want(timers: Timers, now: number): readonly [Timers, readonly TimerEffect[]] {
  const earliest = (timers.lastMessageAt ?? Number.NEGATIVE_INFINITY) + REKEY_TIMEOUT_MS;
  if (timers.phase.kind === 'waiting') {
    // New need starts the count of attempts anew; the repetition itself is already planned.
    return [{ ...timers, phase: { ...timers.phase, attempts: 0 } }, []];
  }
  if (now >= earliest) return [timers, ['initiate']];
  // Too soon after the last message: what waits must not depend on another packet coming to ask again.
  const phase = { kind: 'waiting', attempts: 0, sent: 0, retryAt: earliest + timers.jitterMs } as const;
  return [{ ...timers, phase }, []];
}

function tick(
  before: Timers,
  words: ActivityWords,
  now: number,
  random: Random,
): readonly [Timers, readonly TimerEffect[]] {
  let timers = before;
  const effects: TimerEffect[] = [];
  if (timers.phase.kind === 'waiting') {
    if (now >= timers.phase.retryAt) {
      if (timers.phase.attempts > MAX_HANDSHAKE_ATTEMPTS + EARLY_RETRY_MS.length) {
        timers = {
          ...timers,
          phase: { kind: 'idle' },
          eraseAt: timers.eraseAt ?? now + ERASE_AFTER_MS,
          owedDone: words.keepaliveOwedSince,
          silenceFrom: now,
        };
        effects.push('give-up');
      } else {
        timers = { ...timers, phase: { ...timers.phase, attempts: timers.phase.attempts + 1 } };
        effects.push('initiate');
      }
    }
  } else {
    const silence = silenceEndsAt(timers, words);
    if (silence !== undefined && now >= silence) {
      const [next, wanted] = want({ ...timers, silenceFrom: now, jitterMs: random() * REKEY_JITTER_MS }, now);
      timers = next;
      effects.push(...wanted);
    }
  }
  const owed = keepaliveAt(timers, words);
  if (owed !== undefined && now >= owed) {
    timers = { ...timers, owedDone: words.keepaliveOwedSince };
    effects.push('keepalive');
  }
  const persistent = persistentAt(timers, words);
  if (persistent !== undefined && now >= persistent) {
    timers = { ...timers, persistentAt: now };
    if (!effects.includes('keepalive')) effects.push('keepalive');
  }
  if (timers.eraseAt !== undefined && now >= timers.eraseAt) {
    timers = { ...timers, eraseAt: undefined };
    effects.push('erase');
  }
  return [timers, effects];
}

/** Data was sent and nothing authentic came back for 15 s. */
function silenceEndsAt(timers: Timers, words: ActivityWords): number | undefined {
  if (words.unansweredSince === 0) return undefined;
  // After a failed attempt only what was sent since then counts.
  if (timers.silenceFrom >= words.unansweredSince && words.lastTxAny <= timers.silenceFrom) return undefined;
  return Math.max(words.unansweredSince, timers.silenceFrom) + NEW_HANDSHAKE_MS + timers.jitterMs;
}

/** Data was received and nothing was sent for 10 s. */
function keepaliveAt(timers: Timers, words: ActivityWords): number | undefined {
  if (words.keepaliveOwedSince === 0 || words.keepaliveOwedSince === timers.owedDone) return undefined;
  return words.keepaliveOwedSince + KEEPALIVE_TIMEOUT_MS;
}

function persistentAt(timers: Timers, words: ActivityWords): number | undefined {
  if (timers.persistentMs === 0) return undefined;
  const last = Math.max(words.lastTxAny, words.lastRxAny, timers.persistentAt);
  return last === 0 ? 0 : last + timers.persistentMs;
}
