/** What the operating system shall do for the tunnel: addresses, routes, firewall (localapi-and-daemon.md §6.1 to §6.4). */

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
   * Whole and idempotent; the interface must exist. A kill switch comes before the routes that need it and goes after
   * them. Rejects when the kernel refuses, naming the command; what a missing program makes impossible is refused
   * before anything is changed.
   */
  apply(config: RouterConfig): Promise<readonly RouterWarning[]>;
  /** Takes back what was applied, and the kill switch unless it is to stay; the interface may be gone already. */
  clear(options: { readonly keepKillSwitch: boolean }): Promise<void>;
}

export interface FirewallConfig {
  /** `off` touches nothing; `nodivert` makes the chains and nothing jumps to them. */
  readonly mode: 'on' | 'nodivert' | 'off';
  /** Which of both is to be used; empty = what this machine has. */
  readonly kind: '' | 'iptables' | 'nftables';
  /** What peers send to our subnet routes or through us as exit node leaves with this machine's address. */
  readonly snat: boolean;
  /** Forwarded packets into the tunnel only as answers. */
  readonly stateful: boolean;
  /** Packets from 100.64.0.0/10 that do not come out of the tunnel are forgeries; false where the server says otherwise. */
  readonly dropsCgnat: boolean;
  /** Peers may send packets through this machine. */
  readonly forwards: boolean;
  /** The UDP port that must stay reachable; 0 = none yet. */
  readonly udpPort: number;
  readonly killSwitch: KillSwitch | undefined;
}

/** Nothing but the tunnel and the daemon's own marked packets leaves this machine. Outlives the daemon. */
export interface KillSwitch {
  /** What may be reached beside the tunnel: networks that this machine is attached to, when the user allows it. */
  readonly lan: readonly string[];
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
