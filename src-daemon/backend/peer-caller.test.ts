/** Who may ask what of the PeerAPI follows from the map and our own wishes alone. */
import { expect, test } from 'vitest';
import { nodeKeyFrom } from '#shared/key/key.ts';
import type { FilterRule } from '#shared/wire/map.ts';
import type { Node } from '#shared/wire/node.ts';
import type { NetworkMap } from '../control/types.ts';
import { fakeMap, fakeNode } from './fake-world.ts';
import { peerCaller } from './peer-caller.ts';

const key = (n: number): NonNullable<Node['Key']> => nodeKeyFrom(new Uint8Array(32).fill(n));
const IP = '100.64.7.2';
const IP6 = 'fd7a:115c:a1e0::7:2';
const DEBUG = { 'https://tailscale.com/cap/debug': null };

const self = (more: Partial<Node> = {}): Node => ({
  ...fakeNode({ id: 1, key: key(1), name: 'here' }),
  Addresses: ['100.64.7.1/32', 'fd7a:115c:a1e0::7:1/128'],
  ...more,
});
const peer = (more: Partial<Node> = {}): Node => ({
  ...fakeNode({ id: 2, key: key(2), name: 'there' }),
  Addresses: [`${IP}/32`, `${IP6}/128`],
  ...more,
});
const mapOf = (own: Node, other: Node, filter?: readonly FilterRule[]): NetworkMap =>
  fakeMap(own, [other], { filter });
const reach = (IP_: string): FilterRule => ({
  SrcIPs: ['100.64.7.2', IP6],
  DstPorts: [{ IP: IP_, Ports: { First: 0, Last: 65_535 } }],
  IPProto: undefined,
  CapGrant: undefined,
});
const EXIT = { AdvertiseRoutes: ['0.0.0.0/0', '::/0'] };
const NO_EXIT = { AdvertiseRoutes: undefined };

test('an address of nobody is nobody', () => {
  expect(peerCaller(mapOf(self(), peer()), NO_EXIT, '100.64.7.77')).toBeUndefined();
  expect(peerCaller(mapOf(self(), peer()), NO_EXIT, 'not an address')).toBeUndefined();
});

test('our user is trusted, but a tagged machine is nobody’s, and programs of this machine are anybody’s', () => {
  const rights = (own: Node, other: Node, ip = IP): unknown => {
    const caller = peerCaller(mapOf(own, other), NO_EXIT, ip);
    return [caller?.isOwner, caller?.mayResolve, caller?.mayDebug];
  };
  expect(rights(self(), peer())).toEqual([true, true, false]);
  expect(rights(self({ CapMap: DEBUG }), peer())).toEqual([true, true, true]);
  expect(rights(self({ CapMap: DEBUG }), peer({ UnsignedPeerAPIOnly: true }))).toEqual([true, true, false]);
  expect(rights(self(), peer({ User: 99 }))).toEqual([false, false, false]);
  expect(rights(self({ Tags: ['tag:a'] }), peer({ Tags: ['tag:a'] }))).toEqual([false, false, false]);
  expect(rights(self({ CapMap: DEBUG }), peer(), '100.64.7.1')).toEqual([false, false, false]);
});

test('an exit node resolves names for whom its filter lets onto the Internet', () => {
  const other = peer({ User: 99 });
  const may = (prefs: typeof EXIT | typeof NO_EXIT, ip: string, ...filter: FilterRule[]): boolean =>
    peerCaller(mapOf(self(), other, filter), prefs, ip)?.mayResolve === true;
  expect(may(EXIT, IP, reach('0.0.0.0/0'))).toBe(true);
  expect(may(EXIT, IP6, reach('0.0.0.0/0'))).toBe(false);
  expect(may(EXIT, IP6, reach('2000::/3'))).toBe(true);
  expect(may(EXIT, IP, reach('100.64.7.1'))).toBe(false);
  expect(may(EXIT, IP)).toBe(false);
  expect(may(NO_EXIT, IP, reach('0.0.0.0/0'))).toBe(false);
});

test('a grant lets a machine of another user see the inside, where that is shown at all', () => {
  const grant: FilterRule = {
    ...reach('100.64.7.1'),
    CapGrant: [
      { Dsts: ['100.64.7.1/32'], Caps: ['https://tailscale.com/cap/debug-peer'], CapMap: undefined },
    ],
  };
  const may = (own: Node): boolean | undefined =>
    peerCaller(mapOf(own, peer({ User: 99 }), [grant]), NO_EXIT, IP)?.mayDebug;
  expect(may(self({ CapMap: DEBUG }))).toBe(true);
  expect(may(self())).toBe(false);
});
