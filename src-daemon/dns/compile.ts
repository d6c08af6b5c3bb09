/** From what the network wants of names: what our resolver shall do, and what the system's (localapi-and-daemon.md §7.3). */
import { canonicalIp, parseSockAddr, SERVICE_IP, SERVICE_IP6 } from '#shared/ip/address.ts';
import type { DnsWish, Hosts, SystemDns, Upstream } from './types.ts';

/** What the resolver at 100.100.100.100 answers itself and whom it asks for the rest. Names are without final dot. */
export interface ResolverWish {
  readonly hosts: Hosts;
  /** What is below one of these and in no host does not exist. */
  readonly authoritative: readonly string[];
  readonly routes: ReadonlyMap<string, readonly Upstream[]>;
  /** For all that no route covers; none = such questions fail. */
  readonly defaults: readonly Upstream[];
}

/** What the system uses apart from us. */
export interface BaseDns {
  readonly nameservers: readonly string[];
  readonly searchDomains: readonly string[];
}

export interface SystemFacts {
  /** It can ask one resolver for some domains and another for the rest. */
  readonly canSplit: boolean;
  /** Programs of this machine can send to IPv6 addresses of the network. */
  readonly hasIpv6: boolean;
  /** Such a server answers over HTTPS only, so that no system can be given its address. */
  readonly isHttpsOnly: (ip: string) => boolean;
}

/** `unsupported` = this system does not tell, by its nature. */
export type Base = BaseDns | 'unsupported';

export interface Compiled {
  readonly resolver: ResolverWish;
  /** Undefined = as it was before us. */
  readonly system: SystemDns | undefined;
}

/** Without `base` where it is needed: says so, and is to be called again with it. */
export function compile(wish: DnsWish, facts: SystemFacts, base?: Base): Compiled | 'needs-base' {
  const resolver = ownAnswers(wish);
  if (!wish.configuresSystem) return { resolver, system: undefined };
  const { searchDomains } = wish;
  const system = (nameservers: readonly string[], matchDomains: readonly string[] = []): SystemDns => ({
    nameservers,
    searchDomains,
    matchDomains,
  });

  if (wish.defaults.length === 0 && wish.routes.size === 0)
    return searchOnly(resolver, searchDomains, facts, base);
  const plain = plainAddresses(wish.defaults, facts);
  if (plain !== undefined && wish.routes.size === 0 && !wish.hasUncoveredHosts)
    return { resolver, system: system(plain) };
  const routes = new Map([...wish.routes].filter(([, upstreams]) => upstreams.length > 0));
  const ours = serviceAddresses(wish, facts);
  if (wish.defaults.length > 0)
    return { resolver: { ...resolver, routes, defaults: wish.defaults }, system: system(ours) };

  const matchDomains = [...wish.routes.keys()].sort();
  const shared = facts.canSplit ? plainAddresses(sharedUpstreams(wish), facts) : undefined;
  if (shared !== undefined) return { resolver, system: system(shared, matchDomains) };
  if (facts.canSplit && (!wish.hasUncoveredHosts || base === 'unsupported'))
    return { resolver: { ...resolver, routes }, system: system(ours, matchDomains) };

  if (base === undefined) return 'needs-base';
  // A system that neither splits nor tells leaves nothing to ask for the rest.
  if (base === 'unsupported')
    return { resolver: { ...resolver, routes }, system: system(ours, matchDomains) };
  return {
    resolver: { ...resolver, routes, defaults: base.nameservers.map(asUpstream) },
    system: { ...system(ours), searchDomains: merged(searchDomains, base.searchDomains) },
  };
}

const ownAnswers = ({ hosts, routes }: DnsWish): ResolverWish => ({
  hosts,
  authoritative: [...routes]
    .filter(([, upstreams]) => upstreams.length === 0)
    .map(([suffix]) => suffix)
    .sort(),
  routes: new Map(),
  defaults: [],
});

/** A file without name servers would mean "ask 127.0.0.1" to the C library, so it takes those that were there. */
function searchOnly(
  resolver: ResolverWish,
  searchDomains: readonly string[],
  { canSplit }: SystemFacts,
  base: Base | undefined,
): Compiled | 'needs-base' {
  if (searchDomains.length === 0) return { resolver, system: undefined };
  if (canSplit) return { resolver, system: { nameservers: [], searchDomains, matchDomains: [] } };
  if (base === undefined) return 'needs-base';
  if (base === 'unsupported' || base.nameservers.length === 0) return { resolver, system: undefined };
  const all = merged(searchDomains, base.searchDomains);
  return { resolver, system: { nameservers: base.nameservers, searchDomains: all, matchDomains: [] } };
}

function serviceAddresses({ onlyIpv6 }: DnsWish, { hasIpv6 }: SystemFacts): readonly string[] {
  if (onlyIpv6) return [SERVICE_IP6];
  return hasIpv6 ? [SERVICE_IP, SERVICE_IP6] : [SERVICE_IP];
}

/** Those of all routes, when they are the same for each. */
function sharedUpstreams({ routes }: DnsWish): readonly Upstream[] {
  const [first = [], ...others] = routes.values();
  const text = JSON.stringify(first);
  return others.every((upstreams) => JSON.stringify(upstreams) === text) ? first : [];
}

/** The addresses, when all of them are servers that a system can ask: on port 53, and not only over HTTPS. */
function plainAddresses(
  upstreams: readonly Upstream[],
  { isHttpsOnly }: SystemFacts,
): readonly string[] | undefined {
  const ips = upstreams.map(({ addr }) => plainAddress(addr));
  const plain = ips.filter((ip) => ip !== undefined);
  const isPlain = ips.length > 0 && plain.length === ips.length && !plain.some(isHttpsOnly);
  return isPlain ? plain : undefined;
}

function plainAddress(addr: string): string | undefined {
  const ip = canonicalIp(addr);
  if (ip !== undefined) return ip;
  const with53 = parseSockAddr(addr);
  return with53?.port === 53 ? canonicalIp(with53.ip) : undefined;
}

const asUpstream = (addr: string): Upstream => ({ addr, bootstrap: [] });

const merged = (ours: readonly string[], theirs: readonly string[]): readonly string[] => [
  ...new Set([...ours, ...theirs]),
];
