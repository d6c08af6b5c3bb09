/** Addresses of relays that are known by name: one question at a time, and the last good answer where there is none. */
import type { Clock } from '../../async/clock.ts';

export type Resolve = (host: string, family: 4 | 6) => Promise<readonly string[]>;

/** Longer than a resolver that works takes; a relay seldom moves, so that its last address is worth a try then. */
const PATIENCE_MS = 300;
const MAX_KEPT = 256;

export class RelayNames {
  readonly #clock: Clock;
  readonly #resolve: Resolve;
  /** A look-up cannot be cancelled: without this, every attempt would add one more to those that hang. */
  readonly #asking = new Map<string, Promise<string>>();
  readonly #known = new Map<string, string>();

  constructor(clock: Clock, resolve: Resolve) {
    this.#clock = clock;
    this.#resolve = resolve;
  }

  async address(host: string, family: 4 | 6): Promise<string> {
    const id = `${family} ${host}`;
    const asking = this.#ask(id, host, family);
    const known = this.#known.get(id);
    if (known === undefined) return asking;
    const over = new AbortController();
    const fallback = (): string => known;
    // The look-up goes on, and what it says is known the next time.
    const patience = this.#clock.sleep(PATIENCE_MS, over.signal).then(fallback, fallback);
    try {
      return await Promise.race([asking.catch(fallback), patience]);
    } finally {
      over.abort();
    }
  }

  #ask(id: string, host: string, family: 4 | 6): Promise<string> {
    const before = this.#asking.get(id);
    if (before !== undefined) return before;
    const asking = this.#resolve(host, family)
      .then((addresses) => this.#keep(id, host, addresses[0]))
      .finally(() => this.#asking.delete(id));
    this.#asking.set(id, asking);
    return asking;
  }

  #keep(id: string, host: string, address: string | undefined): string {
    if (address === undefined) throw Object.assign(new Error(host), { code: 'ENOTFOUND' });
    this.#known.delete(id);
    if (this.#known.size >= MAX_KEPT) {
      const [oldest] = this.#known.keys();
      if (oldest !== undefined) this.#known.delete(oldest);
    }
    this.#known.set(id, address);
    return address;
  }
}
