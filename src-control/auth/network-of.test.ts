/** Strangers are told apart by what they cannot choose. */
import { expect, test } from 'vitest';
import { networkOf } from './network-of.ts';

test('all addresses of one IPv6 network count as one, IPv4 addresses apart', () => {
  expect(networkOf('2001:db8::1')).toBe(networkOf('2001:db8:0:0:ffff::2'));
  expect(networkOf('2001:db8::1')).not.toBe(networkOf('2001:db8:0:1::1'));
  expect(networkOf('192.0.2.1')).not.toBe(networkOf('192.0.2.2'));
  expect(networkOf('::ffff:192.0.2.1')).toBe(networkOf('192.0.2.1'));
});
