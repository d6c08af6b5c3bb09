/** Whom a request counts for: behind proxies that are trusted, and against headers that anybody can write. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Prefix, parsePrefix } from '#shared/ip/address.ts';
import { clientAddress, isTrustedProxy } from './trusted-proxies.ts';

const prefix = (text: string): Prefix => {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
};
const TRUSTED = ['10.0.0.0/8', '2001:db8:1::/48', '127.0.0.1/32'].map(prefix);

describe('the client of a request', () => {
  test.each([
    ['without a proxy', '198.51.100.7', undefined, '198.51.100.7'],
    ['who writes the header itself', '198.51.100.7', '203.0.113.1', '198.51.100.7'],
    ['behind one proxy', '10.0.0.1', '203.0.113.1', '203.0.113.1'],
    ['who claims another before its own', '10.0.0.1', '192.0.2.99, 203.0.113.1', '203.0.113.1'],
    ['behind two proxies', '10.0.0.1', '192.0.2.99, 203.0.113.1, 10.2.2.2', '203.0.113.1'],
    ['over IPv6', '2001:db8:1::5', '2001:db8:ffff::1', '2001:db8:ffff::1'],
    ['written with a port', '10.0.0.1', '203.0.113.1:5555', '203.0.113.1'],
    ['written with brackets and a port', '10.0.0.1', '[2001:db8:ffff::1]:443', '2001:db8:ffff::1'],
    ['at a mapped address', '::ffff:10.0.0.1', '::ffff:203.0.113.1', '203.0.113.1'],
    ['when the proxy says nothing', '10.0.0.1', undefined, '10.0.0.1'],
    ['when the proxy says nonsense', '10.0.0.1', '203.0.113.1, unknown', '10.0.0.1'],
    ['when every hop is a proxy', '10.0.0.1', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
    ['at no address at all', undefined, '203.0.113.1', ''],
  ])('%s', (_what, remoteAddress, forwardedFor, want) =>
    expect(clientAddress({ remoteAddress, forwardedFor }, TRUSTED)).toBe(want),
  );

  test('is never what a stranger writes', () =>
    fc.assert(
      fc.property(fc.string(), (forwardedFor) => {
        expect(clientAddress({ remoteAddress: '198.51.100.7', forwardedFor }, TRUSTED)).toBe('198.51.100.7');
      }),
    ));

  test('is found in a header of any length', () => {
    const forwardedFor = '10.1.1.1,'.repeat(10_000);
    expect(
      clientAddress({ remoteAddress: '10.0.0.1', forwardedFor: `${forwardedFor}10.9.9.9` }, TRUSTED),
    ).toBe('10.1.1.1');
  });
});

test('a proxy is recognised by its address', () => {
  expect(isTrustedProxy('::ffff:10.1.2.3', TRUSTED)).toBe(true);
  expect(isTrustedProxy('11.1.2.3', TRUSTED)).toBe(false);
  expect(isTrustedProxy(undefined, TRUSTED)).toBe(false);
});
