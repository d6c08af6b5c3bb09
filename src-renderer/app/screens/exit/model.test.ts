/** What the exit-node picker lists and finds. */
import { describe, expect, test } from 'vitest';
import type { Device, Place } from '#shared/ui-state/types.ts';
import { device, snapshot } from '../../testing/build.ts';
import { countServers, groupsOf, keysAround, type LatencyOf, latencyBy, search, seenIds } from './model.ts';

const place = (country: string, city: string, priority = 0): Place => ({
  country,
  countryCode: country.slice(0, 2),
  city,
  cityCode: city.slice(0, 3),
  priority,
});
const exit = (name: string, change: Partial<Device> = {}): Device =>
  device({ name, isExitOption: true, ...change });
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const SERVERS = [
  exit('ber-1', { location: place('Germany', 'Berlin', 1) }),
  exit('ber-2', { location: place('Germany', 'Berlin', 5) }),
  exit('fra-1', { location: place('Germany', 'Frankfurt', 5) }),
  exit('sto-1', { location: place('Sweden', 'Stockholm') }),
];

type Known = Readonly<Record<string, number>>;
const measured =
  (known: Known): LatencyOf =>
  ({ id }) => {
    const ms = known[id];
    return ms === undefined ? undefined : { ms, source: 'measured' };
  };

const groups = (
  devices: readonly Device[],
  change: { recent?: string[]; pinned?: string[]; known?: Known } = {},
) =>
  groupsOf({
    snapshot: { ...snapshot({ devices }), suggestedExitNodeId: 'n-harbour' },
    pinned: change.pinned ?? [],
    recent: change.recent ?? [],
    latencyOf: measured(change.known ?? {}),
    compare,
  });

describe('the list', () => {
  test('has the sections that hold something, in their order', () => {
    const all = groups([exit('harbour'), exit('attic'), exit('barn'), ...SERVERS], {
      recent: ['n-harbour', 'n-sto-1', 'n-gone'],
      pinned: ['n-sto-1', 'n-barn'],
    });
    expect(all.map(({ id, nodes }) => [id, nodes.length])).toEqual([
      ['suggested', 1],
      ['recent', 1],
      ['pinned', 1],
      ['mine', 1],
      ['places', 2],
    ]);
  });
  test('says why one is suggested', () => {
    const why = (known: Known) => {
      const [node] = groups([exit('harbour'), exit('attic')], { known })[0]?.nodes ?? [];
      return node?.kind === 'device' ? node.why : undefined;
    };
    expect(why({ 'n-harbour': 12, 'n-attic': 20 })).toBe('fastest');
    expect(why({ 'n-harbour': 12 })).toBe('fastest');
    expect(why({ 'n-harbour': 12, 'n-attic': 4 })).toBe('chosen');
    expect(why({})).toBe('chosen');
  });
  test('shows what is ready before what is offline, which stays', () => {
    const [mine] = groups([exit('a', { isOnline: false }), exit('b')]);
    expect(mine?.nodes.map((node) => node.kind === 'device' && [node.name, node.trouble])).toEqual([
      ['b', 'none'],
      ['a', 'offline'],
    ]);
  });
  test('a country with one city has no level for it', () => {
    const places = groups(SERVERS).find(({ id }) => id === 'places');
    const [germany, sweden] = places?.nodes ?? [];
    expect(germany?.kind === 'place' && germany.children.map(({ name }) => name)).toEqual([
      'Berlin',
      'Frankfurt',
    ]);
    expect(sweden?.kind === 'place' && sweden.children.map(({ name }) => name)).toEqual(['sto-1']);
    expect(germany === undefined ? 0 : countServers(germany)).toBe(3);
  });
  test('a place stands for its best server: priority, then latency, never one that is offline', () => {
    const best = (devices: readonly Device[], known: Known = {}): string | undefined => {
      const [node] = groups(devices, { known }).find(({ id }) => id === 'places')?.nodes ?? [];
      return node?.kind === 'place' ? node.best.name : undefined;
    };
    expect(best(SERVERS, { 'n-fra-1': 8, 'n-ber-2': 20 })).toBe('fra-1');
    expect(best(SERVERS, { 'n-fra-1': 80, 'n-ber-2': 20 })).toBe('ber-2');
    const offline = SERVERS.map((one) => (one.location?.priority === 5 ? { ...one, isOnline: false } : one));
    expect(best(offline)).toBe('ber-1');
  });
});

test('a search finds places by name, and each server once', () => {
  const found = search(
    'berlin',
    snapshot({ devices: [exit('harbour'), ...SERVERS] }),
    measured({ 'n-ber-2': 3 }),
  );
  expect(found.map(({ name }) => name)).toEqual(['ber-2', 'ber-1']);
});

test('what is in use is seen once the places around it are open', () => {
  const all = groups(SERVERS);
  const around = keysAround(all, 'n-ber-1');
  expect(around).toEqual(['place Germany', 'place Germany/Berlin']);
  expect(seenIds(all, new Set())).toEqual(['n-ber-2', 'n-sto-1']);
  expect(seenIds(all, new Set(around))).toEqual(['n-ber-1', 'n-ber-2', 'n-fra-1', 'n-sto-1']);
});

describe('how far away', () => {
  const relays = [{ id: 1, code: 'fra', name: 'Frankfurt', latencyMs: 9 }];
  const at = (change: Partial<Device>, answers = {}) =>
    latencyBy({ answers, relays, nowMs: 1_000_000 })(exit('harbour', change));
  const path = { kind: 'direct', via: '', latencyMs: 4, sinceMs: undefined, why: undefined } as const;
  test('a fresh answer comes first', () => {
    expect(at({ path }, { 'n-harbour': { latencyMs: 7, atMs: 900_000 } })).toEqual({
      ms: 7,
      source: 'measured',
    });
  });
  test('after ten minutes it is no answer any more', () => {
    const old = { 'n-harbour': { latencyMs: 7, atMs: 300_000 } };
    expect(at({ path }, old)).toEqual({ ms: 4, source: 'measured' });
    expect(at({ homeRelay: 'fra' }, old)).toEqual({ ms: 9, source: 'estimated' });
  });
  test('nothing is made up', () => {
    expect(at({ homeRelay: 'nyc' })).toBeUndefined();
    expect(at({})).toBeUndefined();
  });
});
