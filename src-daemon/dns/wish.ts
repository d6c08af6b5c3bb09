/** From the network map to what the network wants of name resolution: pure, and no dearer than what its answers need (§7.2). */
import { canonicalIp, formatSockAddr } from '#shared/ip/address.ts';
import { type DnsConfig, dnsConfig } from '#shared/wire/map.ts';
import type { Node } from '#shared/wire/node.ts';
import { addressesOf, nameOfNode, type Peers, peerAt, peerNamed } from './host-index.ts';
import { canonical, encodeName, upwards } from './resolver/names.ts';
import type { DnsWish, Hosts, Upstream } from './types.ts';

export interface DnsWishInput {
  readonly map: { readonly self: Node; readonly peers: Peers; readonly dns: DnsConfig | undefined };
  readonly prefs: { readonly CorpDNS: boolean };
  /** The peer through which everything goes; undefined = none, or not known yet. */
  readonly exitNode: Node | undefined;
  /** The user wants an exit node, known or not. */
  readonly wantsExit: boolean;
  /** Our own key has expired: the login page must be found without the network. */
  readonly isExpired: boolean;
}

type WireResolver = NonNullable<DnsConfig['Resolvers']>[number];
type Routes = ReadonlyMap<string, readonly Upstream[]>;

const MAY_AAAA = 'magicdns-aaaa';
const ANSWERS_BELOW = 'dns-subdomain-resolve';
/** Official clients from this capability version on answer questions of exit-node users (control-protocol.md §7.4). */
const CAP_PROXIES_DNS = 26;
const REVERSE_V6 = '0.e.1.a.c.5.1.1.a.7.d.f.ip6.arpa';
/** Each is asked for with every short name, and files of the system are read only so far. */
const MAX_SEARCH_DOMAINS = 64;
const NO_DNS: DnsConfig = dnsConfig.parse({});
const NO_HOSTS: Hosts = { addresses: () => undefined, name: () => undefined, answersBelow: () => false };
const NOTHING: DnsWish = {
  hosts: NO_HOSTS,
  defaults: [],
  routes: new Map(),
  searchDomains: [],
  hasUncoveredHosts: false,
  configuresSystem: false,
  onlyIpv6: false,
};

export function dnsWish({ map, prefs, exitNode, wantsExit, isExpired }: DnsWishInput): DnsWish {
  if (isExpired) return NOTHING;
  const own = addressesOf(map.self);
  const onlyIpv6 = own.length > 0 && own.every((ip) => ip.includes(':'));
  const dns = map.dns ?? NO_DNS;
  const records = recordsOf(dns);
  const hosts = hostsOf(map, records, onlyIpv6);
  if (!prefs.CorpDNS) return { ...NOTHING, hosts, onlyIpv6 };
  const isOn = dns.Proxied === true;
  const url = exitNode === undefined ? undefined : dnsProxyUrl(exitNode, own);
  const zones: Routes = isOn ? new Map(ownZones(map.self).map((zone) => [zone, []])) : new Map();
  const split = splitRoutes(dns, url !== undefined);
  return {
    hosts,
    defaults: url === undefined ? defaultsWithout(dns, exitNode, wantsExit) : defaultsThrough(dns, url),
    routes: covering(new Map([...zones, ...split]), records),
    searchDomains: (dns.Domains ?? []).map(canonical).filter(isForFiles).slice(0, MAX_SEARCH_DOMAINS),
    hasUncoveredHosts: !isOn,
    configuresSystem: true,
    onlyIpv6,
  };
}

/** Suffix of all names of the network: our own name without its first label. */
function suffixOf(self: Node): string {
  const name = nameOfNode(self) ?? '';
  const dot = name.indexOf('.');
  return dot < 0 ? '' : name.slice(dot + 1);
}

function ownZones(self: Node): string[] {
  const suffix = suffixOf(self);
  if (!isForFiles(suffix)) return [];
  const v4 = Array.from({ length: 64 }, (_, i) => `${64 + i}.100.in-addr.arpa`);
  return [suffix, REVERSE_V6, ...v4];
}

/** The exit node asks for us, unless the network names servers of its own for this case. */
function defaultsThrough(dns: DnsConfig, url: string): readonly Upstream[] {
  const kept = upstreams((dns.Resolvers ?? []).filter(forExit));
  return kept.length > 0 ? kept : [{ addr: url, bootstrap: [] }];
}

/** Servers beside us may be out of reach through an exit node that doesn't ask for us: then those for want of better ones. */
function defaultsWithout(
  dns: DnsConfig,
  exitNode: Node | undefined,
  wantsExit: boolean,
): readonly Upstream[] {
  const given = upstreams(dns.Resolvers);
  if (given.length > 0 || !wantsExit) return given;
  const ofExit = exitNode?.IsWireGuardOnly === true ? upstreams(exitNode.ExitNodeDNSResolvers) : [];
  return ofExit.length > 0 ? ofExit : upstreams(dns.FallbackResolvers);
}

const forExit = ({ UseWithExitNode }: WireResolver): boolean => UseWithExitNode === true;

const upstreams = (resolvers: readonly WireResolver[] | undefined): readonly Upstream[] =>
  (resolvers ?? [])
    .filter(({ Addr }) => Addr !== undefined && Addr !== '')
    .map(({ Addr = '', BootstrapResolution }) => ({
      addr: Addr,
      bootstrap: (BootstrapResolution ?? []).map((ip) => canonicalIp(ip)).filter((ip) => ip !== undefined),
    }));

/** An empty list means: what the network doesn't know itself does not exist. Null is taken for that too. */
function splitRoutes(dns: DnsConfig, isThroughExit: boolean): Routes {
  const routes = new Map<string, readonly Upstream[]>();
  for (const [text, resolvers] of Object.entries(dns.Routes ?? {})) {
    const suffix = canonical(text);
    if (suffix !== '' && !isForFiles(suffix)) continue;
    const all = resolvers ?? [];
    const kept = isThroughExit ? all.filter(forExit) : all;
    if (kept.length > 0 || all.length === 0) routes.set(suffix, upstreams(kept));
  }
  return routes;
}

/** So that a system's resolver can be told to ask us for the records that no route holds. */
function covering(routes: Map<string, readonly Upstream[]>, records: Records): Routes {
  for (const name of records.byName.keys())
    if (isForFiles(name) && !routes.has('') && ![...upwards(name)].some((suffix) => routes.has(suffix)))
      routes.set(name, []);
  return routes;
}

const isName = (name: string): boolean => name !== '' && encodeName(name) !== undefined;

/** What names of hosts are made of: a line break or a quote would say other things to those who read what we write. */
const isForFiles = (name: string): boolean => /^[a-z0-9_.-]+$/.test(name) && isName(name);

/** Where the node's PeerAPI answers questions of exit-node users; undefined = it doesn't. */
function dnsProxyUrl(node: Node, own: readonly string[]): string | undefined {
  const services = node.Hostinfo?.Services ?? [];
  const port = (proto: string): number => services.find(({ Proto }) => Proto === proto)?.Port ?? 0;
  if ((node.Cap ?? 0) < CAP_PROXIES_DNS && port('peerapi-dns-proxy') === 0) return undefined;
  const theirs = addressesOf(node);
  for (const [proto, isFamily] of FAMILIES) {
    const ip = theirs.find(isFamily);
    if (port(proto) > 0 && ip !== undefined && own.some(isFamily))
      return `http://${formatSockAddr({ ip, port: port(proto) })}/dns-query`;
  }
  return undefined;
}

const isV4 = (ip: string): boolean => !ip.includes(':');
const isV6 = (ip: string): boolean => ip.includes(':');
const FAMILIES = [
  ['peerapi4', isV4],
  ['peerapi6', isV6],
] as const;

interface Records {
  readonly byName: ReadonlyMap<string, readonly string[]>;
  readonly byIp: ReadonlyMap<string, string>;
}

/** Most maps bring the same records as the one before. */
const knownRecords = new WeakMap<object, Records>();

/** Of type "", A or AAAA, which all mean the same: the value says what it is (control-protocol.md §4.9.1). */
function recordsOf(dns: DnsConfig): Records {
  const known = knownRecords.get(dns);
  if (known !== undefined) return known;
  const byName = new Map<string, string[]>();
  const byIp = new Map<string, string>();
  for (const { Name, Type, Value } of dns.ExtraRecords ?? []) {
    const name = canonical(Name ?? '');
    const ip = canonicalIp(Value ?? '');
    if (ip === undefined || !isName(name) || !['', 'A', 'AAAA'].includes(Type ?? '')) continue;
    if (byName.get(name)?.push(ip) === undefined) byName.set(name, [ip]);
    if (!byIp.has(ip)) byIp.set(ip, name);
  }
  const records = { byName, byIp };
  knownRecords.set(dns, records);
  return records;
}

function hostsOf(map: DnsWishInput['map'], records: Records, onlyIpv6: boolean): Hosts {
  const { self, peers, dns } = map;
  const suffix = suffixOf(self);
  const ownName = nameOfNode(self);
  const own = addressesOf(self);
  const mayAaaa = has(self, MAY_AAAA);
  const isOn = dns?.Proxied === true;
  /** Bare names are of this network, while it has names at all. */
  const full = (name: string): string => (name.includes('.') || !isOn ? name : `${name}.${suffix}`);
  const nodeOf = (name: string): Node | undefined => {
    const wanted = full(name);
    if (!wanted.includes('.')) return undefined;
    return wanted === ownName ? self : peerNamed(peers, wanted);
  };
  return {
    addresses: (name) => {
      const extra = records.byName.get(name);
      if (extra !== undefined) return extra;
      const node = nodeOf(name);
      return node === undefined ? undefined : answerable(addressesOf(node), onlyIpv6, mayAaaa);
    },
    name: (ip) => {
      const node = own.includes(ip) ? self : peerAt(peers, ip);
      return (node === undefined ? undefined : nameOfNode(node)) ?? records.byIp.get(ip);
    },
    answersBelow: (name) => {
      // A bare name is short for a machine's, but what is below it is not: `com` has many children.
      const node = name.includes('.') ? nodeOf(name) : undefined;
      return node !== undefined && has(node, ANSWERS_BELOW);
    },
  };
}

/** Nobody is sure that peers' programs listen on IPv6, so it is offered only where there is nothing else, or by wish of the server. */
function answerable(ips: readonly string[], onlyIpv6: boolean, mayAaaa: boolean): readonly string[] {
  if (onlyIpv6) return ips.filter(isV6);
  return mayAaaa || !ips.some(isV4) ? ips : ips.filter(isV4);
}

const has = ({ CapMap, Capabilities }: Node, name: string): boolean =>
  (CapMap !== undefined && Object.hasOwn(CapMap, name)) || Capabilities?.includes(name) === true;
