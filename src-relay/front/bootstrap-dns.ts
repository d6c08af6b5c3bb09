/** Answers of `/bootstrap-dns`: addresses of a few names, for clients whose own DNS is broken (nat-traversal.md §1.11). */
import type { Clock, Random } from '#shared/async/clock.ts';
import { toRhumbError } from '#shared/errors.ts';
import { parseIp } from '#shared/ip/address.ts';
import type { Log } from '#shared/log/log.ts';

export interface BootstrapDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Every address of a name, of both families. */
  readonly resolve: (name: string) => Promise<readonly string[]>;
}

const REFRESH_MS = 600_000;
const MAX_NAMES = 64;
const MAX_ADDRESSES = 32;

export class BootstrapDns implements Disposable {
  readonly #deps: BootstrapDeps;
  readonly #published: readonly string[];
  readonly #unpublished: readonly string[];
  readonly #addresses = new Map<string, readonly string[]>();
  #cancel: (() => void) | undefined;
  #isClosed = false;
  requests = 0;

  /** `unpublished` names are given only to those who ask for them. */
  constructor(deps: BootstrapDeps, published: readonly string[], unpublished: readonly string[] = []) {
    this.#deps = deps;
    this.#published = published.slice(0, MAX_NAMES);
    this.#unpublished = unpublished.slice(0, MAX_NAMES);
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#cancel?.();
  }

  /** Looks all names up, and again every ten minutes. A name that can't be looked up keeps its last addresses. */
  async refresh(): Promise<void> {
    const names = [...new Set([...this.#published, ...this.#unpublished])];
    await Promise.all(names.map((name) => this.#look(name)));
    if (!this.#isClosed && names.length > 0)
      this.#cancel = this.#deps.clock.after(REFRESH_MS, () => void this.refresh());
  }

  /** JSON: name to addresses. */
  answer(query: string | undefined): string {
    this.requests++;
    const isHidden = query !== undefined && this.#unpublished.includes(query);
    const names = isHidden ? [query] : this.#published;
    const entries = names
      .filter((name) => this.#addresses.has(name))
      .map((name) => [name, this.#addresses.get(name)]);
    return JSON.stringify(Object.fromEntries(entries));
  }

  async #look(name: string): Promise<void> {
    const { resolve, log, random } = this.#deps;
    try {
      const found = (await resolve(name)).filter((text) => parseIp(text) !== undefined);
      // Clients take them in order: each family must come first now and then.
      const mixed = found.map((ip) => ({ ip, at: random() })).sort((a, b) => a.at - b.at);
      if (found.length > 0)
        this.#addresses.set(
          name,
          mixed.slice(0, MAX_ADDRESSES).map(({ ip }) => ip),
        );
    } catch (error) {
      log('warn', 'bootstrap-dns.failed', { name, error: toRhumbError(error).message });
    }
  }
}
