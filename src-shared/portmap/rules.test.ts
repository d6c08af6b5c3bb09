/** Which gateways and external addresses count, and what an epoch tells: tables. */
import { describe, expect, test } from 'vitest';
import { parseIp } from '../ip/address.ts';
import { isMappingGateway, reachOf } from './addresses.ts';
import { hasRestarted } from './epoch.ts';

test.each([
  ['192.168.1.1', true],
  ['10.0.0.1', true],
  ['172.16.0.1', true],
  ['172.31.255.1', true],
  ['100.64.0.1', true],
  ['172.32.0.1', false],
  ['8.8.8.8', false],
  ['169.254.169.254', false],
  ['127.0.0.1', false],
  ['0.0.0.0', false],
  ['fe80::1', false],
  ['router', false],
])('%s is a gateway to ask: %s', (ip, want) => expect(isMappingGateway(ip)).toBe(want));

test.each([
  ['203.0.113.9', 'public'],
  ['9.9.9.9', 'public'],
  ['192.168.1.1', 'double-nat'],
  ['10.1.2.3', 'double-nat'],
  ['100.64.0.1', 'double-nat'],
  ['0.0.0.0', undefined],
  ['127.0.0.1', undefined],
  ['169.254.1.1', undefined],
  ['192.0.0.1', undefined],
  ['224.0.0.1', undefined],
  ['255.255.255.255', undefined],
  ['2001:db8::1', undefined],
])('an external address of %s is %s', (ip, want) => {
  expect(reachOf(parseIp(ip) ?? new Uint8Array())).toBe(want);
});

describe('an epoch', () => {
  test.each([
    { name: 'that counted with us', epochS: 3_700, afterS: 3_600, want: false },
    { name: 'that is one second back', epochS: 99, afterS: 0, want: false },
    { name: 'that is two seconds back', epochS: 98, afterS: 0, want: true },
    { name: 'that began anew', epochS: 5, afterS: 3_600, want: true },
    { name: 'that began anew long ago', epochS: 2_000, afterS: 3_600, want: true },
    { name: 'that runs slow by a twentieth', epochS: 100 + 3_420, afterS: 3_600, want: false },
    { name: 'that runs slow by a tenth', epochS: 100 + 3_240, afterS: 3_600, want: true },
    { name: 'that runs fast by a twentieth', epochS: 100 + 3_780, afterS: 3_600, want: false },
    { name: 'that jumped ahead', epochS: 100 + 9_000, afterS: 3_600, want: true },
  ])('$name: restarted $want', ({ epochS, afterS, want }) =>
    expect(hasRestarted({ epochS: 100, atMs: 0 }, { epochS, atMs: afterS * 1_000 })).toBe(want),
  );
});
