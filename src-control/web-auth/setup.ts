/** The way in for the very first person: a code that is printed when a server starts without any user, good once and for a day. */
import { timingSafeEqual } from 'node:crypto';
import type { Clock } from '#shared/async/clock.ts';
import { hashAdminCode, mintAdminCode } from '../auth/secrets.ts';
import type { Network } from '../state/network.ts';

const LIFE_MS = 24 * 3_600_000;

export class Setup {
  readonly #network: Network;
  readonly #clock: Clock;
  #code: { readonly hash: Uint8Array; readonly endsAt: number } | undefined;

  constructor(network: Network, clock: Clock) {
    this.#network = network;
    this.#clock = clock;
  }

  /** The code to print; in memory only, so each start makes another. Undefined when there are users. */
  begin(): string | undefined {
    if (!this.#isNew()) return undefined;
    const { text, hash } = mintAdminCode();
    this.#code = { hash, endsAt: this.#clock.monotonic() + LIFE_MS };
    return text;
  }

  /** Ends by itself when the first user is there, whoever made it. */
  get isOpen(): boolean {
    return this.#code !== undefined && this.#code.endsAt > this.#clock.monotonic() && this.#isNew();
  }

  fits(text: string): boolean {
    const hash = hashAdminCode(text);
    return this.isOpen && hash !== undefined && timingSafeEqual(hash, this.#code?.hash ?? new Uint8Array(32));
  }

  #isNew(): boolean {
    const [first] = this.#network.users();
    return first === undefined;
  }
}
