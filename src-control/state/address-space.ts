/** Addresses of one family: which are in use or resting, and the windows from which the next one is taken. */
import { formatIp, type Prefix, parseIp } from '#shared/ip/address.ts';
import { IdSet } from './id-set.ts';

/** Offsets stay far below what a number holds exactly, and no network has so many machines. */
const MAX_SPAN = 2 ** 32;

export interface SpaceDeps {
  /** Never given, whatever the window. */
  readonly isReserved: (ip: Uint8Array) => boolean;
  /** A number from 0 to `span - 1`; undefined = addresses are given in order. */
  readonly pick: ((span: number) => number) | undefined;
}

/** A prefix out of which addresses are given. */
export interface Window {
  readonly prefix: Prefix;
  readonly first: number;
  readonly last: number;
  /** Where the search goes on: it only moves forward and wraps, so that a freed address rests a while. */
  next: number;
}

/** Addresses as offsets from `base`. A freed one rests until its time, and is given before that only when nothing else is left. */
export class AddressSpace {
  readonly #base: bigint;
  readonly #length: number;
  readonly #deps: SpaceDeps;
  /** In use and resting. */
  readonly #taken = new IdSet();
  /** Until when; the soonest first as far as they were freed for equal spans. */
  readonly #resting = new Map<number, number>();

  constructor(base: Prefix, deps: SpaceDeps) {
    this.#base = toInt(base.ip);
    this.#length = base.ip.length;
    this.#deps = deps;
  }

  /** `isWhole`: also its first and last address may be given, as in a pool inside a larger network. */
  window(prefix: Prefix, isWhole: boolean): Window {
    const start = Number(toInt(prefix.ip) - this.#base);
    const span = Math.min(2 ** (8 * this.#length - prefix.bits), MAX_SPAN);
    const margin = isWhole || span <= 2 ? 0 : 1;
    const first = start + margin;
    return { prefix, first, last: start + span - 1 - margin, next: first };
  }

  offsetOf(text: string): number | undefined {
    const ip = parseIp(text);
    if (ip === undefined || ip.length !== this.#length) return undefined;
    const offset = toInt(ip) - this.#base;
    return offset < 0n || offset >= BigInt(Number.MAX_SAFE_INTEGER) ? undefined : Number(offset);
  }

  use(offset: number): void {
    this.#resting.delete(offset);
    this.#taken.add(offset);
  }

  /** Gives it back; until `restsUntil` it is the last to be given again. */
  free(offset: number, restsUntil: number | undefined): void {
    if (restsUntil === undefined) {
      this.#taken.delete(offset);
      this.#resting.delete(offset);
      return;
    }
    this.#taken.add(offset);
    this.#resting.delete(offset);
    this.#resting.set(offset, restsUntil);
  }

  isFree(offset: number): boolean {
    return !this.#taken.has(offset) || this.#resting.has(offset);
  }

  isReserved(offset: number): boolean {
    return this.#deps.isReserved(this.#ipAt(offset));
  }

  /** The next free address of a window, as text; undefined = it has none. The caller marks it with `use`. */
  next(window: Window, nowMs: number): number | undefined {
    this.#wake(nowMs);
    const { pick } = this.#deps;
    const from = pick === undefined ? window.next : window.first + pick(window.last - window.first + 1);
    const found =
      this.#search(from, window.last) ?? this.#search(window.first, Math.min(from - 1, window.last));
    if (found !== undefined) window.next = found + 1;
    return found;
  }

  /** The address of a window that has rested longest. */
  oldestResting(window: Window): number | undefined {
    for (const offset of this.#resting.keys())
      if (offset >= window.first && offset <= window.last && !this.isReserved(offset)) return offset;
    return undefined;
  }

  textAt(offset: number): string {
    return formatIp(this.#ipAt(offset));
  }

  #wake(nowMs: number): void {
    for (const [offset, until] of this.#resting) {
      if (until > nowMs) return;
      this.#resting.delete(offset);
      this.#taken.delete(offset);
    }
  }

  #search(from: number, to: number): number | undefined {
    for (let offset = this.#taken.skipFull(from); offset <= to; offset = this.#taken.skipFull(offset + 1))
      if (!this.#taken.has(offset) && !this.isReserved(offset)) return offset;
    return undefined;
  }

  #ipAt(offset: number): Uint8Array {
    const out = new Uint8Array(this.#length);
    for (let i = this.#length - 1, rest = this.#base + BigInt(offset); i >= 0; i--, rest >>= 8n)
      out[i] = Number(rest & 255n);
    return out;
  }
}

const toInt = (ip: Uint8Array): bigint => ip.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
