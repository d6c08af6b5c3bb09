/** Which exit node is suggested, from relays, places, scores and what was suggested before. */
import { expect, test } from 'vitest';
import { derpMap } from '#shared/wire/map.ts';
import type { Node } from '#shared/wire/node.ts';
import type { NetworkMap } from '../control/types.ts';
import { suggestExit } from './exit-suggestion.ts';
import { fakeMap, fakeNode } from './fake-world.ts';
import { RegionLatency } from './region-latency.ts';
import { rendezvousHash } from './rendezvous.ts';

const SUGGESTIBLE = { 'suggest-exit-node': null };
const EXIT = ['0.0.0.0/0', '::/0'];

const regions = derpMap.parse({
  Regions: Object.fromEntries(
    [
      [1, 52.5, 13.4],
      [2, 48.8, 2.3],
      [3, 40.7, -74],
    ].map(([id, Latitude, Longitude]) => [
      String(id),
      {
        RegionID: id,
        RegionCode: `r${id}`,
        RegionName: `R${id}`,
        Latitude,
        Longitude,
        Nodes: [{ Name: `${id}a`, RegionID: id, HostName: 'r.example' }],
      },
    ]),
  ),
});

const exit = (id: number, more: Partial<Node> = {}): Node =>
  fakeNode({ id, more: { AllowedIPs: EXIT, CapMap: SUGGESTIBLE, ...more } });
const at = (id: number, Latitude: number, Longitude: number, Priority = 0): Node =>
  exit(id, { Hostinfo: { Location: { Latitude, Longitude, Priority } } as unknown as Node['Hostinfo'] });

interface Question {
  readonly peers: readonly Node[];
  readonly home?: number;
  readonly latency?: Readonly<Record<number, number>>;
  readonly previous?: string;
  readonly random?: number;
  readonly self?: Partial<Node>;
  readonly map?: Partial<NetworkMap>;
}

const ask = ({ peers, home = 1, latency = {}, previous = '', random = 0, self, map }: Question): string =>
  suggestExit({
    map: fakeMap(fakeNode({ id: 1, ...(self !== undefined && { more: self }) }), peers, {
      derpMap: regions,
      ...map,
    }),
    home,
    latencyOf: (region) => latency[region],
    previous,
    random: () => random,
  }).ID;

test('without a map, or a home relay where there are relays, it says to try again', () => {
  const input = { home: 1, latencyOf: () => undefined, previous: '', random: () => 0 };
  expect(() => suggestExit({ ...input, map: undefined })).toThrow('no network map, try again later');
  expect(() => ask({ peers: [], home: 0 })).toThrow('no preferred DERP, try again later');
  expect(() => ask({ peers: [], home: 77 })).toThrow('no preferred DERP, try again later');
});

test('a network without relays has suggestions all the same', () => {
  expect(ask({ peers: [exit(2)], home: 0, map: { derpMap: undefined } })).toBe('n2');
});

test.each<{ name: string; more: Partial<Node> }>([
  { name: 'is offline', more: { Online: false } },
  { name: 'has no right to be suggested', more: { CapMap: {} } },
  { name: 'offers one family only', more: { AllowedIPs: ['0.0.0.0/0'] } },
])('a node that $name is not suggested', ({ more }) => {
  expect(ask({ peers: [exit(2, more)] })).toBe('');
  expect(ask({ peers: [exit(2, more), exit(3)] })).toBe('n3');
});

test('a server may ask not to trust it in who is online', () => {
  const self = { CapMap: { 'client-side-reachability': null } };
  expect(ask({ peers: [exit(2, { Online: false })], self })).toBe('n2');
});

test('the nearest measured region wins, and within it the node suggested before', () => {
  const peers = [
    exit(2, { HomeDERP: 1 }),
    exit(3, { HomeDERP: 2 }),
    exit(4, { HomeDERP: 2 }),
    exit(5, { HomeDERP: 3 }),
  ];
  const latency = { 1: 0.05, 2: 0.02 };
  expect(ask({ peers, latency })).toBe('n3');
  expect(ask({ peers, latency, random: 0.99 })).toBe('n4');
  expect(ask({ peers, latency, previous: 'n4' })).toBe('n4');
  expect(ask({ peers, latency, previous: 'n2' })).toBe('n3');
});

test('when no region was measured one is drawn', () => {
  const peers = [exit(2, { HomeDERP: 1 }), exit(3, { HomeDERP: 2 })];
  expect(ask({ peers })).toBe('n2');
  expect(ask({ peers, random: 0.99 })).toBe('n3');
});

test('a node with a relay goes before the nearest place', () => {
  expect(ask({ peers: [at(2, 52.5, 13.4), exit(3, { HomeDERP: 3 })] })).toBe('n3');
});

test('places about as near as the nearest are equal, and then the priority counts', () => {
  const peers = [at(2, 52.5, 13.4, 1), at(3, 52.4, 13.1, 9), at(4, 48.8, 2.3, 99)];
  expect(ask({ peers })).toBe('n3');
  expect(ask({ peers, home: 2 })).toBe('n4');
  expect(ask({ peers: [at(2, 52.5, 13.4), at(3, 52.4, 13.1)], previous: 'n3' })).toBe('n3');
});

test('nodes of which neither relay nor place is known are better than none', () => {
  expect(ask({ peers: [exit(2), exit(3)] })).toBe('n2');
  expect(ask({ peers: [exit(2), exit(3)], previous: 'n3' })).toBe('n3');
});

test('with traffic steering the score decides, whatever else is known', () => {
  const self = { CapMap: { 'traffic-steering': null } };
  const peers = [at(2, 52.5, 13.4, 10), at(3, 0, 0, 20)];
  expect(ask({ peers, self, home: 0, previous: 'n2' })).toBe('n3');
  const equal = [at(2, 0, 0, 5), at(3, 0, 0, 5), at(4, 0, 0, 5)];
  const first = ask({ peers: equal, self, home: 0 });
  expect(ask({ peers: [...equal].reverse(), self, home: 0 })).toBe(first);
});

test('nonsense for a place is no place', () => {
  const odd = exit(2, { Hostinfo: { Location: { Latitude: 'x' } } as unknown as Node['Hostinfo'] });
  expect(ask({ peers: [odd, at(3, 0, 0)] })).toBe('n3');
});

/** The numbers are what the same algorithm gives in Go, with its own FNV-1a. */
test.each([
  [1, 2, 0x282c28ec6a89041dn],
  [1, 3, 0x69d1436aa2c75663n],
  [9_007_199_254_740_993n, 2, 0x395c02769f311e30n],
])('equal scores are shared out as official clients do it: %s sees %s', (self, node, hash) => {
  expect(rendezvousHash(self)(node)).toBe(hash);
});

test('latencies of some minutes count, the better family of a check, and none of another network', () => {
  const latency = new RegionLatency();
  latency.add({ DERPLatency: { '1-v4': 0.03, '1-v6': 0.02, '2-v4': 0.5, x: 1, '3-v4': 0 } }, 0);
  latency.add({ DERPLatency: { '2-v4': 0.4 } }, 60_000);
  expect([1, 2, 3].map((region) => latency.of(region, 60_000))).toEqual([0.02, 0.4, undefined]);
  expect([1, 2].map((region) => latency.of(region, 11 * 60_000 + 1))).toEqual([undefined, 0.4]);
  latency.clear();
  expect(latency.of(2, 60_000)).toBeUndefined();
});
