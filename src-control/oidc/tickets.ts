/** Secrets handed to browsers and what they stand for: few, short-lived, each used once. */
import { createHash, randomBytes } from 'node:crypto';
import type { Clock } from '#shared/async/clock.ts';

const MAX_TICKETS = 4_096;
/** From one address; its own oldest makes room, so that nobody can push others out. */
const MAX_PER_NETWORK = 256;

interface Ticket<T> {
  readonly value: T;
  readonly network: string;
  /** By the clock that never jumps. */
  readonly endsAt: number;
}

export const mintSecret = (): string => randomBytes(32).toString('base64url');

/** Kept instead of the secret: what leaks from memory or a log opens nothing. */
export const hashSecret = (text: string): string => createHash('sha256').update(text).digest('base64url');

export class Tickets<T> {
  readonly #clock: Clock;
  readonly #lifeMs: number;
  /** By hash; oldest first. */
  readonly #tickets = new Map<string, Ticket<T>>();

  constructor(clock: Clock, lifeMs: number) {
    this.#clock = clock;
    this.#lifeMs = lifeMs;
  }

  /** The secret that stands for the value; `make` gets it, as some values contain it. */
  issue(network: string, make: (secret: string) => T): string {
    this.#sweep();
    this.#makeRoom(network);
    const secret = mintSecret();
    const endsAt = this.#clock.monotonic() + this.#lifeMs;
    this.#tickets.set(hashSecret(secret), { value: make(secret), network, endsAt });
    return secret;
  }

  get(secret: string): T | undefined {
    const ticket = this.#tickets.get(hashSecret(secret));
    return ticket === undefined || ticket.endsAt <= this.#clock.monotonic() ? undefined : ticket.value;
  }

  /** What `get` gives, for the last time. */
  take(secret: string): T | undefined {
    const value = this.get(secret);
    this.#tickets.delete(hashSecret(secret));
    return value;
  }

  get size(): number {
    return this.#tickets.size;
  }

  #sweep(): void {
    const now = this.#clock.monotonic();
    for (const [key, ticket] of this.#tickets) {
      if (ticket.endsAt > now) return;
      this.#tickets.delete(key);
    }
  }

  #makeRoom(network: string): void {
    const counts = new Map<string, number>();
    for (const one of this.#tickets.values()) counts.set(one.network, (counts.get(one.network) ?? 0) + 1);
    if ((counts.get(network) ?? 0) >= MAX_PER_NETWORK) this.#dropOldestOf(network);
    else if (this.#tickets.size >= MAX_TICKETS) {
      const [largest] = [...counts].reduce((a, b) => (b[1] > a[1] ? b : a));
      this.#dropOldestOf(largest);
    }
  }

  #dropOldestOf(network: string): void {
    for (const [key, ticket] of this.#tickets)
      if (ticket.network === network) {
        this.#tickets.delete(key);
        return;
      }
  }
}
