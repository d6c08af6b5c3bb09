/** What the network wants of name resolution, before it is known what this system can do (localapi-and-daemon.md §7.2). */

/** Whom to ask. */
export interface Upstream {
  /** `ip`, `ip:port`, `https://host/path` or, at an exit node, `http://ip:port/dns-query`. */
  readonly addr: string;
  /** Addresses of the host in `addr`, when it is a name. */
  readonly bootstrap: readonly string[];
}

/** Names of machines; looked up, never enumerated on the hot path. */
export interface Hosts {
  /** Canonical addresses of a lower-case name without final dot; undefined = no such host. */
  addresses(name: string): readonly string[] | undefined;
  /** Name, without final dot, of a canonical address. */
  name(ip: string): string | undefined;
  /** A host below which every name is the host's too (node attribute `dns-subdomain-resolve`). */
  answersBelow(name: string): boolean;
}

export interface DnsWish {
  readonly hosts: Hosts;
  /** Names are lower case, without final dot. For everything that no route covers; none = as the system had it. */
  readonly defaults: readonly Upstream[];
  /** By suffix; no upstreams = what `hosts` doesn't know does not exist. */
  readonly routes: ReadonlyMap<string, readonly Upstream[]>;
  readonly searchDomains: readonly string[];
  /** Some host is below no route, so that this machine's resolver must ask us for everything. */
  readonly hasUncoveredHosts: boolean;
  /** False: only who asks 100.100.100.100 by itself gets answers. */
  readonly configuresSystem: boolean;
  /** We have no IPv4 address in the network. */
  readonly onlyIpv6: boolean;
}

/** What a system's resolver shall use. No match domains = for everything. */
export interface SystemDns {
  readonly nameservers: readonly string[];
  readonly searchDomains: readonly string[];
  readonly matchDomains: readonly string[];
}
