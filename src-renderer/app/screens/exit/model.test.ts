/** What the exit-node picker lists and finds. */
import { describe, expect, test } from 'vitest';
import type { Device, Place } from '#shared/ui-state/types.ts';
import { device, snapshot } from '../../testing/build.ts';
import { countServers, groupsOf, type Measured, search } from './model.ts';

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

const groups = (devices: readonly Device[], change: { recent?: string[]; measured?: Measured } = {}) =>
  groupsOf({
    snapshot: { ...snapshot({ devices }), suggestedExitNodeId: 'n-harbour' },
    pinned: [],
    recent: change.recent ?? [],
    measured: change.measured ?? {},
    compare,
  });

describe('the list', () => {
  test('has the sections that hold something, in their order', () => {
    const all = groups([exit('harbour'), ...SERVERS], { recent: ['n-sto-1', 'n-gone'] });
    expect(all.map(({ id, nodes }) => [id, nodes.length])).toEqual([
      ['suggested', 1],
      ['recent', 1],
      ['mine', 1],
      ['places', 2],
    ]);
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
    const best = (devices: readonly Device[], measured: Measured = {}): string | undefined => {
      const [node] = groups(devices, { measured }).find(({ id }) => id === 'places')?.nodes ?? [];
      return node?.kind === 'place' ? node.best.name : undefined;
    };
    expect(best(SERVERS, { 'n-fra-1': 8, 'n-ber-2': 20 })).toBe('fra-1');
    expect(best(SERVERS, { 'n-fra-1': 80, 'n-ber-2': 20 })).toBe('ber-2');
    const offline = SERVERS.map((one) => (one.location?.priority === 5 ? { ...one, isOnline: false } : one));
    expect(best(offline)).toBe('ber-1');
  });
});

test('a search finds places by name, and each server once', () => {
  const found = search('berlin', snapshot({ devices: [exit('harbour'), ...SERVERS] }), { 'n-ber-2': 3 });
  expect(found.map(({ name }) => name)).toEqual(['ber-2', 'ber-1']);
});
