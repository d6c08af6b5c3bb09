/** Replay window of RFC 6479 over 64-bit counters kept as two u32 halves (data-plane.md §1.6). */
import { REJECT_COUNTER_HIGH, REJECT_COUNTER_LOW } from './constants.ts';

/** 128 words of 64 bits, kept as 32-bit halves. */
const HALF_WORDS = 256;
/** A whole word is cleared when the window moves into it, hence one word less than the ring holds. */
export const REPLAY_WINDOW = 127 * 64;
/** Blocks of 64 counters are numbered with the low 26 bits; a jump of 128 or more clears the ring. */
const BLOCKS = 128;
const BLOCK_MASK = 0x3ff_ffff;

export const isCounterSpent = (high: number, low: number): boolean =>
  high > REJECT_COUNTER_HIGH || (high === REJECT_COUNTER_HIGH && low >= REJECT_COUNTER_LOW);

export class ReplayWindow {
  readonly #ring = new Uint32Array(HALF_WORDS);
  #lastHigh = 0;
  #lastLow = 0;

  /** Cheap look before decryption: false for what `accept` would refuse, without changing anything. */
  mayAccept(high: number, low: number): boolean {
    if (isCounterSpent(high, low)) return false;
    if (this.#isAhead(high, low)) return true;
    if (this.#isTooOld(high, low)) return false;
    return ((this.#ring[(low >>> 5) & 255] as number) & (1 << (low & 31))) === 0;
  }

  /** Checks and marks a counter; call it only for authenticated packets. */
  accept(high: number, low: number): boolean {
    if (isCounterSpent(high, low)) return false;
    if (this.#isAhead(high, low)) this.#moveTo(high, low);
    else if (this.#isTooOld(high, low)) return false;
    const at = (low >>> 5) & 255;
    const bit = 1 << (low & 31);
    const word = this.#ring[at] as number;
    if ((word & bit) !== 0) return false;
    this.#ring[at] = word | bit;
    return true;
  }

  #isAhead(high: number, low: number): boolean {
    return high > this.#lastHigh || (high === this.#lastHigh && low > this.#lastLow);
  }

  /** `last - counter > window`, for a counter that is not ahead. */
  #isTooOld(high: number, low: number): boolean {
    const diffLow = this.#lastLow - low;
    const diffHigh = this.#lastHigh - high - (diffLow < 0 ? 1 : 0);
    return diffHigh > 0 || (diffLow < 0 ? diffLow + 2 ** 32 : diffLow) > REPLAY_WINDOW;
  }

  #moveTo(high: number, low: number): void {
    const diffLow = low - this.#lastLow;
    const diffHigh = high - this.#lastHigh - (diffLow < 0 ? 1 : 0);
    const far = diffHigh > 0 || (diffLow < 0 ? diffLow + 2 ** 32 : diffLow) >= BLOCKS * 64;
    const blocks = far ? BLOCKS : ((low >>> 6) - (this.#lastLow >>> 6)) & BLOCK_MASK;
    for (let i = 1; i <= blocks; i++) {
      const at = (((this.#lastLow >>> 6) + i) & 127) * 2;
      this.#ring[at] = 0;
      this.#ring[at + 1] = 0;
    }
    this.#lastHigh = high;
    this.#lastLow = low;
  }
}
