/** The index of rules finds what looking at every rule finds. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatPrefix, parseIp, parsePrefix, prefixContains } from '#shared/ip/address.ts';
import { RuleIndex } from './rule-index.ts';
import type { FilterRuleSpec } from './types.ts';

// Few addresses in few nested networks, so that rules overlap and collide.
const ip4 = fc
  .tuple(fc.constantFrom(10, 100), fc.nat(2), fc.nat(2), fc.nat(3))
  .map((bytes) => bytes.join('.'));
const prefix4 = fc
  .tuple(ip4, fc.constantFrom(0, 8, 9, 16, 24, 30, 31, 32))
  .map(([ip, bits]) => `${ip}/${bits}`);
const prefix6 = fc
  .tuple(fc.nat(2), fc.nat(3), fc.constantFrom(0, 16, 48, 112, 128))
  .map(([a, b, bits]) => `fd7a:${a}::${b}/${bits}`);
const prefix = fc.oneof({ weight: 3, arbitrary: prefix4 }, prefix6);
const port = fc.constantFrom(0, 22, 23, 80, 443, 65_535);
const rule: fc.Arbitrary<FilterRuleSpec> = fc.record({
  protocols: fc.oneof(fc.constant([]), fc.array(fc.constantFrom(1, 6, 17, 47, 58, 132), { maxLength: 3 })),
  sources: fc.array(prefix, { maxLength: 4 }),
  destinations: fc.array(
    fc.tuple(prefix, port, port).map(([where, a, b]) => ({
      prefix: where,
      first: Math.min(a, b),
      last: Math.max(a, b),
    })),
    { maxLength: 4 },
  ),
});

const DEFAULTS = [6, 17, 1, 58];

function naive(
  rules: readonly FilterRuleSpec[],
  from: string,
  to: string,
  protocol: number,
  at: number,
): number {
  const holds = (text: string, ip: string): boolean => {
    const [network, bytes] = [parsePrefix(text), parseIp(ip)];
    return network !== undefined && bytes !== undefined && prefixContains(network, bytes);
  };
  const isIcmp = protocol === 1 || protocol === 58;
  const hasPorts = [6, 17, 132].includes(protocol);
  return rules.findIndex(({ protocols, sources, destinations }) => {
    const list = protocols.length === 0 ? DEFAULTS : protocols;
    if (!isIcmp && !list.includes(protocol)) return false;
    if (!sources.some((text) => holds(text, from))) return false;
    return destinations.some(({ prefix: where, first, last }) => {
      if (!holds(where, to)) return false;
      if (isIcmp) return true;
      return hasPorts ? first <= at && at <= last : first === 0 && last === 65_535;
    });
  });
}

function packetOf(from: string, to: string): { readonly packet: Uint8Array; readonly version: 4 | 6 } {
  const [source, target] = [parseIp(from) ?? new Uint8Array(4), parseIp(to) ?? new Uint8Array(4)];
  const version = source.length === 4 ? 4 : 6;
  const packet = new Uint8Array(40);
  packet.set(source, version === 4 ? 12 : 8);
  packet.set(target, version === 4 ? 16 : 24);
  return { packet, version };
}

const ends = fc.oneof(
  fc.tuple(ip4, ip4),
  fc
    .tuple(fc.nat(2), fc.nat(3), fc.nat(2), fc.nat(3))
    .map(([a, b, c, d]) => [`fd7a:${a}::${b}`, `fd7a:${c}::${d}`]),
);
const asked = fc.tuple(ends, fc.constantFrom(1, 6, 17, 47, 58, 132), port);

test('whatever the rules, the same rule is met', () => {
  fc.assert(
    fc.property(fc.array(rule, { maxLength: 80 }), fc.array(asked, { maxLength: 30 }), (rules, questions) => {
      const indexes = { 4: new RuleIndex(rules, 4), 6: new RuleIndex(rules, 6) };
      for (const [[from = '', to = ''], protocol, at] of questions) {
        const { packet, version } = packetOf(from, to);
        expect(indexes[version].match(packet, protocol, at)).toBe(naive(rules, from, to, protocol, at));
        // A miss by port or protocol alone is what ICMP would have met.
        expect(indexes[version].nearMiss()).toBe(naive(rules, from, to, 1, 0));
      }
    }),
    { numRuns: 300 },
  );
});

test('ten thousand rules for one address are told apart, and the first one counts', () => {
  const rules = Array.from(
    { length: 10_000 },
    (_, i): FilterRuleSpec => ({
      protocols: [6],
      sources: [formatPrefix({ ip: Uint8Array.of(10, i >> 8, i & 255, 0), bits: 24 })],
      destinations: [{ prefix: '100.64.0.1/32', first: i, last: i }],
    }),
  );
  const index = new RuleIndex([...rules, ...rules], 4);
  for (const i of [0, 31, 32, 1_023, 1_024, 9_999]) {
    const { packet } = packetOf(`10.${i >> 8}.${i & 255}.9`, '100.64.0.1');
    expect(index.match(packet, 6, i)).toBe(i);
    expect(index.match(packet, 6, i + 1)).toBe(-1);
    expect(index.match(packet, 17, i)).toBe(-1);
    expect(index.nearMiss()).toBe(i);
  }
});
