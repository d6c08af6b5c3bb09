/** Timestamps of peers that were taken away: `rhumb down` must open no door to replays, nor forget what we sent. */
import type { Tai } from './tai64n.ts';

export interface PeerTimes {
  /** Latest that we sent. */
  readonly lastTai: Tai | undefined;
  /** Latest that the peer sent. */
  readonly greatestTimestamp: Uint8Array | undefined;
}

/** More than come and go in a day. */
const MAX_GONE = 16_384;

export class GonePeers {
  /** By public key in hex, the one that left last at the end. */
  readonly #times = new Map<string, PeerTimes>();

  add(key: string, times: PeerTimes): void {
    this.#times.delete(key);
    if (times.lastTai === undefined && times.greatestTimestamp === undefined) return;
    this.#times.set(key, times);
    const [oldest] = this.#times.keys();
    if (this.#times.size > MAX_GONE && oldest !== undefined) this.#times.delete(oldest);
  }

  /** What is known of a peer that comes back. */
  take(key: string): PeerTimes | undefined {
    const times = this.#times.get(key);
    this.#times.delete(key);
    return times;
  }

  /** Our own key changed: what was sent under the old one binds us no more. */
  forgetSent(): void {
    for (const [key, { greatestTimestamp }] of [...this.#times])
      this.add(key, { lastTai: undefined, greatestTimestamp });
  }
}
