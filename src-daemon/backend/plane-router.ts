/** Addresses, routes and firewall of this machine as a configuration wants them: applied when they change, and taken back. */
import type { Clock } from '#shared/async/clock.ts';
import type { Log } from '#shared/log/log.ts';
import type { KillSwitch, Router } from '../router/types.ts';
import { ForwardingWatch } from './forwarding-watch.ts';
import type { PlaneConfig, PlaneEvents } from './plane.ts';

export interface PlaneRouterDeps {
  readonly router: Router;
  /** What of these routes the kernel does not forward to, with the remedy; '' = nothing. */
  readonly checkForwarding?: ((routes: readonly string[]) => string) | undefined;
  readonly mtu: number;
  readonly udpPort: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly trouble: PlaneEvents['trouble'];
}

export class PlaneRouter implements AsyncDisposable {
  readonly #deps: PlaneRouterDeps;
  readonly #forwarding: ForwardingWatch;
  /** Addresses and routes in force, as text; undefined when that is not known. */
  #applied: string | undefined;
  /** Since the last attempt began nothing else may have touched it. */
  #isUntouched = true;
  /** What they were made of. */
  #appliedFrom: PlaneConfig | undefined;
  /** What keeps packets from leaving outside the tunnel, as it was asked for last. */
  #closed: KillSwitch | undefined | 'as found' = 'as found';

  constructor(deps: PlaneRouterDeps) {
    const { clock, trouble, checkForwarding = () => '' } = deps;
    this.#deps = deps;
    this.#forwarding = new ForwardingWatch({ clock, check: checkForwarding, trouble });
  }

  /** What is to stay closed when the routes are taken back; said before an attempt, which may fail half-way. */
  keepClosed(killSwitch: KillSwitch | undefined): void {
    this.#closed = killSwitch;
  }

  /** Most maps tell only who is online: those must not start three programs each to look at the interface. */
  async apply(config: PlaneConfig): Promise<void> {
    const { router, mtu, udpPort, log, trouble } = this.#deps;
    const { addresses, routes, localRoutes } = config;
    this.#forwarding.routesAre(config.accepts);
    const firewall = { ...config.firewall, udpPort };
    // A configuration made from the last one shares what did not change, and thousands of routes are dear to compare.
    const last = this.#appliedFrom;
    const isSame =
      last?.routes === routes && last.localRoutes === localRoutes && last.firewall === config.firewall;
    if (isSame && last.addresses === addresses && this.#applied !== undefined) return;
    this.#appliedFrom = config;
    const wanted = JSON.stringify([addresses, routes, localRoutes, firewall]);
    if (wanted === this.#applied) return;
    this.#applied = undefined;
    this.#isUntouched = true;
    const warnings = await router.apply({ addresses, routes, localRoutes, firewall, mtu });
    // A route that another program had may be free the next time.
    const isWhole = !warnings.some(({ kind }) => kind === 'route-taken');
    if (isWhole && this.#isUntouched) this.#applied = wanted;
    for (const { kind, text } of warnings) log('warn', 'router.warning', { kind, text });
    for (const what of ['firewall-failed', 'docker-stateful-filtering'] as const)
      trouble(what, warnings.find(({ kind }) => kind === what)?.text);
  }

  /** Takes all back but what is to stay closed. */
  async clear(): Promise<void> {
    this.#applied = undefined;
    this.#forwarding.routesAre([]);
    // Until it is known what is wanted, what an earlier run closed stays closed.
    if (this.#closed === 'as found') await this.#deps.router[Symbol.asyncDispose]();
    else await this.#deps.router.clear({ killSwitch: this.#closed });
  }

  /** Something else may have touched what was applied: the next time it is applied again. */
  forget(): void {
    this.#applied = undefined;
    this.#isUntouched = false;
  }

  /** What routes hold back ends with the daemon; a kill switch does not. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#forwarding.close();
    await this.#deps.router[Symbol.asyncDispose]();
  }
}
