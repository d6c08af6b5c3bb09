/** Every form of a rule's addresses becomes prefixes that hold exactly the same addresses. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatIp, parseIp, parsePrefix, prefixContains } from '#shared/ip/address.ts';
import type { FilterRule } from '#shared/wire/map.ts';
import { fakeNode } from './fake-world.ts';
import { filterSpec } from './filter-spec.ts';

const rule = (more: Partial<FilterRule>): FilterRule => ({
  SrcIPs: ['100.64.0.9'],
  DstPorts: [{ IP: '100.64.0.1', Ports: { First: 1, Last: 2 } }],
  IPProto: undefined,
  CapGrant: undefined,
  ...more,
});
const sourcesOf = (...SrcIPs: string[]): readonly string[] =>
  filterSpec([rule({ SrcIPs })], []).flatMap(({ sources }) => sources);

test('without a filter from the server nothing comes in, nor with an empty one', () => {
  expect(filterSpec(undefined, [])).toEqual([]);
  expect(filterSpec([], [])).toEqual([]);
});

test.each<[string, readonly string[]]>([
  ['*', ['0.0.0.0/0', '::/0']],
  ['100.64.0.9', ['100.64.0.9/32']],
  ['fd7a::1', ['fd7a::1/128']],
  ['10.0.0.0/8', ['10.0.0.0/8']],
  ['10.0.0.1-10.0.0.6', ['10.0.0.1/32', '10.0.0.2/31', '10.0.0.4/31', '10.0.0.6/32']],
  ['0.0.0.0-255.255.255.255', ['0.0.0.0/0']],
  ['10.0.0.6-10.0.0.1', []],
  ['10.0.0.1-::1', []],
  ['nonsense', []],
  ['', []],
])('%j is %j', (text, prefixes) => {
  expect(sourcesOf(text)).toEqual(prefixes);
});

test('a range holds exactly its addresses', () => {
  const address = fc.integer({ min: 0, max: 0xffff }).map((n) => `10.1.${n >> 8}.${n & 255}`);
  const numberOf = (text: string): number =>
    [...(parseIp(text) ?? [])].reduce((sum, byte) => sum * 256 + byte, 0);
  fc.assert(
    fc.property(address, address, address, (a, b, probe) => {
      const [low, high] = [a, b].sort((x, y) => numberOf(x) - numberOf(y)) as [string, string];
      const prefixes = sourcesOf(`${low}-${high}`).map((text) => parsePrefix(text));
      const ip = parseIp(probe) ?? new Uint8Array(4);
      const isIn = prefixes.filter((prefix) => prefix !== undefined && prefixContains(prefix, ip)).length;
      const expected = numberOf(low) <= numberOf(formatIp(ip)) && numberOf(formatIp(ip)) <= numberOf(high);
      expect(isIn).toBe(expected ? 1 : 0);
    }),
  );
});

test('a source by capability stands for the addresses of the peers that have it', () => {
  const holder = fakeNode({ id: 2, more: { CapMap: { 'example.com/cap/x': [] } } });
  const spec = filterSpec([rule({ SrcIPs: ['cap:example.com/cap/x'] })], [holder, fakeNode({ id: 3 })]);
  expect(spec[0]?.sources).toEqual(holder.Addresses);
});

test('rules that say nothing about packets, or nothing that can be read, let nothing in', () => {
  expect(filterSpec([rule({ DstPorts: undefined })], [])).toEqual([]);
  expect(filterSpec([rule({ SrcIPs: ['x'] })], [])).toEqual([]);
  expect(filterSpec([rule({ IPProto: [999] })], [])).toEqual([]);
  expect(filterSpec([rule({ DstPorts: [{ IP: '*', Ports: { First: 9, Last: 3 } }] })], [])).toEqual([]);
});

test('the same rule gives the same object, whatever comes and goes beside it', () => {
  const kept = rule({});
  expect(filterSpec([rule({}), kept], [])[1]).toBe(filterSpec([kept], [])[0]);
});
