/** From the network map to peers, routes and addresses. */
import { expect, test } from 'vitest';
import { nodeKeyFrom, privateKeyFrom } from '#shared/key/key.ts';
import { newPrefs } from '#shared/localapi/prefs.ts';
import type { FilterRule } from '#shared/wire/map.ts';
import type { Node } from '#shared/wire/node.ts';
import { fakeMap, fakeNode } from './fake-world.ts';
import { hostPrefixes } from './peer-claims.ts';
import { homeRegion, planeConfig } from './plane-config.ts';

const privateKey = privateKeyFrom(new Uint8Array(32).fill(7));
const NOW = 1_700_000_000_000;
const configOf = (peers: readonly Node[], skew = 0) =>
  planeConfig({
    map: fakeMap(fakeNode({ id: 1 }), peers, { clockSkewMs: skew }),
    privateKey,
    prefs: newPrefs(),
    lan: [],
    nowMs: NOW,
  });

test('a peer gets its own addresses as routes, and its endpoints', () => {
  const config = configOf([fakeNode({ id: 2 })]);
  expect(config.addresses).toEqual(['100.64.0.2/32', 'fd7a:115c:a1e0::2/128']);
  expect(config.routes).toEqual([
    '100.100.100.100/32',
    '100.64.0.3/32',
    'fd7a:115c:a1e0::/48',
    'fd7a:115c:a1e0::53/128',
  ]);
  expect(config.peers[0]).toMatchObject({
    endpoints: [{ ip: '192.0.2.3', port: 41_641 }],
    allowedIps: ['100.64.0.3/32', 'fd7a:115c:a1e0::3/128'],
  });
});

test('the server switches off what spoils packets on this machine', () => {
  const CapMap = { 'disable-udp-gro': null, 'disable-tun-tcp-gro': null, 'never-gso-equal-tail': null };
  const map = fakeMap(fakeNode({ id: 1, more: { CapMap } }), []);
  const flags = planeConfig({ map, privateKey, prefs: newPrefs(), lan: [], nowMs: NOW }).engineFlags;
  expect(flags).toEqual({
    noUdpGso: false,
    noUdpGro: true,
    noTunTcpGro: true,
    noTunUdpGro: false,
    gsoSentinel: true,
    ecn: false,
  });
});

test.each<{ name: string; more: Partial<Node> }>([
  { name: 'without a key', more: { Key: undefined } },
  { name: 'marked expired', more: { Expired: true } },
  { name: 'expired by the clock', more: { KeyExpiry: NOW - 1 } },
  { name: 'without disco key and relay', more: { DiscoKey: undefined } },
])('a peer $name is left out', ({ more }) => {
  expect(configOf([fakeNode({ id: 2, more })]).peers).toEqual([]);
});

test('a wrong clock locks nobody out, and the server’s clock counts', () => {
  const early = { KeyExpiry: 1_000 };
  const map = fakeMap(fakeNode({ id: 1 }), [fakeNode({ id: 2, more: early })]);
  expect(
    planeConfig({ map, privateKey, prefs: newPrefs(), lan: [], nowMs: 1_500_000_000_000 }).peers,
  ).toHaveLength(1);
  const soon = fakeNode({ id: 2, more: { KeyExpiry: NOW + 60_000 } });
  expect(configOf([soon]).peers).toHaveLength(1);
  expect(configOf([soon], 120_000).peers).toHaveLength(0);
});

test('no peer gets our address, and the first of two gets theirs', () => {
  const thief = fakeNode({ id: 5, more: { Addresses: ['100.64.0.2/32', '100.64.0.3/32', '100.64.0.6/32'] } });
  const config = configOf([thief, fakeNode({ id: 2 })]);
  const [first, second] = config.peers;
  expect(first?.allowedIps).toEqual(['100.64.0.3/32', 'fd7a:115c:a1e0::3/128']);
  expect(second?.allowedIps).toEqual(['100.64.0.6/32']);
});

test('our own key as a peer, and one key twice, make one peer less', () => {
  const self = fakeNode({ id: 1 });
  const same = fakeNode({ id: 3, ...(self.Key !== undefined && { key: self.Key }) });
  const two = fakeNode({ id: 4 });
  const twin = fakeNode({ id: 5, ...(two.Key !== undefined && { key: two.Key }) });
  expect(configOf([same, twin, two]).peers.map(({ nodeKey }) => nodeKey)).toEqual([two.Key]);
});

test('addresses outside the network’s ranges, subnets and nonsense are no addresses of ours', () => {
  expect(
    hostPrefixes([
      '100.64.0.1/32',
      '100.64.0.0/24',
      '8.8.8.8/32',
      'x',
      'FD7A:115C:A1E0::1/128',
      '100.115.92.1/32',
    ]),
  ).toEqual(['100.64.0.1/32', 'fd7a:115c:a1e0::1/128']);
});

test('the home relay in both its forms', () => {
  expect(homeRegion(fakeNode({ id: 2, more: { HomeDERP: 7 } }))).toBe(7);
  expect(homeRegion(fakeNode({ id: 2, more: { DERP: '127.3.3.40:12' } }))).toBe(12);
  expect(homeRegion(fakeNode({ id: 2, more: { DERP: '127.3.3.40:0' } }))).toBeUndefined();
});

test('ten thousand peers each get their address', () => {
  const peers = Array.from({ length: 10_000 }, (_, i) => {
    const [a, b] = [(i >> 8) & 63, i & 255];
    const key = nodeKeyFrom(new Uint8Array(32).fill(1).with(0, a).with(1, b));
    return fakeNode({ id: i + 10, key, more: { Addresses: [`100.${64 + a}.${b}.${(i >> 4) & 255}/32`] } });
  });
  const config = configOf(peers);
  expect(config.peers).toHaveLength(10_000);
  expect(new Set(config.routes).size).toBe(config.routes.length);
});

test('without an address of our own there is no peer either: nothing could tell what is meant for us', () => {
  const map = fakeMap(fakeNode({ id: 1, more: { Addresses: ['192.0.2.1/32'] } }), [fakeNode({ id: 2 })]);
  expect(planeConfig({ map, privateKey, prefs: newPrefs(), lan: [], nowMs: NOW })).toMatchObject({
    addresses: [],
    peers: [],
    routes: [],
  });
});

const rule: FilterRule = {
  ...{ SrcIPs: ['*'], DstPorts: [{ IP: '*', Ports: { First: 0, Last: 65_535 } }] },
  ...{ IPProto: undefined, CapGrant: undefined },
};

test('a jailed peer has a tunnel, and the engine is told what it is', () => {
  const config = configOf([fakeNode({ id: 2, more: { IsJailed: true } })]);
  expect(config.peers[0]).toMatchObject({ jailed: true });
});

test('with shields up nobody may begin anything, nor without a filter from the server', () => {
  const map = { ...fakeMap(fakeNode({ id: 1 }), []), filter: [rule] };
  expect(planeConfig({ map, privateKey, prefs: newPrefs(), lan: [], nowMs: NOW }).filter).toHaveLength(1);
  const without = { ...map, filter: undefined };
  expect(planeConfig({ map: without, privateKey, prefs: newPrefs(), lan: [], nowMs: NOW }).filter).toEqual(
    [],
  );
  expect(
    planeConfig({ map, privateKey, prefs: { ...newPrefs(), ShieldsUp: true }, lan: [], nowMs: NOW }).filter,
  ).toEqual([]);
});
