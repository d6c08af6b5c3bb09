/** What administrators write: names, nameservers and records, each in one form or refused in words. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalName, isWithin, nearestSuffix, parseDomain } from './names.ts';
import { doubtAbout, parseNameserver } from './nameserver.ts';
import { forDevice, nextDnsChoice } from './next-dns.ts';
import { clashWith, parseRecord } from './record.ts';
import { checkChoice, effective, overlay, parseChoice, readStored, writeStored } from './settings.ts';

describe('names', () => {
  test.each([
    ['Corp.Example.COM.', 'corp.example.com'],
    ['_sip._tcp.example.com', '_sip._tcp.example.com'],
    ['a-.example.com', undefined],
    ['-a.example.com', undefined],
    ['a..b', undefined],
    ['', undefined],
    ['münchen.example', undefined],
    [`${'a'.repeat(64)}.b`, undefined],
    [`${'a.'.repeat(127)}b`, undefined],
    ['__proto__', undefined],
  ])('%s is %s', (text, want) => expect(canonicalName(text)).toBe(want));

  test.each([
    ['*.example.com', /leave the beginning out/],
    ['.', /for all names give nameservers/],
    ['a b', /xn--/],
  ])('the domain %s is refused', (text, words) => expect(() => parseDomain(text, 'x')).toThrow(words));

  test('a suffix ends at a dot', () => {
    expect([isWithin('a.b.c', 'b.c'), isWithin('xb.c', 'b.c'), isWithin('b.c', 'b.c')]).toEqual([
      true,
      false,
      true,
    ]);
    expect(nearestSuffix('x.a.b.c', new Set(['c', 'a.b.c']))).toBe('a.b.c');
    expect(nearestSuffix('x.y', new Set(['z']))).toBeUndefined();
  });
});

describe('nameservers', () => {
  test.each([
    ['1.1.1.1', '1.1.1.1'],
    ['9.9.9.9:5353', '9.9.9.9:5353'],
    ['2606:4700:4700:0::1111', '2606:4700:4700::1111'],
    ['[2001:DB8::1]:53', '[2001:db8::1]:53'],
    ['https://dns.google/dns-query', 'https://dns.google/dns-query'],
    ['https://dns.nextdns.io', 'https://dns.nextdns.io'],
  ])('%s is %s', (text, address) =>
    expect(parseNameserver(text, 'x')).toEqual({ address, useWithExitNode: false }),
  );

  test.each([
    ['tls://1.1.1.1', /don't understand tls:/],
    ['sdns://abc', /don't understand sdns:/],
    ['http://100.64.0.1:80/dns-query', /don't understand http:/],
    ['dns.google', /is not a nameserver/],
    ['fe80::1%eth0', /a zone/],
    ['100.100.100.100', /would ask itself/],
    ['0.0.0.0', /no address of a server/],
    ['224.0.0.251', /no address of a server/],
    ['ff02::fb', /no address of a server/],
    ['1.1.1.1:0', /port 0/],
    ['https://user:secret@dns.example/', /every machine/],
    ['https://', /is not a URL/],
  ])('%s is refused', (text, words) => expect(() => parseNameserver(text, 'x.1')).toThrow(words));

  test('errors say the place and the entry', () =>
    expect(() => parseChoice({ splitDns: { 'a.b': ['1.1.1.1', 'oops'] } }, 'dns.')).toThrow(
      'dns.splitDns.a.b.1: "oops": is not a nameserver',
    ));

  test('a resolver that official clients would not ask is doubted', () => {
    expect(doubtAbout(parseNameserver('https://dns.google/dns-query', ''))).toBeUndefined();
    expect(doubtAbout(parseNameserver('https://doh.example/q', ''))).toMatch(/doh\.example is none of them/);
  });
});

describe('settings', () => {
  test('whatever is stored is read again', () =>
    fc.assert(
      fc.property(
        fc.record({
          magicDns: fc.option(fc.boolean(), { nil: undefined }),
          https: fc.option(fc.boolean(), { nil: undefined }),
          nameservers: fc.option(fc.uniqueArray(fc.ipV4().filter(isUsable), { maxLength: 4 }), {
            nil: undefined,
          }),
          splitDns: fc.option(fc.dictionary(fc.domain(), fc.constant(['10.0.0.1'])), { nil: undefined }),
        }),
        (given) => {
          const choice = parseChoice(given, '');
          expect(readStored(writeStored(choice))).toEqual(choice);
        },
      ),
    ));

  test('what is said twice, or takes every nameserver away, is refused', () => {
    expect(() => parseChoice({ nameservers: ['1.1.1.1', '1.1.1.1'] }, '')).toThrow(/stands there twice/);
    expect(() => parseChoice({ splitDns: { 'a.b': [], 'A.B.': [] } }, '')).toThrow(/a\.b stands there twice/);
    expect(() => checkChoice({ overrideLocalDns: true }, 'dns.')).toThrow(
      /needs at least one of dns\.nameservers/,
    );
  });

  test('certificates are on where they can be, unless somebody says no', () => {
    expect([
      effective({}, true).https,
      effective({ https: false }, true).https,
      effective({ https: true }, false).https,
    ]).toEqual([true, false, false]);
    expect(overlay({ https: true, magicDns: true }, { https: false })).toMatchObject({
      https: false,
      magicDns: true,
    });
  });
});

const isUsable = (ip: string): boolean => {
  try {
    return parseNameserver(ip, '').address === ip;
  } catch {
    return false;
  }
};

describe('records', () => {
  test.each([
    [
      { name: 'A.Example.com.', value: '192.0.2.1' },
      { name: 'a.example.com', type: 'A', value: '192.0.2.1' },
    ],
    [
      { name: 'a.b', value: '2001:DB8:0::1' },
      { name: 'a.b', type: 'AAAA', value: '2001:db8::1' },
    ],
    [
      { name: '*.a.b', type: 'cname', value: 'C.D.' },
      { name: '*.a.b', type: 'CNAME', value: 'c.d' },
    ],
    [
      { name: 'a.b', type: 'SRV', value: ' 0  5 443 C.d ' },
      { name: 'a.b', type: 'SRV', value: '0 5 443 c.d' },
    ],
    [
      { name: '_x.a.b', type: 'TXT', value: 'v=1; "q"' },
      { name: '_x.a.b', type: 'TXT', value: 'v=1; "q"' },
    ],
  ])('%j', (given, want) => expect(parseRecord(given, 'x')).toEqual(want));

  test.each([
    [{ name: 'a', value: '192.0.2.1' }, /write the whole name/],
    [{ name: 'a.*.b', value: '192.0.2.1' }, /the whole first label/],
    [{ name: 'a.b', value: 'c.d' }, /say the type/],
    [{ name: 'a.b', type: 'A', value: '::1' }, /not an IPv4 address/],
    [{ name: 'a.b', type: 'MX', value: '10 c.d' }, /"MX" is not supported: use A, AAAA/],
    [{ name: 'a.b', type: 'TXT', value: 'ü' }, /printable ASCII/],
    [{ name: 'a.b', type: 'SRV', value: '0 5 99999 c.d' }, /PRIORITY WEIGHT PORT TARGET/],
    [{ name: 'a.b', type: 'CNAME', value: '1.2.3.4/8' }, /not a domain name/],
  ])('%j is refused', (given, words) => expect(() => parseRecord(given, 'entry 3')).toThrow(words));

  test('a CNAME stands alone', () => {
    const address = parseRecord({ name: 'a.b', value: '192.0.2.1' }, '');
    const alias = parseRecord({ name: 'a.b', type: 'CNAME', value: 'c.d' }, '');
    expect(clashWith(alias, [address])).toMatch(/must be alone/);
    expect(clashWith(address, [alias])).toMatch(/must be alone/);
    expect(clashWith(address, [address])).toMatch(/there already/);
    expect(clashWith(address, [{ ...address, value: '192.0.2.2' }])).toBeUndefined();
  });
});

describe('NextDNS', () => {
  const device = { name: 'Ann’s Laptop', model: 'linux', ip: '100.64.0.1' };

  test('of several profiles the first by name counts, and none that leads out of its place', () =>
    expect(
      nextDnsChoice(['nextdns:b', 'nextdns:a', 'nextdns:..', 'nextdns:x/y', 'nextdns:', 'funnel']),
    ).toEqual({
      profile: 'a',
      tellsDevice: true,
    }));

  test('what was in the address stays, and only that host is told', () => {
    const { Addr } = forDevice({ Addr: 'https://dns.nextdns.io/abc?x=1' }, device, []);
    expect(Addr).toBe(
      'https://dns.nextdns.io/abc?device_ip=100.64.0.1&device_model=linux&device_name=Ann%E2%80%99s+Laptop&x=1',
    );
    const other = { Addr: 'https://dns.nextdns.io.evil.example/abc' };
    expect(forDevice(other, device, ['nextdns:a'])).toBe(other);
  });
});
