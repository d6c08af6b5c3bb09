/** What the firewall shall do for the tunnel (localapi-and-daemon.md §6.3, §6.8). */

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
  /** The user wants the firewall left alone: routes have to do, as long as the daemon runs. */
  readonly byRoutesOnly?: boolean | undefined;
  /** What may be reached beside the tunnel: networks that this machine is attached to, when the user allows it. */
  readonly lan: readonly string[];
}

/** What the rules are made from. */
export interface FirewallFacts {
  readonly tunName: string;
  /** Our own addresses, `ip/bits`. */
  readonly addresses: readonly string[];
}
