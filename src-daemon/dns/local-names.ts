/** Names on this machine as the data plane sees them: one wish in, packets to the service addresses in, answers out. */
import { toRhumbError } from '#shared/errors.ts';
import type { Log } from '#shared/log/log.ts';
import type { DnsManager } from './manager.ts';
import type { ResolverConfig } from './resolver/types.ts';
import type { DnsService } from './service/service.ts';
import type { DnsWish } from './types.ts';

export interface LocalNamesDeps {
  readonly manager: DnsManager;
  readonly service: DnsService;
  readonly log: Log;
}

export interface NamesConfig {
  /** Undefined = names are none of our business. */
  readonly wish: DnsWish | undefined;
  /** Our own addresses, which the kernel has already. */
  readonly own: readonly string[];
  readonly inside: ResolverConfig['inside'];
}

const NOTHING_INSIDE: ResolverConfig['inside'] = { routes: [], except: [] };

export class LocalNames implements AsyncDisposable {
  readonly #deps: LocalNamesDeps;

  constructor(deps: LocalNamesDeps) {
    this.#deps = deps;
  }

  /** After the router. Never rejects: what fails is a warning, and is tried again. */
  async configure(config: NamesConfig): Promise<void> {
    const { manager, service, log } = this.#deps;
    try {
      await service.listen(config.own);
    } catch (error) {
      // Then answers that are too large for UDP are missing.
      log('warn', 'dns.listen-failed', { error: toRhumbError(error).message });
    }
    await manager.configure(config.wish, config.inside);
  }

  /** Before the router: the system must ask others again while ours can still be reached. */
  async takeBack(): Promise<void> {
    await this.#deps.manager.configure(undefined, NOTHING_INSIDE);
    await this.#deps.service.listen([]);
  }

  networkChanged(): void {
    this.#deps.manager.networkChanged();
  }

  /** An inner packet of this host to a service address; borrowed for the call. */
  packet(bytes: Uint8Array): void {
    this.#deps.service.packet(bytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#deps.manager[Symbol.asyncDispose]();
    await this.#deps.service[Symbol.asyncDispose]();
  }
}
