/** What the network wants of names, from maps as servers send them. */
import { describe, expect, test } from 'vitest';
import { dnsConfig } from '#shared/wire/map.ts';
import { type Node, node } from '#shared/wire/node.ts';
import { type DnsWishInput, dnsWish } from './wish.ts';

const machine = (id: number, name: string, more: Record<string, unknown> = {}): Node =>
  node.parse({
    ID: id,
    StableID: `n${id}`,
    Name: `${name}.net.test.`,
    User: 1,
    Addresses: [`100.64.0.${id}/32`, `fd7a:115c:a1e0::${id}/128`],
    ...more,
  });

interface Given extends Partial<Omit<DnsWishInput, 'map'>> {
  readonly self?: Node;
  readonly peers?: readonly Node[];
  readonly dns?: Record<string, unknown>;
}

const wishFor = ({ self = machine(1, 'me'), peers = [], dns = {}, ...more }: Given = {}) =>
  dnsWish({
    map: {
      self,
      peers: new Map(peers.map((one) => [String(one.ID), one])),
      dns: dnsConfig.parse({ Proxied: true, ...dns }),
    },
    prefs: { CorpDNS: true },
    exitNode: undefined,
    wantsExit: false,
    isExpired: false,
    ...more,
  });

const addrs = (list: readonly { readonly addr: string }[] | undefined) => list?.map(({ addr }) => addr);
const exit = machine(9, 'exit', {
  Cap: 130,
  Hostinfo: { Services: [{ Proto: 'peerapi4', Port: 4_009 }] },
});

describe('hosts', () => {
  const peers = [
    machine(2, 'Box', { CapMap: { 'dns-subdomain-resolve': null } }),
    machine(3, 'six', { Addresses: ['fd7a:115c:a1e0::3/128'] }),
  ];

  test.each([
    ['me.net.test', ['100.64.0.1']],
    ['box.net.test', ['100.64.0.2']],
    ['box', ['100.64.0.2']],
    ['six.net.test', ['fd7a:115c:a1e0::3']],
    ['nobody.net.test', undefined],
  ])('%s', (name, want) => expect(wishFor({ peers }).hosts.addresses(name)).toEqual(want));

  test('IPv6 beside IPv4 is told where the server wants it, and alone where we have nothing else', () => {
    const wants = machine(1, 'me', { CapMap: { 'magicdns-aaaa': null } });
    expect(wishFor({ peers, self: wants }).hosts.addresses('box.net.test')).toHaveLength(2);
    const six = machine(1, 'me', { Addresses: ['fd7a:115c:a1e0::1/128'] });
    const wish = wishFor({ peers, self: six });
    expect([wish.onlyIpv6, wish.hosts.addresses('box.net.test')]).toEqual([true, ['fd7a:115c:a1e0::2']]);
  });

  test('addresses have names, machines before records', () => {
    const ExtraRecords = [
      { Name: 'alias.test', Value: '100.64.0.2' },
      { Name: 'Wiki.Test.', Type: 'A', Value: '192.0.2.1' },
      { Name: 'text.test', Type: 'TXT', Value: '192.0.2.2' },
    ];
    const { hosts } = wishFor({ peers, dns: { ExtraRecords } });
    expect([hosts.name('100.64.0.2'), hosts.name('192.0.2.1')]).toEqual(['box.net.test', 'wiki.test']);
    expect([hosts.addresses('wiki.test'), hosts.addresses('text.test')]).toEqual([['192.0.2.1'], undefined]);
    expect([hosts.answersBelow('box.net.test'), hosts.answersBelow('six.net.test')]).toEqual([true, false]);
  });

  test('a map with few edits over a base that others share is looked through as one', () => {
    const base = new Map([
      ['2', machine(2, 'old')],
      ['3', machine(3, 'gone')],
      ['4', machine(4, 'kept')],
    ]);
    const edits = new Map([
      ['2', machine(2, 'new')],
      ['3', undefined],
    ]);
    const peers = Object.assign(new Map<string, Node>(), { layers: { base, edits } });
    const { hosts } = dnsWish({
      map: { self: machine(1, 'me'), peers, dns: dnsConfig.parse({ Proxied: true }) },
      prefs: { CorpDNS: true },
      exitNode: undefined,
      wantsExit: false,
      isExpired: false,
    });
    const found = ['old', 'new', 'gone', 'kept'].map((name) => hosts.addresses(`${name}.net.test`)?.[0]);
    expect(found).toEqual([undefined, '100.64.0.2', undefined, '100.64.0.4']);
    expect([hosts.name('100.64.0.2'), hosts.name('100.64.0.3')]).toEqual(['new.net.test', undefined]);
  });
});

describe('whom to ask', () => {
  test('an expired key leaves nothing, and whoever wants none of it keeps the names alone', () => {
    expect(wishFor({ isExpired: true }).hosts.addresses('me.net.test')).toBeUndefined();
    const own = wishFor({ prefs: { CorpDNS: false }, dns: { Resolvers: [{ Addr: '9.9.9.9' }] } });
    expect([own.configuresSystem, own.defaults, own.routes.size]).toEqual([false, [], 0]);
    expect(own.hosts.addresses('me.net.test')).toEqual(['100.64.0.1']);
  });

  test('the network speaks for its own names and addresses while it has names', () => {
    const { routes, hasUncoveredHosts } = wishFor();
    expect([routes.get('net.test'), routes.get('127.100.in-addr.arpa'), routes.size]).toEqual([[], [], 66]);
    expect([hasUncoveredHosts, wishFor({ dns: { Proxied: false } }).hasUncoveredHosts]).toEqual([
      false,
      true,
    ]);
  });

  test('records outside of all domains get one of their own', () => {
    const ExtraRecords = ['wiki.other.test', 'x.net.test'].map((Name) => ({ Name, Value: '192.0.2.1' }));
    const { routes } = wishFor({ dns: { ExtraRecords } });
    expect([routes.get('wiki.other.test'), routes.get('x.net.test')]).toEqual([[], undefined]);
  });

  const Resolvers = [{ Addr: '9.9.9.9' }];
  const FallbackResolvers = [{ Addr: '8.8.8.8' }];
  const Routes = { 'corp.test.': [{ Addr: '10.0.0.53' }], 'none.test': [] };
  test.each([
    ['no exit node', {}, ['9.9.9.9'], ['10.0.0.53']],
    [
      'one that looks up',
      { exitNode: exit, wantsExit: true },
      ['http://100.64.0.9:4009/dns-query'],
      undefined,
    ],
    ['one that does not', { exitNode: machine(9, 'exit'), wantsExit: true }, ['9.9.9.9'], ['10.0.0.53']],
    ['one that is not known yet', { wantsExit: true }, ['9.9.9.9'], ['10.0.0.53']],
  ])('with %s', (_, more, defaults, corp) => {
    const wish = wishFor({ dns: { Resolvers, FallbackResolvers, Routes }, ...more });
    expect(addrs(wish.defaults)).toEqual(defaults);
    expect([addrs(wish.routes.get('corp.test')), wish.routes.get('none.test')]).toEqual([corp, []]);
  });

  test('servers for exit nodes go before the exit node, and those for want of better ones come last', () => {
    const marked = [...Resolvers, { Addr: '1.1.1.1', UseWithExitNode: true }];
    const through = wishFor({ dns: { Resolvers: marked }, exitNode: exit, wantsExit: true });
    expect(addrs(through.defaults)).toEqual(['1.1.1.1']);
    expect(addrs(wishFor({ dns: { FallbackResolvers }, wantsExit: true }).defaults)).toEqual(['8.8.8.8']);
    expect(wishFor({ dns: { FallbackResolvers } }).defaults).toEqual([]);
    const bare = machine(9, 'exit', { IsWireGuardOnly: true, ExitNodeDNSResolvers: [{ Addr: '10.64.0.1' }] });
    const only = wishFor({ dns: { FallbackResolvers }, exitNode: bare, wantsExit: true });
    expect(addrs(only.defaults)).toEqual(['10.64.0.1']);
  });
});
