/** Which devices are on Home, in which order. */
import { expect, test } from 'vitest';
import { device, snapshot } from '../../testing/build.ts';
import { favouritesOf } from './favourites.tsx';

const names = (pinned: readonly string[], ...devices: Parameters<typeof device>[0][]): readonly string[] =>
  favouritesOf(snapshot({ devices: devices.map(device) }).devices, pinned).map(({ name }) => name);

test('pinned ones first, then who is there, then who was spoken with last', () => {
  expect(
    names(
      ['n-attic'],
      { name: 'barn', lastHandshakeMs: 5 },
      { name: 'cellar', lastHandshakeMs: 9 },
      { name: 'attic', isOnline: false },
      { name: 'den', isOnline: false, lastHandshakeMs: 20 },
    ),
  ).toEqual(['attic', 'cellar', 'barn', 'den']);
});

test('six at most, and no servers that stand for places unless pinned', () => {
  const location = { country: 'X', countryCode: 'X', city: '', cityCode: '', priority: 0 };
  const many = Array.from({ length: 9 }, (_, n) => ({ name: `d${n}` }));
  expect(names([], ...many)).toHaveLength(6);
  expect(names([], { name: 'srv', location })).toEqual([]);
  expect(names(['n-srv'], { name: 'srv', location })).toEqual(['srv']);
});
