/** The gateway of a snapshot, and which changes are major: tables. */
import { describe, expect, test } from 'vitest';
import { gatewayOf, isMajorChange } from './default-route.ts';
import type { DefaultRoute, InterfaceAddress, NetworkSnapshot } from './snapshot.ts';

const on = (interfaceName: string, ip: string, bits = 24): InterfaceAddress => ({
  interfaceName,
  ip,
  bits,
  isLoopback: interfaceName === 'lo',
});
const via = (interfaceName: string, gateway: string, metric = 0): DefaultRoute => ({
  family: gateway.includes(':') ? 6 : 4,
  interfaceName,
  gateway,
  metric,
});
const TUN = 'rhumb0';
const HOME: NetworkSnapshot = {
  addresses: [on('lo', '127.0.0.1', 8), on('eth0', '10.9.9.9'), on('eth0', '192.168.1.7')],
  defaultRoutes: [via('eth0', '192.168.1.1'), via('wlan0', '192.168.2.1', 600)],
};

describe('the gateway', () => {
  test.each<{ name: string; snapshot: NetworkSnapshot; want: unknown }>([
    {
      name: 'of the preferred route, with our address in its network',
      snapshot: HOME,
      want: { gateway: '192.168.1.1', self: '192.168.1.7' },
    },
    {
      name: 'outside of all our networks, with our first address there',
      snapshot: { ...HOME, defaultRoutes: [via('eth0', '172.31.1.1')] },
      want: { gateway: '172.31.1.1', self: '10.9.9.9' },
    },
    {
      name: 'behind our tunnel is none',
      snapshot: { addresses: [on(TUN, '100.64.0.1', 32)], defaultRoutes: [via(TUN, '100.64.0.2')] },
      want: undefined,
    },
    {
      name: 'of a link without one is none',
      snapshot: { ...HOME, defaultRoutes: [via('eth0', '0.0.0.0')] },
      want: undefined,
    },
    {
      name: 'over IPv6 is none',
      snapshot: { ...HOME, defaultRoutes: [via('eth0', 'fe80::1')] },
      want: undefined,
    },
    { name: 'of nothing is none', snapshot: { addresses: [], defaultRoutes: [] }, want: undefined },
  ])('$name', ({ snapshot, want }) => expect(gatewayOf(snapshot, TUN)).toEqual(want));
});

describe('a change', () => {
  const lonely: NetworkSnapshot = { addresses: [on('eth0', '10.0.0.1')], defaultRoutes: [] };
  const dual: NetworkSnapshot = {
    addresses: [...HOME.addresses, on('eth0', 'fe80::7', 64), on('eth0', '2001:db8::7', 64)],
    defaultRoutes: [...HOME.defaultRoutes, via('eth0', 'fe80::1')],
  };
  test.each<{ name: string; before?: NetworkSnapshot; after: NetworkSnapshot; want: boolean }>([
    { name: 'of nothing is minor', after: HOME, want: false },
    {
      name: 'of another interface is minor',
      after: { ...HOME, addresses: [...HOME.addresses, on('docker0', '172.17.0.1')] },
      want: false,
    },
    {
      name: 'of our tunnel is minor',
      after: { ...HOME, addresses: [...HOME.addresses, on(TUN, '100.64.0.1', 32)] },
      want: false,
    },
    {
      name: 'of a second default route is minor',
      after: { ...HOME, defaultRoutes: HOME.defaultRoutes.slice(0, 1) },
      want: false,
    },
    {
      name: 'of a link-local IPv6 address is minor',
      before: dual,
      after: { ...dual, addresses: dual.addresses.filter(({ ip }) => ip !== 'fe80::7') },
      want: false,
    },
    {
      name: 'of the default interface is major',
      after: { ...HOME, defaultRoutes: [via('wlan0', '192.168.2.1')] },
      want: true,
    },
    {
      name: 'of the gateway is major',
      after: { ...HOME, defaultRoutes: [via('eth0', '192.168.1.254')] },
      want: true,
    },
    {
      name: 'of an address of the default interface is major',
      after: { ...HOME, addresses: [on('lo', '127.0.0.1', 8), on('eth0', '192.168.1.8')] },
      want: true,
    },
    {
      name: 'of an IPv6 address of the default interface is major',
      before: dual,
      after: { ...dual, addresses: dual.addresses.filter(({ ip }) => ip !== '2001:db8::7') },
      want: true,
    },
    {
      name: 'to no network at all is major',
      after: { addresses: [on('lo', '127.0.0.1', 8)], defaultRoutes: [] },
      want: true,
    },
    {
      name: 'of any address is major where there is no default route',
      before: lonely,
      after: { ...lonely, addresses: [on('eth0', '10.0.0.2')] },
      want: true,
    },
  ])('$name', ({ before = HOME, after, want }) => expect(isMajorChange(before, after, TUN)).toBe(want));
});
