/** Subnet routes, exit nodes and what is offered to others: which prefixes end up where. */
import { expect, test } from 'vitest';
import { privateKeyFrom } from '#shared/key/key.ts';
import { newPrefs, type Prefs } from '#shared/localapi/prefs.ts';
import type { Node } from '#shared/wire/node.ts';
import { attachedNetworks } from './attached.ts';
import { fakeMap, fakeNode } from './fake-world.ts';
import type { PlaneConfig } from './plane.ts';
import { planeConfig } from './plane-config.ts';

const SERVICE = ['100.100.100.100/32', 'fd7a:115c:a1e0::53/128'];
const LAN = ['127.0.0.1/8', '::1/128', '192.168.1.7/24', '192.168.1.9/24', 'fe80::1/64', '203.0.113.5/28'];

const configOf = (
  peers: readonly Node[],
  prefs: Partial<Prefs> = {},
  more: { readonly lan?: readonly string[]; readonly self?: Partial<Node> } = {},
): PlaneConfig =>
  planeConfig({
    map: fakeMap(fakeNode({ id: 1, ...(more.self !== undefined && { more: more.self }) }), peers),
    privateKey: privateKeyFrom(new Uint8Array(32).fill(7)),
    prefs: { ...newPrefs(), ...prefs },
    lan: more.lan ?? LAN,
    nowMs: 1_700_000_000_000,
  });

/** A peer with only an IPv4 address `100.64.0.<id + 1>` and these routes. */
const router = (id: number, routes: readonly string[], more: Partial<Node> = {}): Node =>
  fakeNode({
    id,
    more: {
      Addresses: [`100.64.0.${id + 1}/32`],
      AllowedIPs: [`100.64.0.${id + 1}/32`, ...routes],
      ...more,
    },
  });

const beyond = (config: PlaneConfig): string[] =>
  config.routes.filter((route) => !SERVICE.includes(route) && !/^100\.64\.0\.\d+\/32$/.test(route));

test('subnets behind peers are used when the user accepts them', () => {
  const peers = [router(2, ['10.0.0.0/8', 'fd7a:115c:a1e0:b1a:0:7:a01:100/120', '192.168.7.0/24'])];
  expect(beyond(configOf(peers))).toEqual([]);
  const accepted = configOf(peers, { RouteAll: true });
  expect(beyond(accepted)).toEqual(['10.0.0.0/8', '192.168.7.0/24', 'fd7a:115c:a1e0:b1a:0:7:a01:100/120']);
  expect(accepted.peers[0]?.allowedIps).toContain('10.0.0.0/8');
});

test('an address of the network that a peer answers at needs no acceptance, such as that of a service', () => {
  const config = configOf([router(2, ['100.64.0.99/32', '100.64.0.4/32']), router(3, [])]);
  expect(config.peers.map(({ allowedIps }) => allowedIps)).toEqual([
    ['100.64.0.3/32', '100.64.0.99/32'],
    ['100.64.0.4/32'],
  ]);
});

test('of two peers with one subnet the one that the server prefers has it, else the first', () => {
  const two = [router(2, ['10.0.0.0/8']), router(3, ['10.0.0.0/8'])];
  const owners = (config: PlaneConfig): boolean[] =>
    config.peers.map(({ allowedIps }) => allowedIps.includes('10.0.0.0/8'));
  expect(owners(configOf(two, { RouteAll: true }))).toEqual([true, false]);
  const preferred = [router(2, ['10.0.0.0/8']), router(3, ['10.0.0.0/8'], { PrimaryRoutes: ['10.0.0.0/8'] })];
  expect(owners(configOf(preferred, { RouteAll: true }))).toEqual([false, true]);
});

test.each([
  ['with bits of a host', '10.0.0.1/8'],
  ['our own address', '100.64.0.2/32'],
  ['an address of another peer', '100.64.0.4/32'],
  ['the whole network', '100.64.0.0/10'],
  ['more than the network', '100.0.0.0/8'],
  ['the whole network in IPv6', 'fd7a:115c:a1e0::/48'],
  ['the resolver', '100.100.100.100/32'],
  ['the resolver’s surroundings', '100.100.0.0/16'],
  ['the resolver in IPv6', 'fd7a:115c:a1e0::53/128'],
  ['half of the world with the resolver in it', '0.0.0.0/1'],
  ['this very host', '127.0.0.0/8'],
  ['this link', 'fe80::/64'],
  ['a group', '224.0.0.0/4'],
  ['everything, from a peer that was not chosen', '0.0.0.0/0'],
  ['everything in IPv6', '::/0'],
  ['nonsense', 'x'],
])('a route for %s is not used', (_what, route) => {
  const config = configOf([router(2, [route, '10.0.0.0/8']), router(3, [])], { RouteAll: true });
  expect(beyond(config)).toEqual(['10.0.0.0/8']);
  expect(config.peers[0]?.allowedIps).toEqual(['100.64.0.3/32', '10.0.0.0/8']);
  expect(config.peers[1]?.allowedIps).toEqual(['100.64.0.4/32']);
});

test('a peer that counts as expired carries nothing', () => {
  expect(beyond(configOf([router(2, ['10.0.0.0/8'], { Expired: true })], { RouteAll: true }))).toEqual([]);
});

test('the chosen exit node gets both default routes, nobody else, and subnets still need acceptance', () => {
  const offers = ['0.0.0.0/0', '::/0', '10.0.0.0/8'];
  const config = configOf([router(2, offers), router(3, offers)], { ExitNodeID: 'n3' }, { lan: [] });
  expect(beyond(config)).toEqual(['0.0.0.0/0', '::/0']);
  expect(config.peers.map(({ allowedIps }) => allowedIps.length)).toEqual([1, 3]);
});

test.each<{ name: string; prefs: Partial<Prefs> }>([
  { name: 'that is unknown', prefs: { ExitNodeID: 'n9' } },
  { name: 'known by an address only', prefs: { ExitNodeIP: '100.64.0.77' } },
  { name: 'yet to be chosen', prefs: { ExitNodeID: 'auto:any', AutoExitNode: 'any' } },
  {
    name: 'whose address goes before an older choice',
    prefs: { ExitNodeID: 'n2', ExitNodeIP: '100.64.0.77' },
  },
  { name: 'that carries one family', prefs: { ExitNodeID: 'n3' } },
])('with an exit node $name nothing leaves elsewhere, in both families', ({ prefs }) => {
  const peers = [router(2, ['0.0.0.0/0', '::/0']), router(3, ['0.0.0.0/0'])];
  const config = configOf(peers, prefs);
  expect(config.routes).toEqual(expect.arrayContaining(['0.0.0.0/0', '::/0']));
  expect(config.peers[0]?.allowedIps).toEqual(['100.64.0.3/32']);
  expect(config.firewall.killSwitch).toEqual({ lan: [] });
});

test('networks beside us go into the tunnel with everything else, unless the user wants them reachable', () => {
  const peers = [router(2, ['0.0.0.0/0', '::/0'])];
  const attached = ['192.168.1.0/24', 'fe80::/64'];
  const closed = configOf(peers, { ExitNodeID: 'n2' });
  expect(beyond(closed)).toEqual(['0.0.0.0/0', '192.168.1.0/24', '203.0.113.0/28', '::/0', 'fe80::/64']);
  expect(closed.localRoutes).toEqual(['127.0.0.0/8']);
  const open = configOf(peers, { ExitNodeID: 'n2', ExitNodeAllowLANAccess: true });
  expect(beyond(open)).toEqual(['0.0.0.0/0', '203.0.113.0/28', '::/0']);
  expect(open.localRoutes).toEqual(['127.0.0.0/8', ...attached]);
  expect(open.firewall.killSwitch).toEqual({ lan: attached });
  // Whatever the user wants reachable: the exit node is nobody there. A public network may be a stranger's claim.
  for (const { beside } of [closed, open]) expect(beside).toEqual(['127.0.0.0/8', ...attached]);
});

test.each(['128.0.0.5/1', '8.8.8.77/24', '10.0.0.1/7', '2001:db8::5/64', 'fc00::1/6'])(
  'a Wi-Fi that claims %s to be beside us opens no way there',
  (lan) => {
    const prefs = { ExitNodeID: 'n2', ExitNodeAllowLANAccess: true };
    const config = configOf([router(2, ['0.0.0.0/0', '::/0'])], prefs, { lan: [lan] });
    expect(config).toMatchObject({ localRoutes: [], firewall: { killSwitch: { lan: [] } } });
  },
);

test('without an exit node the networks beside us are left alone', () => {
  const config = configOf([], { ExitNodeAllowLANAccess: true });
  expect(config).toMatchObject({
    routes: SERVICE,
    localRoutes: [],
    beside: [],
    firewall: { killSwitch: undefined },
  });
});

test('networks beside us: overlapping ones once, addresses of the network and single hosts are none', () => {
  expect(attachedNetworks(['10.1.2.3/16', '10.1.3.4/24', '100.64.0.2/10', '192.0.2.1/32', 'x'])).toEqual({
    internal: [],
    external: ['10.1.0.0/16'],
    own: ['10.1.0.0/16'],
  });
});

test('what we offer is what we take packets for', () => {
  const config = configOf([], { AdvertiseRoutes: ['10.9.0.0/16', 'fd7a:115c:a1e0:b1a:0:7:a01:100/120'] });
  expect(config.accepts).toEqual(['10.9.0.0/16', 'fd7a:115c:a1e0:b1a:0:7:a01:100/120']);
  expect(config.firewall.forwards).toBe(true);
  expect(configOf([]).firewall.forwards).toBe(false);
});

test('who uses us as exit node gets the world, not what is beside us; our own address there is of the world', () => {
  const { accepts } = configOf([], { AdvertiseRoutes: ['0.0.0.0/0', '::/0'] });
  expect(accepts).toContain('203.0.113.5/32');
  for (const absent of [
    '0.0.0.0/0',
    '::/0',
    '10.0.0.0/8',
    '192.168.1.7/32',
    '203.0.113.0/28',
    '127.0.0.1/32',
  ])
    expect(accepts).not.toContain(absent);
  expect(accepts).toEqual(expect.arrayContaining(['0.0.0.0/5', '8.0.0.0/7', '2000::/3', '203.0.113.16/28']));
  const both = configOf([], { AdvertiseRoutes: ['0.0.0.0/0', '::/0', '192.168.1.0/24'] });
  expect(both.accepts).toContain('192.168.1.0/24');
});

test.each<{ prefs: Partial<Prefs>; self?: Partial<Node>; want: Partial<PlaneConfig['firewall']> }>([
  { prefs: {}, want: { mode: 'on', kind: '', snat: true, stateful: false, dropsCgnat: true } },
  { prefs: { NetfilterMode: 1, NoSNAT: true }, want: { mode: 'nodivert', snat: false } },
  { prefs: { NetfilterMode: 0 }, want: { mode: 'off' } },
  { prefs: { NoStatefulFiltering: false }, want: { stateful: true } },
  { prefs: { NoStatefulFiltering: undefined }, want: { stateful: false } },
  { prefs: { NetfilterKind: 'iptables' }, want: { kind: 'iptables' } },
  { prefs: {}, self: { CapMap: { 'linux-netfilter?v=nftables': null } }, want: { kind: 'nftables' } },
  {
    prefs: { NetfilterKind: 'iptables' },
    self: { CapMap: { 'linux-netfilter?v=nftables': null } },
    want: { kind: 'iptables' },
  },
  { prefs: {}, self: { CapMap: { 'disable-linux-cgnat-drop-rule': null } }, want: { dropsCgnat: false } },
])('firewall for $prefs $self', ({ prefs, self, want }) => {
  expect(configOf([], prefs, self === undefined ? {} : { self }).firewall).toMatchObject(want);
});

test('one route for all IPv4 addresses when the server says so', () => {
  const self = { CapMap: { 'one-cgnat?v=true': null } };
  expect(configOf([router(2, []), router(3, [])], {}, { self }).routes).toEqual([
    '100.100.100.100/32',
    '100.64.0.0/10',
    'fd7a:115c:a1e0::53/128',
  ]);
});

test('a peer of which nothing changed is the same object in the next configuration', () => {
  const peers = [router(2, ['10.0.0.0/8']), router(3, [])];
  const before = configOf(peers);
  const after = configOf(peers, { RouteAll: true });
  expect(after.peers[1]).toBe(before.peers[1]);
  expect(after.peers[0]).not.toBe(before.peers[0]);
});
