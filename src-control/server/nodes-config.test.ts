/** Settings about machines: what is taken, and what is refused with words. */
import { describe, expect, test } from 'vitest';
import { formatPrefix } from '#shared/ip/address.ts';
import { addressPlan, inactiveMs, routingConfig } from './nodes-config.ts';

describe('prefixes', () => {
  test('one or several of each family, each inside the network’s ranges', () => {
    const plan = addressPlan({ v4: ['100.64.0.0/16', '100.80.0.0/16'], v6: 'fd7a:115c:a1e0:7::/64' });
    expect(plan.v4.map(formatPrefix)).toEqual(['100.64.0.0/16', '100.80.0.0/16']);
    expect(plan.v6.map(formatPrefix)).toEqual(['fd7a:115c:a1e0:7::/64']);
    expect(addressPlan(undefined).v4.map(formatPrefix)).toEqual(['100.64.0.0/10']);
  });

  test.each([
    [{ v4: '10.0.0.0/8' }, /must lie within 100\.64\.0\.0\/10/],
    [{ v4: '100.0.0.0/8' }, /must lie within/],
    [{ v4: 'fd7a:115c:a1e0::/48' }, /must lie within/],
    [{ v6: 'fd00::/48' }, /must lie within fd7a:115c:a1e0::\/48/],
    [{ v4: '100.64.0.1/16' }, /is not a prefix/],
    [{ v4: 'everything' }, /is not a prefix/],
    [{ v4: ['100.64.0.0/16', '100.64.1.0/24'] }, /overlaps 100\.64\.0\.0\/16/],
    [{ quarantine: 'a while' }, /a while/],
  ])('%j is refused', (given, why) => {
    expect(() => addressPlan(given)).toThrow(why);
  });
});

test('probes have a shortest interval, inactive machines a shortest patience', () => {
  expect(routingConfig(undefined)).toEqual({
    probeIntervalMs: 10_000,
    probeTimeoutMs: 5_000,
    failback: false,
  });
  expect(() => routingConfig({ probeInterval: '100ms' })).toThrow();
  expect(() => routingConfig({ probeTimeout: '0' })).toThrow(/at least 1s/);
  expect(inactiveMs(undefined)).toBe(0);
  expect(inactiveMs('30d')).toBe(30 * 86_400_000);
  expect(() => inactiveMs('1h')).toThrow(/at least 1d/);
});
