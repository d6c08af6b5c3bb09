/** What may be shared and what is made of what was typed. */
import { describe, expect, test } from 'vitest';
import { conflictOf, parseNetwork, suggestions, withDefaults, withoutDefaults } from './prefixes.ts';

describe('a typed network', () => {
  test.each([
    { name: 'as it is', text: '192.168.1.0/24', want: '192.168.1.0/24' },
    { name: 'with blanks', text: ' 10.0.0.0/8 ', want: '10.0.0.0/8' },
    { name: 'with host bits, which go', text: '192.168.1.10/24', want: '192.168.1.0/24 corrected' },
    { name: 'one address', text: '192.0.2.7', want: '192.0.2.7/32' },
    { name: 'IPv6', text: '2001:DB8:1:2::5/64', want: '2001:db8:1:2::/64 corrected' },
    { name: 'no network', text: 'home', want: 'not-a-network' },
    { name: 'too many bits', text: '10.0.0.0/33', want: 'not-a-network' },
    { name: 'everything', text: '0.0.0.0/0', want: 'everything' },
    { name: 'everything in IPv6', text: '::/0', want: 'everything' },
    { name: 'the network’s own range', text: '100.64.1.0/24', want: 'own-range' },
    { name: 'what holds the own range', text: '100.0.0.0/8', want: 'own-range' },
    { name: 'the own range of IPv6', text: 'fd7a:115c:a1e0:1::/64', want: 'own-range' },
    { name: 'loopback', text: '127.0.0.1', want: 'special' },
    { name: 'link-local', text: 'fe80::/64', want: 'special' },
    { name: 'multicast', text: '239.0.0.0/8', want: 'special' },
    { name: 'twice', text: '172.16.0.0/16', want: 'listed' },
    { name: 'a part of another', text: '172.16.4.0/24', want: 'within' },
  ])('$name', ({ text, want }) => {
    const parsed = parseNetwork(text, ['172.16.0.0/16', '0.0.0.0/0']);
    const said =
      parsed.kind === 'bad' ? parsed.why : `${parsed.prefix}${parsed.corrected ? ' corrected' : ''}`;
    expect(said).toBe(want);
  });
});

test('the way to the internet is kept while networks change', () => {
  const before = ['10.0.0.0/8', '0.0.0.0/0', '::/0'];
  expect(withoutDefaults(before)).toEqual(['10.0.0.0/8']);
  expect(withDefaults(['10.1.0.0/16'], before)).toEqual(['10.1.0.0/16', '0.0.0.0/0', '::/0']);
});

test('own networks are suggested once, unless they are shared already or are only an address', () => {
  const local = [
    { interface: 'eth0', prefix: '192.168.1.7/24' },
    { interface: 'wlan0', prefix: '192.168.1.9/24' },
    { interface: 'lo', prefix: '127.0.0.1/8' },
    { interface: 'vpn0', prefix: '10.9.0.2/32' },
    { interface: 'br0', prefix: '172.17.0.1/16' },
  ];
  expect(suggestions(local, ['172.17.0.0/16'])).toEqual([{ interface: 'eth0', prefix: '192.168.1.0/24' }]);
});

test('a conflict names the own network', () => {
  const wifi = { interface: 'wlan0', prefix: '192.168.1.0/24' };
  expect(conflictOf('192.168.0.0/16', [wifi])).toBe(wifi);
  expect(conflictOf('192.168.2.0/24', [wifi])).toBeUndefined();
  expect(conflictOf('fd00::/8', [wifi])).toBeUndefined();
});
