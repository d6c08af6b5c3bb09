/** Addresses and prefixes: canonical text, refusals, ranges. */
import { isIP } from 'node:net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  CGNAT,
  canonicalIp,
  formatIp,
  formatPrefix,
  formatSockAddr,
  isTailnetIp,
  maskPrefix,
  parseIp,
  parsePrefix,
  parseSockAddr,
  prefixContains,
  to16,
  unmap,
} from './address.ts';

const ip = (text: string): Uint8Array => {
  const bytes = parseIp(text);
  if (bytes === undefined) throw new Error(text);
  return bytes;
};

test.each([
  ['1.2.3.4', '1.2.3.4'],
  ['::', '::'],
  ['::1', '::1'],
  ['1::', '1::'],
  ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
  // RFC 5952 §4.2.2 and §4.2.3: one zero group stays, the first longest run goes.
  ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['::ffff:192.0.2.1', '::ffff:c000:201'],
  ['fd7a:115c:a1e0::53', 'fd7a:115c:a1e0::53'],
])('%s is written %s', (given, wanted) => expect(canonicalIp(given)).toBe(wanted));

test.each([
  '',
  '1.2.3',
  '1.2.3.4.5',
  '01.2.3.4',
  '256.1.1.1',
  '1.2.3.4 ',
  ':',
  ':::',
  '1:2',
  '1::2::3',
  '12345::',
  'g::',
  'fe80::1%eth0',
  '[::1]',
  '1:2:3:4:5:6:7:8:9',
  '1:2:3:4:5:6:7:8::9',
  '1.2.3.4::',
])('refuses %j', (text) => expect(parseIp(text)).toBeUndefined());

test('every address survives writing and reading', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
  );
  fc.assert(
    fc.property(bytes, (raw) => {
      expect(ip(formatIp(raw))).toEqual(raw);
    }),
  );
});

test('what is an address is what the system says', () => {
  const text = fc.oneof(
    fc.string({ unit: fc.constantFrom(...'0123:af.9'), maxLength: 20 }),
    // Nearly addresses: groups of any count, some of them empty.
    fc
      .array(fc.constantFrom('', '0', '1', 'fd7a', '00a', '12345', '1.2.3.4', '01.2.3.4', 'g'), {
        maxLength: 10,
      })
      .map((groups) => groups.join(':')),
    fc
      .array(fc.constantFrom('0', '7', '00', '255', '256', '1000', ''), { maxLength: 5 })
      .map((bytes) => bytes.join('.')),
  );
  fc.assert(
    fc.property(text, (one) => {
      expect(parseIp(one)?.length ?? 0).toBe({ 0: 0, 4: 4, 6: 16 }[isIP(one)]);
    }),
    { numRuns: 5_000 },
  );
});

test('no text makes the parsers throw', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 60 }), (text) => {
      parseIp(text);
      parsePrefix(text);
      parseSockAddr(text);
    }),
  );
});

test('prefixes keep, mask and contain', () => {
  const prefix = parsePrefix('10.1.2.3/9');
  if (prefix === undefined) throw new Error('unparsed');
  expect(formatPrefix(prefix)).toBe('10.1.2.3/9');
  expect(formatPrefix(maskPrefix(prefix))).toBe('10.0.0.0/9');
  expect(prefixContains(prefix, ip('10.127.255.255'))).toBe(true);
  expect(prefixContains(prefix, ip('10.128.0.0'))).toBe(false);
  expect(prefixContains(prefix, ip('::a01:203'))).toBe(false);
});

test.each([
  '10.0.0.0/33',
  '::/129',
  '10.0.0.0/',
  '10.0.0.0/-1',
  '10.0.0.0/08',
  '10.0.0.0/00',
  '10.0.0.0/1x',
  '/8',
])('refuses prefix %s', (text) => expect(parsePrefix(text)).toBeUndefined());

test('a bare address is a single-host prefix', () => {
  expect(parsePrefix('1.2.3.4')?.bits).toBe(32);
  expect(parsePrefix('::1')?.bits).toBe(128);
});

test.each([
  ['1.2.3.4:56', { ip: '1.2.3.4', port: 56 }],
  ['[2001:DB8::1]:41641', { ip: '2001:db8::1', port: 41641 }],
])('socket address %s', (text, wanted) => {
  expect(parseSockAddr(text)).toEqual(wanted);
  expect(formatSockAddr(wanted)).toBe(text.toLowerCase());
});

test.each(['1.2.3.4', '1.2.3.4:65536', '::1:5', '[1.2.3.4]:5', '[fe80::1%eth0]:1', '1.2.3.4:'])(
  'refuses socket address %s',
  (text) => expect(parseSockAddr(text)).toBeUndefined(),
);

test('mapped addresses go to 16 bytes and back', () => {
  expect(formatIp(to16(ip('192.0.2.1')))).toBe('::ffff:c000:201');
  expect(formatIp(unmap(to16(ip('192.0.2.1'))))).toBe('192.0.2.1');
  expect(formatIp(unmap(ip('2001:db8::1')))).toBe('2001:db8::1');
});

test('the network holds its own ranges without the ChromeOS hole', () => {
  expect(prefixContains(CGNAT, ip('100.127.255.255'))).toBe(true);
  expect(isTailnetIp(ip('100.64.0.1'))).toBe(true);
  expect(isTailnetIp(ip('100.115.92.7'))).toBe(false);
  expect(isTailnetIp(ip('fd7a:115c:a1e0::1'))).toBe(true);
  expect(isTailnetIp(ip('fd7a:115c:a1e1::1'))).toBe(false);
});
