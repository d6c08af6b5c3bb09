/** What is said of forwarding in which state of the kernel's switches. */
import { expect, test } from 'vitest';
import { checkForwarding, checkUdpGro, setUdpGro } from './forwarding.ts';

const V4 = '/proc/sys/net/ipv4/ip_forward';
const V6 = '/proc/sys/net/ipv6/conf/all/forwarding';
const ETH0 = '/proc/sys/net/ipv4/conf/eth0/forwarding';
const ETH1 = '/proc/sys/net/ipv4/conf/eth1/forwarding';
const interfaces = new Map([
  ['eth0', ['192.0.2.7', '2001:db8::7']],
  ['eth1', ['10.0.0.1']],
]);
const check = (routes: readonly string[], on: readonly string[]): string =>
  checkForwarding(routes, { interfaces, sysctl: (path) => (on.includes(path) ? '1' : '0') });

test.each([
  { name: 'nothing advertised', routes: [], on: [], says: /^$/ },
  { name: 'our own addresses only', routes: ['192.0.2.7/32', '2001:db8::7/128'], on: [], says: /^$/ },
  { name: 'all on', routes: ['0.0.0.0/0', '::/0'], on: [V4, V6], says: /^$/ },
  {
    name: 'all off',
    routes: ['10.0.0.0/24'],
    on: [],
    says: /^IP forwarding is disabled, subnet routing.*\n.*sysctl -p/,
  },
  { name: 'IPv4 on and no more needed', routes: ['10.0.0.0/24'], on: [V4], says: /^$/ },
  {
    name: 'IPv6 off and needed',
    routes: ['fd00::/64'],
    on: [V4],
    says: /^IPv6 forwarding is disabled, subnet routing.*may not work/,
  },
  {
    name: 'IPv6 off and needed beside IPv4',
    routes: ['10.0.0.0/24', 'fd00::/64'],
    on: [V4],
    says: /^IPv6 forwarding is disabled\.\nSubnet routes/,
  },
  { name: 'IPv6 on and no more needed', routes: ['fd00::/64'], on: [V6], says: /^$/ },
  {
    name: 'on for one interface',
    routes: ['10.0.0.0/24'],
    on: [ETH0],
    says: /^Traffic received on eth1 won't be forwarded \(net\.ipv4\.conf\.eth1\.forwarding disabled\)\nSubnet/,
  },
  { name: 'on for each interface', routes: ['10.0.0.0/24'], on: [ETH0, ETH1], says: /^$/ },
])('$name', ({ routes, on, says }) => expect(check(routes, on)).toMatch(says));

const offloads = (tun: boolean, forwarding: boolean | undefined, list: boolean) => {
  const done: [string, ReadonlyMap<string, boolean>][] = [];
  const eth0 = new Map([['rx-gro-list', list]]);
  if (forwarding !== undefined) eth0.set('rx-udp-gro-forwarding', forwarding);
  return {
    done,
    features: (name: string) => (name === 'rhumb0' ? new Map([['tx-udp-segmentation', tun]]) : eth0),
    set: (name: string, wanted: ReadonlyMap<string, boolean>) => void done.push([name, wanted]),
  };
};

test.each([
  { tun: false, forwarding: false, list: false, says: /^$/ },
  { tun: true, forwarding: undefined, list: false, says: /^$/ },
  { tun: true, forwarding: true, list: false, says: /^$/ },
  { tun: true, forwarding: false, list: false, says: /ethtool -K eth0/ },
  { tun: true, forwarding: true, list: true, says: /ethtool -K eth0/ },
])('UDP GRO is judged: %j', ({ tun, forwarding, list, says }) =>
  expect(checkUdpGro('rhumb0', 'eth0', offloads(tun, forwarding, list))).toMatch(says),
);

test('UDP GRO is set only where the tunnel gains from it', () => {
  const without = offloads(false, false, true);
  expect(setUdpGro('rhumb0', 'eth0', without)).toContain('nothing would be gained');
  expect(without.done).toEqual([]);
  const offered = offloads(true, false, true);
  expect(setUdpGro('rhumb0', 'eth0', offered)).toBe('');
  expect(offered.done).toEqual([
    [
      'eth0',
      new Map([
        ['rx-udp-gro-forwarding', true],
        ['rx-gro-list', false],
      ]),
    ],
  ]);
});
