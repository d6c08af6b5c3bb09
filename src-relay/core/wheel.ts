/** One timer for all connections: a wheel of slots, so that ten thousand idle clients cost one wake-up per slot and no timer each. */
import type { Clock } from '#shared/async/clock.ts';

const SLOT_MS = 250;
/** Once round is two minutes, more than any wait of the relay. */
const SLOTS = 512;

/** Something that waits for one moment at a time. The fields belong to the wheel. */
export interface Timed {
  wheelSlot: number;
  wheelNext: Timed | undefined;
  wheelPrevious: Timed | undefined;
  onTime(): void;
}

export const NOT_TIMED = -1;

export class TimerWheel {
  readonly #clock: Clock;
  readonly #heads: (Timed | undefined)[] = new Array(SLOTS).fill(undefined);
  /** The slot number (counted from the clock's zero) up to which everything has run. */
  #ranTo: number;
  #count = 0;
  #cancel: (() => void) | undefined;
  #wakeSlot = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#ranTo = this.#nowSlot();
  }

  /** Replaces what `timed` waited for; it fires up to one slot late and never early. */
  arm(timed: Timed, inMs: number): void {
    this.cancel(timed);
    // Nobody waited, so no slot before now needs to be walked over.
    if (this.#count === 0) this.#ranTo = this.#nowSlot();
    const slot = Math.ceil((this.#clock.monotonic() + inMs) / SLOT_MS) + 1;
    const at = slot % SLOTS;
    const head = this.#heads[at];
    timed.wheelSlot = slot;
    timed.wheelNext = head;
    timed.wheelPrevious = undefined;
    if (head !== undefined) head.wheelPrevious = timed;
    this.#heads[at] = timed;
    this.#count++;
    if (this.#cancel === undefined || slot < this.#wakeSlot) this.#wakeAt(slot);
  }

  cancel(timed: Timed): void {
    if (timed.wheelSlot === NOT_TIMED) return;
    const { wheelNext: next, wheelPrevious: previous } = timed;
    if (previous === undefined) this.#heads[timed.wheelSlot % SLOTS] = next;
    else previous.wheelNext = next;
    if (next !== undefined) next.wheelPrevious = previous;
    timed.wheelSlot = NOT_TIMED;
    timed.wheelNext = undefined;
    timed.wheelPrevious = undefined;
    if (--this.#count === 0) this.#sleep();
  }

  #nowSlot(): number {
    return Math.floor(this.#clock.monotonic() / SLOT_MS);
  }

  #sleep(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #wakeAt(slot: number): void {
    this.#cancel?.();
    this.#wakeSlot = slot;
    const inMs = Math.max(0, slot * SLOT_MS - this.#clock.monotonic());
    this.#cancel = this.#clock.after(inMs, () => this.#run());
  }

  #run(): void {
    this.#cancel = undefined;
    const now = this.#nowSlot();
    // After a sleep of the machine every slot is due once; walking further would only go round again.
    const from = Math.max(this.#ranTo + 1, now - SLOTS + 1);
    for (let slot = from; slot <= now; slot++) this.#fire(slot % SLOTS, now);
    this.#ranTo = now;
    if (this.#count > 0 && this.#cancel === undefined) this.#wakeAt(this.#nextSlot(now));
  }

  #fire(at: number, now: number): void {
    // From the front again each time: what fires may arm and cancel others. Those of a later round are rare (only after a
    // sleep of the machine), so little is walked over twice.
    for (let timed = due(this.#heads[at], now); timed !== undefined; timed = due(this.#heads[at], now)) {
      this.cancel(timed);
      timed.onTime();
    }
  }

  #nextSlot(now: number): number {
    for (let slot = now + 1; slot < now + SLOTS; slot++)
      if (this.#heads[slot % SLOTS] !== undefined) return slot;
    return now + SLOTS;
  }
}

function due(head: Timed | undefined, now: number): Timed | undefined {
  let timed = head;
  while (timed !== undefined && timed.wheelSlot > now) timed = timed.wheelNext;
  return timed;
}
