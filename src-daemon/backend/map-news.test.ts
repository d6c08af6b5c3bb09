/** What of a new map is news to watchers, and what of that fits into a patch. */
import { expect, test } from 'vitest';
import type { Node } from '#shared/wire/node.ts';
import type { MapChange } from '../control/types.ts';
import { FULL, fakeMap, fakeNode } from './fake-world.ts';
import { peerNews } from './map-news.ts';
import { peerPatch } from './peer-patch.ts';

const self = fakeNode({ id: 1 });
const two = fakeNode({ id: 2 });
const big = fakeNode({ id: 9_007_199_254_740_993n });
const delta = (changed: readonly string[], removed: readonly string[] = []): MapChange => ({
  kind: 'delta',
  self: false,
  changed,
  removed,
  other: false,
});

test.each<{ name: string; more: Partial<Node>; want: object | undefined }>([
  { name: 'goes offline', more: { Online: false, LastSeen: 5 }, want: { Online: false, LastSeen: 5 } },
  { name: 'moves', more: { Endpoints: ['192.0.2.9:1'] }, want: { Endpoints: ['192.0.2.9:1'] } },
  { name: 'has another home relay', more: { HomeDERP: 7 }, want: { DERPRegion: 7 } },
  { name: 'has another name', more: { Online: false, Name: 'b.tail.example.' }, want: undefined },
  { name: 'lost its endpoints', more: { Endpoints: undefined }, want: undefined },
  { name: 'has another key', more: { Key: big.Key }, want: undefined },
])('a machine that $name', ({ more, want }) => {
  const patch = peerPatch(two, { ...two, ...more });
  if (want === undefined) expect(patch).toBeUndefined();
  else
    expect(
      JSON.parse(
        JSON.stringify(patch, (_key, value: unknown) => (typeof value === 'bigint' ? `${value}` : value)),
      ),
    ).toEqual({ NodeID: 2, ...want });
});

test('a machine that comes online has not been seen last at any time', () => {
  const off = { ...two, Online: false, LastSeen: 5 };
  expect(peerPatch(off, { ...off, Online: true, LastSeen: undefined })).toMatchObject({ Online: true });
});

test('a delta is looked at where it says, a whole map is compared', () => {
  const before = fakeMap(self, [two, big]);
  const off = { ...two, Online: false };
  const next = fakeMap(self, [off, big]);
  for (const change of [delta(['2']), FULL]) {
    const news = peerNews(before, next, change);
    expect(news.nodes).toEqual([]);
    expect(news.patches.map(({ NodeID }) => NodeID)).toEqual([2]);
    expect(news.patched).toEqual([off]);
    expect(news.removed).toEqual([]);
  }
});

test('the first map is all news, and what it took from the one kept on disk is gone', () => {
  const news = peerNews(undefined, fakeMap(self, [two]), { ...FULL, removed: ['9007199254740993'] });
  expect(news.nodes).toEqual([two]);
  expect(news.removed).toEqual([9_007_199_254_740_993n]);
});

test('another network takes the machines of the last one away', () => {
  const news = peerNews(fakeMap(self, [two, big]), fakeMap(fakeNode({ id: 7 }), []), FULL);
  expect(news.removed).toEqual([2, 9_007_199_254_740_993n]);
});

test('the same map again is no news', () => {
  const map = fakeMap(self, [two]);
  expect(peerNews(map, fakeMap(self, [{ ...two }]), FULL)).toEqual({
    nodes: [],
    patches: [],
    patched: [],
    removed: [],
  });
});
