/** Whether another handshake is begun: always, unless the server is behind with its work; then as many as it can carry (coordination-server.md §21.6). */
import type { Clock } from '#shared/async/clock.ts';
import type { Meter } from '../state/meter.ts';
import type { LoopLag } from './lag.ts';

/** Waiting for the event loop, on average: far beyond what a healthy server ever shows. */
const BEHIND_MS = 100;
/** While it is behind. A handshake costs about a millisecond; what follows it, a map, more. */
const AT_ONCE = 50;
const EVERY_MS = 10;

export class HandshakeGate {
  readonly #clock: Clock;
  readonly #lag: Pick<LoopLag, 'meanMs' | 'currentMs'>;
  readonly #meter: Meter;
  #tokens = AT_ONCE;
  #at: number;

  constructor(clock: Clock, lag: Pick<LoopLag, 'meanMs' | 'currentMs'>, meter: Meter) {
    this.#clock = clock;
    this.#lag = lag;
    this.#meter = meter;
    this.#at = clock.monotonic();
  }

  /** False: whoever asks is to come again, which clients do by themselves after a pause that grows. */
  admit(): boolean {
    const now = this.#clock.monotonic();
    this.#tokens = Math.min(AT_ONCE, this.#tokens + (now - this.#at) / EVERY_MS);
    this.#at = now;
    if (Math.max(this.#lag.meanMs, this.#lag.currentMs) < BEHIND_MS) return true;
    if (this.#tokens < 1) {
      this.#meter.count('rate_limited', { surface: 'handshake' });
      return false;
    }
    this.#tokens -= 1;
    return true;
  }
}
