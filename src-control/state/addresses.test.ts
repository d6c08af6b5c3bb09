/** Address allocation: order, holes, reuse, exhaustion, and that it does not slow down with the number given. */
import { describe, expect, test } from 'vitest';
import { CGNAT, CHROMEOS, isTailnetIp, parseIp, prefixContains } from '#shared/ip/address.ts';
import { AddressPool, ipv4Pool, ipv6Pool } from './addresses.ts';

describe('IPv4', () => {
  test('starts after the network address and goes up', () => {
    const pool = ipv4Pool();
    expect([pool.take(), pool.take()]).toEqual(['100.64.0.1', '100.64.0.2']);
  });

  test('goes on after the highest address in use', () => {
    const pool = ipv4Pool();
    pool.use('100.64.0.9');
    expect(pool.take()).toBe('100.64.0.10');
  });

  test('skips the service addresses and the ChromeOS range', () => {
    const pool = ipv4Pool();
    pool.use('100.100.99.255');
    expect(pool.take()).toBe('100.100.101.0');
    pool.use('100.115.91.255');
    expect(pool.take()).toBe('100.115.94.0');
  });

  test('never gives the broadcast address, and wraps to what was freed', () => {
    const pool = ipv4Pool();
    pool.use('100.64.0.1');
    pool.use('100.127.255.253');
    expect(pool.take()).toBe('100.127.255.254');
    expect(pool.take()).toBe('100.64.0.2');
    pool.free('100.64.0.1');
    pool.use('100.127.255.254');
    expect(pool.take()).toBe('100.64.0.1');
  });

  test('a freed address rests while others are free', () => {
    const pool = ipv4Pool();
    const first = pool.take();
    pool.free(first);
    expect(pool.take()).not.toBe(first);
  });

  test('addresses outside the range are left alone', () => {
    const pool = ipv4Pool();
    pool.use('10.0.0.1');
    pool.use('not an address');
    expect(pool.take()).toBe('100.64.0.1');
  });

  test('gives two hundred thousand different ones without slowing down', () => {
    const pool = ipv4Pool();
    const seen = new Set<string>();
    for (let i = 0; i < 200_000; i++) seen.add(pool.take());
    expect(seen.size).toBe(200_000);
    for (const text of seen) {
      const ip = parseIp(text);
      expect(ip !== undefined && isTailnetIp(ip) && !prefixContains(CHROMEOS, ip)).toBe(true);
    }
  });
});

test('a full range is an error that says what to do', () => {
  const pool = new AddressPool(CGNAT, 3, () => false);
  pool.take();
  pool.take();
  const last = pool.take();
  expect(() => pool.take()).toThrow(/every address of the network is in use/);
  pool.free(last);
  expect(pool.take()).toBe(last);
});

test('IPv6 counts from ::1 and skips ::53', () => {
  const pool = ipv6Pool();
  expect(pool.take()).toBe('fd7a:115c:a1e0::1');
  pool.use('fd7a:115c:a1e0::52');
  expect(pool.take()).toBe('fd7a:115c:a1e0::54');
});
