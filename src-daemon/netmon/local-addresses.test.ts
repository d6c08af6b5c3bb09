/** Which addresses are offered: the rules of nat-traversal.md §5.2 as a table. */
import { describe, expect, test } from 'vitest';
import { hasNetwork, localAddresses } from './local-addresses.ts';
import type { InterfaceAddress } from './snapshot.ts';

const on = (interfaceName: string, prefix: string): InterfaceAddress => {
  const [ip = '', bits] = prefix.split('/');
  return { interfaceName, ip, bits: Number(bits), isLoopback: interfaceName === 'lo' };
};
const LOOPBACK = [on('lo', '127.0.0.1/8'), on('lo', '::1/128')];

test.each([
  {
    name: 'regular addresses of all interfaces, IPv4 first, by number',
    list: [
      ...LOOPBACK,
      on('eth1', '2001:db8::2/64'),
      on('eth0', '192.168.1.9/24'),
      on('eth1', '10.0.0.3/8'),
      on('eth0', '9.1.1.1/24'),
    ],
    want: ['9.1.1.1', '10.0.0.3', '192.168.1.9', '2001:db8::2'],
  },
  {
    name: 'not our own tunnel, no address of the network, no other overlay',
    list: [
      on('rhumb0', '192.0.2.1/32'),
      on('eth0', '100.64.0.9/10'),
      on('eth0', 'fd7a:115c:a1e0::9/48'),
      on('ztabc', '10.9.0.1/24'),
      on('wt0', '10.8.0.1/24'),
      on('eth0', '192.0.2.7/24'),
    ],
    want: ['192.0.2.7'],
  },
  {
    name: 'no link-local address and no ULA beside a regular one',
    list: [
      on('eth0', 'fe80::1/64'),
      on('eth0', '169.254.1.1/16'),
      on('eth0', 'fd00::1/64'),
      on('eth0', '10.0.0.1/8'),
    ],
    want: ['10.0.0.1'],
  },
  {
    name: 'IPv4 link-local and ULA when there is nothing regular',
    list: [...LOOPBACK, on('eth0', 'fe80::1/64'), on('eth0', '169.254.1.1/16'), on('eth0', 'fd00::1/64')],
    want: ['169.254.1.1', 'fd00::1'],
  },
  { name: 'loopback when there is nothing else', list: LOOPBACK, want: ['127.0.0.1', '::1'] },
  {
    name: 'loopback when there is nothing else but link-local IPv6',
    list: [...LOOPBACK, on('eth0', 'fe80::1/64')],
    want: ['127.0.0.1', '::1'],
  },
  {
    name: 'at most two IPv6 addresses of a subnet',
    list: [
      on('eth0', '2001:db8::1/64'),
      on('eth0', '2001:db8::2/64'),
      on('eth0', '2001:db8::3/64'),
      on('eth0', '2001:db8:1::1/64'),
    ],
    want: ['2001:db8::1', '2001:db8::2', '2001:db8:1::1'],
  },
  {
    name: 'the range of a well-known laptop maker inside ours',
    list: [on('eth0', '100.115.92.2/30')],
    want: ['100.115.92.2'],
  },
  {
    name: 'the same address on two interfaces once',
    list: [on('a', '10.0.0.1/8'), on('b', '10.0.0.1/8')],
    want: ['10.0.0.1'],
  },
  { name: 'nothing when nothing is up', list: [], want: [] },
])('$name', ({ list, want }) => expect(localAddresses(list, { tunName: 'rhumb0' })).toEqual(want));

describe('having a network', () => {
  test('needs more than loopback and our tunnel', () => {
    const list = [...LOOPBACK, on('rhumb0', '100.64.0.1/32')];
    expect(hasNetwork(list, 'rhumb0')).toBe(false);
    expect(hasNetwork([...list, on('eth0', '10.0.0.1/8')], 'rhumb0')).toBe(true);
  });
});
