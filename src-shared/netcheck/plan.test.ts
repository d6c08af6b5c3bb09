/** The probe plans of the specification (nat-traversal.md §2.5). */
import { expect, test } from 'vitest';
import { type ProbeSet, planProbes } from './plan.ts';
import type { Latencies } from './report.ts';
import { mapOf } from './testing/fake-servers.ts';

/** Region n has n nodes; the sixth is never measured. */
const basic = mapOf({ 1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6 }, { region: { 6: { NoMeasureNoHome: true } } });

const latencies = (of: Readonly<Record<number, number>>): Latencies =>
  new Map(Object.entries(of).map(([region, ms]) => [Number(region), ms]));

const text = (sets: readonly ProbeSet[]): Record<string, string> =>
  Object.fromEntries(
    sets.map(({ region, family, probes, isForMapping }) => [
      `r${region}v${family}${isForMapping ? ' mapping' : ''}`,
      probes.map(({ node, delayMs }) => `${node.Name}@${Math.round(delayMs)}`).join(' '),
    ]),
  );

const all = { 1: 10, 2: 20, 3: 30, 4: 40 };
const all4 = {
  regionLatencyMs: latencies(all),
  regionV4LatencyMs: latencies(all),
  regionV6LatencyMs: new Map(),
};
const mixed = {
  regionLatencyMs: latencies(all),
  regionV4LatencyMs: latencies({ 1: 10, 2: 20 }),
  regionV6LatencyMs: latencies({ 3: 30, 4: 40 }),
};
const slowHome = { ...mixed, regionLatencyMs: latencies({ 1: 50, 2: 20, 3: 30, 4: 40 }) };
const initial = (family: 4 | 6): Record<string, string> => ({
  [`r1v${family}`]: '1a@0 1a@100 1a@200',
  [`r2v${family}`]: '2a@0 2b@100 2a@200',
  [`r3v${family}`]: '3a@0 3b@100 3c@200',
  [`r4v${family}`]: '4a@0 4b@100 4c@200',
  [`r5v${family}`]: '5a@0 5b@100 5c@200',
});

test.each([
  {
    name: 'the first with both families',
    input: { has4: true, has6: true, last: undefined, home: 0 },
    want: { ...initial(4), ...initial(6) },
  },
  {
    name: 'the first without IPv6',
    input: { has4: true, has6: false, last: undefined, home: 0 },
    want: initial(4),
  },
  {
    name: 'the first without IPv4',
    input: { has4: false, has6: true, last: undefined, home: 0 },
    want: initial(6),
  },
  {
    name: 'the second without an IPv6 interface',
    input: { has4: true, has6: false, last: all4, home: 0 },
    want: { r1v4: '1a@0 1a@12', r2v4: '2a@0 2b@24', r3v4: '3a@0' },
  },
  {
    name: 'the second with an IPv6 interface that had no answers',
    input: { has4: true, has6: true, last: all4, home: 0 },
    want: { r1v4: '1a@0 1a@12', r1v6: '1a@0', r2v4: '2a@0 2b@24', r2v6: '2a@0', r3v4: '3a@0' },
  },
  {
    name: 'the second with both families',
    input: { has4: true, has6: true, last: mixed, home: 0 },
    want: {
      r1v4: '1a@0 1a@12',
      r1v6: '1a@0 1a@12',
      r2v4: '2a@0 2b@24',
      r2v6: '2a@0 2b@24',
      r3v4: '3a@0',
    },
  },
  {
    name: 'the home is asked harder',
    input: { has4: true, has6: true, last: mixed, home: 1 },
    want: {
      r1v4: '1a@0 1a@12 1a@124 1a@186',
      r1v6: '1a@0 1a@12 1a@124 1a@186',
      r2v4: '2a@0 2b@24',
      r2v6: '2a@0 2b@24',
      r3v4: '3a@0',
    },
  },
  {
    name: 'a home that got slow is asked all the same',
    input: { has4: true, has6: true, last: slowHome, home: 1 },
    want: {
      r2v4: '2a@0 2b@24',
      r2v6: '2a@0 2b@24',
      r3v4: '3a@0 3b@36',
      r3v6: '3a@0 3b@36',
      r4v4: '4a@0',
      r1v4: '1a@0 1a@60 1a@220 1a@330',
      r1v6: '1a@0 1a@60 1a@220 1a@330',
    },
  },
])('$name', ({ input, want }) => {
  expect(text(planProbes({ map: basic, ...input }))).toEqual(want);
});

test('a region without latency waits 200 ms between tries and comes last', () => {
  const last = { ...all4, regionLatencyMs: latencies({ 2: 20 }), regionV4LatencyMs: latencies({ 2: 20 }) };
  const plan = planProbes({ map: mapOf({ 1: 1, 2: 1 }), has4: true, has6: false, last, home: 1 });
  expect(text(plan)).toEqual({ r2v4: '2a@0 2a@24', r1v4: '1a@0 1a@200 1a@500 1a@750' });
});

test('a family that a node does not have is left out, also when it is said with a wrong address', () => {
  for (const v6 of ['none', 'nonsense', '192.0.2.1'])
    expect(
      text(planProbes({ map: mapOf({ 1: 1 }, { v6 }), has4: true, has6: true, last: undefined, home: 0 })),
    ).toEqual({ r1v4: '1a@0 1a@100 1a@200' });
});

test('regions that are to be avoided are asked only as home, or when all are asked', () => {
  const map = mapOf({ 1: 1, 2: 1 }, { region: { 2: { Avoid: true } } });
  const last = { ...all4, regionLatencyMs: latencies({ 1: 10, 2: 20 }) };
  const base = { map, has4: true, has6: false };
  expect(Object.keys(text(planProbes({ ...base, last, home: 1 })))).toEqual(['r1v4']);
  expect(Object.keys(text(planProbes({ ...base, last, home: 2 })))).toEqual(['r1v4', 'r2v4']);
  expect(Object.keys(text(planProbes({ ...base, last: undefined, home: 0 })))).toEqual(['r1v4', 'r2v4']);
});

test('a single region with two servers gets a second opinion from the other one', () => {
  const plan = planProbes({ map: mapOf({ 7: 2 }), has4: true, has6: false, last: undefined, home: 0 });
  expect(text(plan)).toEqual({ r7v4: '7a@0 7b@100 7a@200', 'r7v4 mapping': '7b@0 7b@100 7b@200' });
  const single = planProbes({ map: mapOf({ 7: 1 }), has4: true, has6: false, last: undefined, home: 0 });
  expect(Object.keys(text(single))).toEqual(['r7v4']);
});

test('nodes without STUN are not asked', () => {
  const map = mapOf({ 1: 1 }, { node: { STUNPort: -1 } });
  expect(planProbes({ map, has4: true, has6: true, last: undefined, home: 0 })).toEqual([]);
});

test('an empty map gives an empty plan', () => {
  expect(planProbes({ map: mapOf({}), has4: true, has6: true, last: all4, home: 3 })).toEqual([]);
});

test('only the wanted regions are asked', () => {
  const onlyRegions = new Set([2]);
  const plan = planProbes({ map: basic, has4: true, has6: false, last: all4, home: 1, onlyRegions });
  expect(plan.every(({ region }) => region === 2)).toBe(true);
});
