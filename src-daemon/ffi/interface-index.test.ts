/** Numbers of interfaces where there is no call for them. */
import type { NetworkInterfaceInfo } from 'node:os';
import { expect, test } from 'vitest';
import { indexByAddress } from './interface-index.ts';

const common = { netmask: '', mac: '00:00:00:00:00:00', internal: false, cidr: null };
const interfaces: Record<string, NetworkInterfaceInfo[]> = {
  en0: [
    { ...common, family: 'IPv4', address: '192.0.2.1' },
    { ...common, family: 'IPv6', address: '2001:db8::1', scopeid: 0 },
    { ...common, family: 'IPv6', address: 'fe80::1', scopeid: 4 },
  ],
  en1: [{ ...common, family: 'IPv4', address: '192.0.2.2' }],
};

test.each([
  ['en0', 4],
  ['en1', undefined],
  ['en2', undefined],
])('%s is %s', (name, index) => {
  expect(indexByAddress(name, interfaces)).toBe(index);
});
