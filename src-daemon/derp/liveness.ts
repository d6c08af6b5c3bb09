/**
 * Whether a relay connection still works, without I/O: when to ping it and when it counts as dead.
 *
 * A relay says something at least every 65 s, so silence proves nothing for long. What we wrote without hearing anything
 * since is asked about after some seconds: a connection that died in silence is noticed within 11 s of being used
 * (nat-traversal.md §1.7, §11.5).
 */
import type { Random } from '#shared/async/clock.ts';

const READ_LIMIT_MS = 120_000;
/** Wrote and heard nothing for this long: ask. */
const DOUBT_MS = 4_000;
const DOUBT_SPREAD_MS = 1_500;
/** While packets flow, to know the round trip. */
const REGULAR_MS = 15_000;
const REGULAR_SPREAD_MS = 5_000;
/** Beyond the longest interval of the relay's own keepalives. */
const QUIET_MS = 70_000;
/** For any frame after a ping. */
const PONG_LIMIT_MS = 5_000;

export type LivenessVerdict =
  | { readonly kind: 'fine' }
  | { readonly kind: 'ping' }
  | { readonly kind: 'dead'; readonly why: string };

export class Liveness {
  readonly #random: Random;
  #heardAt: number;
  /** The first write since something was heard. */
  #unansweredSince: number | undefined;
  /** When that write must have been answered by something. */
  #doubtAt = Number.POSITIVE_INFINITY;
  /** When even an idle relay must have said something. */
  #quietAt: number;
  #pingAt: number | undefined;
  #pongBy = Number.POSITIVE_INFINITY;
  /** Until the relay has answered a ping, the lack of an answer proves nothing: it may not know pings. */
  #answersPings = false;
  /** Never while nothing flows: an idle machine must not wake up for this. */
  #regularAt = Number.POSITIVE_INFINITY;
  #lastPingAt: number;

  constructor(nowMs: number, random: Random) {
    this.#random = random;
    this.#heardAt = nowMs;
    this.#quietAt = nowMs + QUIET_MS;
    this.#lastPingAt = nowMs;
  }

  get answersPings(): boolean {
    return this.#answersPings;
  }

  get heardAt(): number {
    return this.#heardAt;
  }

  /** Something came, or something that the system had refused to take was taken. */
  heard(nowMs: number): void {
    this.#heardAt = nowMs;
    this.#quietAt = nowMs + QUIET_MS;
    this.#unansweredSince = undefined;
    this.#doubtAt = Number.POSITIVE_INFINITY;
    this.#pongBy = Number.POSITIVE_INFINITY;
  }

  /** A packet went: not pings and the like. True when the next deadline moved forward. */
  wrote(nowMs: number): boolean {
    this.#traffic(nowMs);
    if (this.#unansweredSince !== undefined) return false;
    this.#unansweredSince = nowMs;
    this.#doubtAt = nowMs + DOUBT_MS + this.#random() * DOUBT_SPREAD_MS;
    return true;
  }

  /** A packet came. */
  received(): void {
    this.#traffic(this.#heardAt);
  }

  pinged(nowMs: number, limitMs: number = PONG_LIMIT_MS): void {
    this.#pingAt = nowMs;
    if (this.#answersPings) this.#pongBy = Math.min(this.#pongBy, nowMs + limitMs);
    this.#doubtAt = Number.POSITIVE_INFINITY;
    this.#quietAt = Number.POSITIVE_INFINITY;
    this.#lastPingAt = nowMs;
    this.#regularAt = Number.POSITIVE_INFINITY;
  }

  /** Our ping came back: its round trip. */
  ponged(nowMs: number): number | undefined {
    const sentAt = this.#pingAt;
    this.#pingAt = undefined;
    this.#answersPings = true;
    return sentAt === undefined ? undefined : nowMs - sentAt;
  }

  /** When `check` must be called next. */
  deadline(): number {
    const readBy = this.#heardAt + READ_LIMIT_MS;
    if (this.#pongBy !== Number.POSITIVE_INFINITY) return Math.min(readBy, this.#pongBy);
    return Math.min(readBy, this.#doubtAt, this.#quietAt, this.#regularAt);
  }

  check(nowMs: number): LivenessVerdict {
    if (nowMs >= this.#heardAt + READ_LIMIT_MS)
      return { kind: 'dead', why: 'the relay was silent for two minutes' };
    if (nowMs >= this.#pongBy) return { kind: 'dead', why: 'the relay did not answer a ping' };
    if (this.#pongBy !== Number.POSITIVE_INFINITY) return { kind: 'fine' };
    if (nowMs >= this.#doubtAt || nowMs >= this.#quietAt) return { kind: 'ping' };
    return nowMs >= this.#regularAt ? { kind: 'ping' } : { kind: 'fine' };
  }

  #traffic(nowMs: number): void {
    if (this.#regularAt !== Number.POSITIVE_INFINITY) return;
    this.#regularAt = Math.max(nowMs, this.#lastPingAt + REGULAR_MS + this.#random() * REGULAR_SPREAD_MS);
  }
}
