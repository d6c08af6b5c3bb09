/** The home relay: measured, kept, guessed. */
import { describe, expect, test } from 'vitest';
import type { DerpMap } from '#shared/wire/map.ts';
import { type HomeFacts, homeRegions, nextHome } from './home-region.ts';

const region = (RegionID: number, more: object = {}) => ({
  RegionID,
  RegionCode: `r${RegionID}`,
  RegionName: `Region ${RegionID}`,
  Nodes: [{ Name: `${RegionID}a`, RegionID, HostName: 'relay.example' }],
  ...more,
});
const map: DerpMap = {
  Regions: {
    '1': region(1),
    '2': region(2),
    '3': region(3, { NoMeasureNoHome: true }),
    '4': region(4, { Nodes: [{ Name: '4a', RegionID: 4, HostName: 's.example', STUNOnly: true }] }),
    '5': null,
  },
} as unknown as DerpMap;
const facts = (more: Partial<HomeFacts>): HomeFacts => ({
  map,
  current: 0,
  preferred: 0,
  isControlUp: true,
  seed: 0.99,
  peerHomes: [],
  avoid: new Set(),
  latencies: new Map(),
  ...more,
});

test('only regions with a relay that may be measured can be a home', () => {
  expect(homeRegions(map)).toEqual([1, 2]);
  expect(homeRegions(undefined)).toEqual([]);
});

test.each([
  ['the measured one', {}, { preferred: 1 }, 1],
  ['a move while the server can tell peers', { current: 2 }, { preferred: 1 }, 1],
  ['no move while it can not', { current: 2, isControlUp: false }, { preferred: 1 }, 2],
  ['the first home without the server', { isControlUp: false }, { preferred: 1 }, 1],
  ['nothing measured: the present one stays', { current: 1 }, {}, 1],
  ['nothing measured and none yet: where most peers are', {}, { peerHomes: [1, 9, 9, 9, 1, 2] }, 1],
  ['nothing known at all: one of them, the same each time', {}, {}, 2],
  ['a home that left the map is given up without the server', { current: 7, isControlUp: false }, {}, 2],
  ['a preference that is not in the map counts for nothing', { current: 1 }, { preferred: 9 }, 1],
  ['no map, no home', { map: undefined, current: 1 }, { preferred: 1 }, 0],
] as const)('%s', (_name, a, b, home) => {
  expect(nextHome(facts({ ...a, ...b }))).toBe(home);
});

describe('a relay that answers probes and lets us not in', () => {
  const host = (HostName: string) => ({ Nodes: [{ Name: 'n', RegionID: 0, HostName }] });
  const regions: DerpMap = {
    Regions: {
      '1': region(1, host('a')),
      '2': region(2, host('a')),
      '3': region(3, host('b')),
      '6': region(6, host('c')),
    },
    HomeParams: { RegionScore: { '3': 10, '2': 0.1 } },
  } as unknown as DerpMap;
  const latencies = new Map([
    [1, 5],
    [2, 5],
    [3, 6],
    [6, 30],
  ]);
  const shut = (more: Partial<HomeFacts>): number =>
    nextHome(facts({ map: regions, current: 1, preferred: 1, latencies, avoid: new Set([1]), ...more }));

  test('is left for the nearest other machine', () => expect(shut({})).toBe(6));
  test('is kept while the server can not be told', () => expect(shut({ isControlUp: false })).toBe(1));
  test('is kept when there is no other', () => expect(shut({ avoid: new Set([1, 3, 6]) })).toBe(1));
  test('is not gone back to', () => expect(shut({ current: 6 })).toBe(6));
});
