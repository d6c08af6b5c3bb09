/** How many bytes plain STUN clients may get: what their address sent, and a small allowance (decisions/005). */
import type { Clock } from '#shared/async/clock.ts';

/** Per address: eight answers over IPv4 in a row, then about one in three seconds for nothing. */
const ALLOWANCE_BYTES = 96;
const ALLOWANCE_PER_SECOND = 4;
/** Over all addresses, so that forged ones add up to nothing either: a hundred answers a second. */
const TOTAL_BYTES = 12_000;
const TOTAL_PER_SECOND = 1_200;
/** What an address sent and has not had back; kept only for the next few answers. */
const MAX_SENT_BYTES = 1_024;
const MAX_ADDRESSES = 10_000;

interface Account {
  /** Bytes it sent that have not been answered. */
  sent: number;
  allowance: number;
  at: number;
}

export class StunBudget {
  readonly #clock: Clock;
  /** Least recently heard first. */
  readonly #accounts = new Map<string, Account>();
  #total = TOTAL_BYTES;
  #totalAt: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#totalAt = clock.monotonic();
  }

  /** Whether `answer` bytes may go to `network`, from which `request` bytes have just come. */
  allows(network: string, request: number, answer: number): boolean {
    const now = this.#clock.monotonic();
    const account = this.#account(network, now);
    account.sent = Math.min(MAX_SENT_BYTES, account.sent + request);
    const unpaid = Math.max(0, answer - account.sent);
    if (unpaid > account.allowance || unpaid > this.#refilledTotal(now)) return false;
    account.sent -= answer - unpaid;
    account.allowance -= unpaid;
    this.#total -= unpaid;
    return true;
  }

  #account(network: string, now: number): Account {
    const known = this.#accounts.get(network);
    this.#accounts.delete(network);
    const [oldest] = this.#accounts.keys();
    if (this.#accounts.size >= MAX_ADDRESSES && oldest !== undefined) this.#accounts.delete(oldest);
    const account = known ?? { sent: 0, allowance: ALLOWANCE_BYTES, at: now };
    const gained = ((now - account.at) * ALLOWANCE_PER_SECOND) / 1_000;
    account.allowance = Math.min(ALLOWANCE_BYTES, account.allowance + gained);
    account.at = now;
    this.#accounts.set(network, account);
    return account;
  }

  #refilledTotal(now: number): number {
    const gained = ((now - this.#totalAt) * TOTAL_PER_SECOND) / 1_000;
    this.#total = Math.min(TOTAL_BYTES, this.#total + gained);
    this.#totalAt = now;
    return this.#total;
  }
}
