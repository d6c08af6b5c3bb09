/** Says while this machine announces routes that its kernel does not forward to, and no longer once somebody switched it on. */
import type { Clock } from '#shared/async/clock.ts';

/** The kernel tells nobody of its switches. */
const LOOK_EVERY_MS = 60_000;

export interface ForwardingWatchDeps {
  readonly clock: Clock;
  /** '' = all is well. */
  readonly check: (routes: readonly string[]) => string;
  readonly trouble: (what: 'ip-forwarding-off', error: string | undefined) => void;
}

export class ForwardingWatch {
  readonly #deps: ForwardingWatchDeps;
  #routes: readonly string[] = [];
  #cancel: (() => void) | undefined;

  constructor(deps: ForwardingWatchDeps) {
    this.#deps = deps;
  }

  /** What peers may reach through this machine; none = forwarding is none of our business. */
  routesAre(routes: readonly string[]): void {
    this.#routes = routes;
    this.#look();
  }

  close(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #look(): void {
    const { clock, check, trouble } = this.#deps;
    this.close();
    const said = this.#routes.length === 0 ? '' : check(this.#routes);
    trouble('ip-forwarding-off', said === '' ? undefined : said);
    if (this.#routes.length > 0) this.#cancel = clock.after(LOOK_EVERY_MS, () => this.#look());
  }
}
