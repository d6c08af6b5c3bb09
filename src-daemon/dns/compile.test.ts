/** Who is asked what: each case of §7.3, and the edges between them. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SERVICE_IP, SERVICE_IP6 } from '#shared/ip/address.ts';
import { type Base, type BaseDns, compile, type SystemFacts } from './compile.ts';
import type { DnsWish, Hosts, Upstream } from './types.ts';

const hosts: Hosts = { addresses: () => undefined, name: () => undefined, answersBelow: () => false };
const up = (...addrs: string[]): readonly Upstream[] => addrs.map((addr) => ({ addr, bootstrap: [] }));
const routesOf = (routes: Record<string, readonly Upstream[]>): DnsWish['routes'] =>
  new Map(Object.entries(routes));

const wish = (parts: Partial<DnsWish>): DnsWish => ({
  hosts,
  defaults: [],
  routes: new Map(),
  searchDomains: ['net.example'],
  hasUncoveredHosts: false,
  configuresSystem: true,
  onlyIpv6: false,
  ...parts,
});
const facts = (parts: Partial<SystemFacts> = {}): SystemFacts => ({
  canSplit: false,
  hasIpv6: true,
  isHttpsOnly: (ip) => ip === '45.90.28.1',
  ...parts,
});
const split = facts({ canSplit: true });
const base: BaseDns = { nameservers: ['192.0.2.53'], searchDomains: ['lan.example', 'net.example'] };

const ours = [SERVICE_IP, SERVICE_IP6];
const magic = { 'net.example': up(), '64.100.in-addr.arpa': up() };

interface Row {
  readonly name: string;
  readonly wish: DnsWish;
  readonly facts: SystemFacts;
  readonly base?: Base;
  /** Servers, domains to split by, search domains; undefined = left alone. */
  readonly system: readonly [readonly string[], readonly string[], readonly string[]] | undefined;
  readonly resolver: {
    readonly authoritative?: string[];
    readonly routes?: string[];
    readonly defaults?: string[];
  };
}

const rows: readonly Row[] = [
  {
    name: 'does not touch a system whose user does not want it, and answers who asks all the same',
    wish: wish({ configuresSystem: false, defaults: up('9.9.9.9'), routes: routesOf(magic) }),
    facts: split,
    system: undefined,
    resolver: { authoritative: ['64.100.in-addr.arpa', 'net.example'] },
  },
  {
    name: '1: wants nothing of names',
    wish: wish({ searchDomains: [] }),
    facts: facts(),
    system: undefined,
    resolver: {},
  },
  {
    name: '1: has only search domains, for a system that can have them alone',
    wish: wish({}),
    facts: split,
    system: [[], [], ['net.example']],
    resolver: {},
  },
  {
    name: '1: has only search domains, for a file that must name servers, too',
    wish: wish({}),
    facts: facts(),
    base,
    system: [['192.0.2.53'], [], ['net.example', 'lan.example']],
    resolver: {},
  },
  {
    name: '1: has only search domains, and the system has no servers either',
    wish: wish({}),
    facts: facts(),
    base: { nameservers: [], searchDomains: [] },
    system: undefined,
    resolver: {},
  },
  {
    name: '2: only plain servers go to the system without us',
    wish: wish({ defaults: up('9.9.9.9', '2620:fe::9:53', '149.112.112.112:53') }),
    facts: facts(),
    system: [['9.9.9.9', '2620:fe::9:53', '149.112.112.112'], [], ['net.example']],
    resolver: {},
  },
  {
    name: '3: a server on another port is asked by us',
    wish: wish({ defaults: up('9.9.9.9:5353') }),
    facts: split,
    system: [ours, [], ['net.example']],
    resolver: { defaults: ['9.9.9.9:5353'] },
  },
  {
    name: '3: a server that answers over HTTPS only is asked by us',
    wish: wish({ defaults: up('9.9.9.9', '45.90.28.1') }),
    facts: split,
    system: [ours, [], ['net.example']],
    resolver: { defaults: ['9.9.9.9', '45.90.28.1'] },
  },
  {
    name: '3: an exit node that resolves names is asked by us',
    wish: wish({ defaults: up('http://100.64.0.9:1234/dns-query'), routes: routesOf(magic) }),
    facts: split,
    system: [ours, [], ['net.example']],
    resolver: {
      authoritative: ['64.100.in-addr.arpa', 'net.example'],
      defaults: ['http://100.64.0.9:1234/dns-query'],
    },
  },
  {
    name: '3: hosts below no route go through us with plain servers, too',
    wish: wish({ defaults: up('9.9.9.9'), hasUncoveredHosts: true }),
    facts: split,
    system: [ours, [], ['net.example']],
    resolver: { defaults: ['9.9.9.9'] },
  },
  {
    name: '3: servers for some domains and for the rest',
    wish: wish({ defaults: up('9.9.9.9'), routes: routesOf({ ...magic, 'corp.example': up('10.0.0.53') }) }),
    facts: facts(),
    system: [ours, [], ['net.example']],
    resolver: {
      authoritative: ['64.100.in-addr.arpa', 'net.example'],
      routes: ['corp.example'],
      defaults: ['9.9.9.9'],
    },
  },
  {
    name: '4: the same plain servers for all domains',
    wish: wish({ routes: routesOf({ 'b.example': up('10.0.0.53'), 'a.example': up('10.0.0.53') }) }),
    facts: split,
    system: [['10.0.0.53'], ['a.example', 'b.example'], ['net.example']],
    resolver: {},
  },
  {
    name: '5: not 4, when they differ',
    wish: wish({ routes: routesOf({ 'a.example': up('10.0.0.53'), 'b.example': up('10.0.0.54') }) }),
    facts: split,
    system: [ours, ['a.example', 'b.example'], ['net.example']],
    resolver: { routes: ['a.example', 'b.example'] },
  },
  {
    name: '5: not 4, when we answer for some ourselves',
    wish: wish({ routes: routesOf({ ...magic, 'corp.example': up('10.0.0.53') }) }),
    facts: split,
    system: [ours, ['64.100.in-addr.arpa', 'corp.example', 'net.example'], ['net.example']],
    resolver: { authoritative: ['64.100.in-addr.arpa', 'net.example'], routes: ['corp.example'] },
  },
  {
    name: '5: not 4, when one of the servers is not plain',
    wish: wish({ routes: routesOf({ 'a.example': up('10.0.0.53', 'https://dns.example/dns-query') }) }),
    facts: split,
    system: [ours, ['a.example'], ['net.example']],
    resolver: { routes: ['a.example'] },
  },
  {
    name: '6: a system that cannot split asks us for all, and we ask whom it asked',
    wish: wish({ routes: routesOf({ ...magic, 'corp.example': up('10.0.0.53') }) }),
    facts: facts(),
    base,
    system: [ours, [], ['net.example', 'lan.example']],
    resolver: {
      authoritative: ['64.100.in-addr.arpa', 'net.example'],
      routes: ['corp.example'],
      defaults: ['192.0.2.53'],
    },
  },
  {
    name: '6: so does one that can, for hosts below no route',
    wish: wish({ routes: routesOf({ 'a.example': up() }), hasUncoveredHosts: true }),
    facts: split,
    base,
    system: [ours, [], ['net.example', 'lan.example']],
    resolver: { authoritative: ['a.example'], defaults: ['192.0.2.53'] },
  },
  {
    name: '6: falls back to 5 where the system does not say whom it asks',
    wish: wish({ routes: routesOf({ 'a.example': up() }), hasUncoveredHosts: true }),
    facts: split,
    base: 'unsupported',
    system: [ours, ['a.example'], ['net.example']],
    resolver: { authoritative: ['a.example'] },
  },
  {
    name: 'names only our IPv6 address when we have no other',
    wish: wish({ routes: routesOf(magic), onlyIpv6: true }),
    facts: split,
    system: [[SERVICE_IP6], ['64.100.in-addr.arpa', 'net.example'], ['net.example']],
    resolver: { authoritative: ['64.100.in-addr.arpa', 'net.example'] },
  },
  {
    name: 'does not name our IPv6 address to a machine without IPv6',
    wish: wish({ routes: routesOf(magic) }),
    facts: facts({ canSplit: true, hasIpv6: false }),
    system: [[SERVICE_IP], ['64.100.in-addr.arpa', 'net.example'], ['net.example']],
    resolver: { authoritative: ['64.100.in-addr.arpa', 'net.example'] },
  },
];

describe('compile', () => {
  test.each(rows)('$name', ({ wish: wanted, facts: given, base: read, system, resolver }) => {
    // What is not needed is not read.
    expect(compile(wanted, given) === 'needs-base').toBe(read !== undefined);
    const compiled = compile(wanted, given, read);
    if (compiled === 'needs-base') throw new Error('it was given');
    const [nameservers, matchDomains, searchDomains] = system ?? [];
    expect(compiled.system).toEqual(system && { nameservers, matchDomains, searchDomains });
    expect(compiled.resolver.hosts).toBe(hosts);
    expect(compiled.resolver.authoritative).toEqual(resolver.authoritative ?? []);
    expect([...compiled.resolver.routes.keys()]).toEqual(resolver.routes ?? []);
    expect(compiled.resolver.defaults.map(({ addr }) => addr)).toEqual(resolver.defaults ?? []);
  });

  test('never sends a system without servers to split, nor itself to itself', () => {
    const addr = fc.constantFrom('9.9.9.9', '10.0.0.53:53', '10.0.0.53:54', 'https://x.example/', 'nonsense');
    const upstreams = fc.array(addr, { maxLength: 3 }).map((addrs) => up(...addrs));
    const anyWish = fc.record({
      defaults: upstreams,
      routes: fc.dictionary(fc.constantFrom('a.example', 'b.example', 'c.arpa'), upstreams).map(routesOf),
      searchDomains: fc.array(fc.constantFrom('net.example', 'x.example'), { maxLength: 2 }),
      hasUncoveredHosts: fc.boolean(),
      configuresSystem: fc.boolean(),
      onlyIpv6: fc.boolean(),
    });
    const anyBase = fc.constantFrom<Base>('unsupported', base, { nameservers: [], searchDomains: [] });
    fc.assert(
      fc.property(anyWish, fc.boolean(), anyBase, (parts, canSplit, read) => {
        const compiled = compile(wish(parts), facts({ canSplit }), read);
        if (compiled === 'needs-base') throw new Error('it was given');
        const { system, resolver } = compiled;
        if (system?.nameservers.length === 0) expect(system.matchDomains).toEqual([]);
        expect(resolver.defaults.some(({ addr: to }) => ours.includes(to))).toBe(false);
        // Whoever is sent to us is served: nothing that has servers is lost.
        if (system?.nameservers.includes(SERVICE_IP6))
          for (const [suffix, servers] of wish(parts).routes)
            expect(servers.length === 0 || resolver.routes.has(suffix)).toBe(true);
      }),
    );
  });
});
