/** A map's filter is read once, and not believed when it lets in whom nobody has signed. */
import { expect, test } from 'vitest';
import type { Node } from '#shared/wire/node.ts';
import { OverlayMap } from '../control/overlay-map.ts';
import { fakeNode } from './fake-world.ts';
import { networkFilter } from './network-filter.ts';

const RULE = {
  SrcIPs: ['100.64.0.2/32'],
  DstPorts: [{ IP: '100.64.0.1', Bits: undefined, Ports: { First: 0, Last: 65_535 } }],
  IPProto: undefined,
  CapGrant: undefined,
};
const KEY = `nodekey:${'0a'.repeat(32)}` as NonNullable<Node['Key']>;
const peer = (id: number, more: Partial<Node> = {}): Node => ({
  ...fakeNode({ id, key: KEY, name: `n${id}` }),
  Addresses: [`100.64.0.${id}/32`],
  AllowedIPs: [`100.64.0.${id}/32`],
  ...more,
});
const peersOf = (...nodes: readonly Node[]): OverlayMap<Node> =>
  OverlayMap.from(nodes.map((node) => [String(node.ID), node] as const));

test('maps that change nothing of it share one filter', () => {
  const filter = [RULE];
  const peers = peersOf(peer(2), peer(3));
  const made = networkFilter({ filter, peers });
  expect(made.rules).toHaveLength(1);
  expect(networkFilter({ filter, peers: peers.with(new Map([['3', peer(3, { Online: true })]])) })).toBe(
    made,
  );
  expect(networkFilter({ filter: [RULE], peers }).rules[0]).toBe(made.rules[0]);
});

test('a rule for whom nobody has signed takes the whole filter away, until that machine is gone', () => {
  const filter = [RULE, { ...RULE, SrcIPs: ['100.64.0.8/29'] }];
  const peers = peersOf(peer(2), peer(9));
  expect(networkFilter({ filter, peers }).isRefused).toBe(false);
  const locked = peers.with(new Map([['9', peer(9, { UnsignedPeerAPIOnly: true })]]));
  expect(networkFilter({ filter, peers: locked })).toMatchObject({ rules: [], isRefused: true });
  const gone = locked.with(new Map([['9', undefined]]));
  expect(networkFilter({ filter, peers: gone })).toMatchObject({ isRefused: false });
  expect(networkFilter({ filter: [RULE], peers: locked })).toMatchObject({ isRefused: false });
});

test('a prefix behind such a machine counts like its addresses', () => {
  const filter = [{ ...RULE, SrcIPs: ['192.168.7.0/24'] }];
  const router = peer(9, { UnsignedPeerAPIOnly: true, AllowedIPs: ['100.64.0.9/32', '192.168.0.0/16'] });
  expect(networkFilter({ filter, peers: peersOf(router) }).isRefused).toBe(true);
});

test('who has the capability that a rule names is followed, but for whom nobody has signed', () => {
  const filter = [{ ...RULE, SrcIPs: ['cap:example.com/x'] }];
  const peers = peersOf(peer(2), peer(3));
  expect(networkFilter({ filter, peers }).rules).toEqual([]);
  const has = { CapMap: { 'example.com/x': null } };
  const granted = peers.with(new Map([['3', peer(3, has)]]));
  expect(networkFilter({ filter, peers: granted }).rules[0]?.sources).toEqual(['100.64.0.3/32']);
  const both = granted.with(new Map([['2', peer(2, { ...has, UnsignedPeerAPIOnly: true })]]));
  expect(networkFilter({ filter, peers: both }).rules[0]?.sources).toEqual(['100.64.0.3/32']);
});
