/** What the operating system shall do for the tunnel: addresses, routes, firewall (localapi-and-daemon.md §6.1 to §6.4). */

import type { FirewallConfig, KillSwitch } from '../firewall/types.ts';

export type { FirewallConfig, KillSwitch } from '../firewall/types.ts';

/** Prefixes are `ip/bits` throughout. */
export interface RouterConfig {
  /** Our own addresses. */
  readonly addresses: readonly string[];
  readonly mtu: number;
  /** What goes into the tunnel. */
  readonly routes: readonly string[];
  /** What stays out of it although a route above covers it. */
  readonly localRoutes: readonly string[];
  readonly firewall: FirewallConfig;
}

/** What could not be had, for the user; the rest is in force. */
export type RouterWarning =
  | { readonly kind: 'no-ipv6'; readonly text: string }
  | { readonly kind: 'route-taken'; readonly prefix: string; readonly text: string }
  /** Another program's rules drop what peers send, and we can't change them; or there is no tool for ours. */
  | { readonly kind: 'firewall-failed'; readonly text: string }
  | { readonly kind: 'docker-stateful-filtering'; readonly text: string };

export interface Router extends AsyncDisposable {
  /**
   * Whole and idempotent; the interface must exist. A kill switch comes before everything else and goes after it. Rejects
   * when the kernel refuses, naming the command; also when there can be no kill switch: then the routes hold by themselves.
   */
  apply(config: RouterConfig): Promise<readonly RouterWarning[]>;
  /**
   * Takes back what was applied, behind a kill switch that is put in force first when there is to be one; otherwise the
   * one that is there goes as well, last. The interface may be gone already, or never have been there.
   */
  clear(options: { readonly killSwitch: KillSwitch | undefined }): Promise<void>;
}

/** Touches nothing. */
export const NO_FIREWALL: FirewallConfig = {
  mode: 'off',
  kind: '',
  snat: false,
  stateful: false,
  dropsCgnat: true,
  forwards: false,
  udpPort: 0,
  killSwitch: undefined,
};
