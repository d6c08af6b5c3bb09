/** Maps that mean harm, or nobody meant: what of them must not reach the system's files or other people's names. */
import { expect, test } from 'vitest';
import { dnsConfig } from '#shared/wire/map.ts';
import { type Node, node } from '#shared/wire/node.ts';
import { dnsWish } from './wish.ts';

const machine = (id: number, name: string, more: Record<string, unknown> = {}): Node =>
  node.parse({
    ID: id,
    StableID: `n${id}`,
    Name: `${name}.net.test.`,
    User: 1,
    Addresses: [`100.64.0.${id}/32`],
    ...more,
  });

const wishFor = (dns: Record<string, unknown>, peers: readonly Node[] = [], self = machine(1, 'me')) =>
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
  });

test.each([
  'a\nnameserver 192.0.2.66',
  'a options debug',
  "a'$(id)'",
  '~.',
  '#',
  'a\0b',
  'a;b',
  'bücher.test',
])('search domains and suffixes can bring nothing else into a file of the system: %j', (bad) => {
  const { searchDomains, routes } = wishFor({
    Domains: [bad, 'net.test'],
    Routes: { [bad]: [{ Addr: '10.0.0.53' }] },
    ExtraRecords: [{ Name: bad, Value: '10.0.0.1' }],
  });
  expect(searchDomains).toEqual(['net.test']);
  expect([...routes.keys()].filter((name) => !/^[a-z0-9_.-]+$/.test(name))).toEqual([]);
  expect(routes.has(bad)).toBe(false);
});

test('nor can the name of the network', () => {
  const { routes } = wishFor({}, [], machine(1, 'me', { Name: 'me.a\nnameserver 192.0.2.66.' }));
  expect([...routes.keys()].every((name) => name.endsWith('.arpa'))).toBe(true);
});

test('more search domains than anybody can mean are cut off', () => {
  const { searchDomains } = wishFor({ Domains: Array.from({ length: 1_000 }, (_, i) => `d${i}.test`) });
  expect(searchDomains.length).toBeLessThanOrEqual(64);
  expect(searchDomains[0]).toBe('d0.test');
});

test('a machine named like a top-level domain answers for names below itself alone', () => {
  const greedy = machine(2, 'com', { CapMap: { 'dns-subdomain-resolve': null } });
  const { hosts } = wishFor({}, [greedy]);
  expect(hosts.answersBelow('com.net.test')).toBe(true);
  expect(hosts.answersBelow('com')).toBe(false);
});

test('records by the ten thousand of one name are read at once', () => {
  const ExtraRecords = Array.from({ length: 65_536 }, (_, i) => ({
    Name: 'many.test',
    Value: `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`,
  }));
  const before = process.cpuUsage();
  expect(wishFor({ ExtraRecords }).hosts.addresses('many.test')).toHaveLength(65_536);
  expect(process.cpuUsage(before).user).toBeLessThan(1_500_000);
});
