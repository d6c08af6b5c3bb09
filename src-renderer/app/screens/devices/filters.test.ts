/** Which devices pass, how they are ordered and grouped. */
import { describe, expect, test } from 'vitest';
import { NO_DEVICE } from '#shared/ui-state/empty.ts';
import type { Device, DevicePath } from '#shared/ui-state/types.ts';
import {
  type Filter,
  grouped,
  inOrderOf,
  parseFilters,
  passes,
  sorted,
  tagsOf,
  usefulFilters,
} from './filters.ts';

const DAY = 86_400_000;
const NOW = Date.parse('2026-06-01T12:00:00Z');
const device = (name: string, more: Partial<Device> = {}): Device => ({
  ...NO_DEVICE,
  id: name,
  name,
  ...more,
});
const path = (kind: DevicePath['kind']): DevicePath => ({ ...NO_DEVICE.path, kind });
const place = { country: 'Sweden', countryCode: 'SE', city: 'Malmö', cityCode: 'MMA', priority: 1 };

test('an address says which filters are on, and what it does not know is left out', () => {
  expect(parseFilters('direct,online,evil')).toEqual(['online', 'direct']);
  expect(parseFilters(null)).toEqual([]);
});

describe('a filter', () => {
  test.each<{ filter: Filter; yes: Partial<Device>; no: Partial<Device> }>([
    { filter: 'online', yes: { isOnline: true }, no: {} },
    { filter: 'mine', yes: { isMine: true }, no: {} },
    { filter: 'shared', yes: { isShared: true }, no: {} },
    { filter: 'tagged', yes: { tags: ['tag:a'] }, no: {} },
    { filter: 'exit', yes: { isExitOption: true }, no: {} },
    { filter: 'routers', yes: { routes: ['10.0.0.0/8'] }, no: {} },
    { filter: 'ssh', yes: { hasSsh: true }, no: {} },
    { filter: 'files', yes: { canReceiveFiles: true }, no: {} },
    { filter: 'direct', yes: { path: path('direct') }, no: { path: path('idle') } },
    { filter: 'relayed', yes: { path: path('peer-relay') }, no: { path: path('direct') } },
    { filter: 'expiring', yes: { keyExpiryMs: NOW + DAY }, no: { keyExpiryMs: NOW + 30 * DAY } },
    {
      filter: 'location',
      yes: { isExitOption: true, location: place },
      no: { isExitOption: true, location: place },
    },
  ])('$filter', ({ filter, yes, no }) => {
    expect(passes(device('a', yes), [filter], NOW)).toBe(true);
    expect(passes(device('b', no), filter === 'location' ? [] : [filter], NOW)).toBe(false);
  });

  test('is offered only where it would leave something', () =>
    expect(usefulFilters([device('a', { isOnline: true }), device('b', { isMine: true })], NOW)).toEqual([
      'online',
      'mine',
    ]));
});

describe('devices in order of', () => {
  const list = [
    device('nas-10', { isOnline: true, os: 'linux' }),
    device('nas-2', { lastSeenMs: NOW - DAY, os: 'windows' }),
    device('Cam', { lastSeenMs: NOW - 3 * DAY, os: 'linux' }),
  ];
  const latency = (one: Device): number | undefined => ({ 'nas-10': 8, Cam: 3 })[one.name];
  test.each([
    { by: 'name', isDescending: false, want: ['Cam', 'nas-2', 'nas-10'] },
    { by: 'name', isDescending: true, want: ['nas-10', 'nas-2', 'Cam'] },
    { by: 'presence', isDescending: false, want: ['nas-10', 'Cam', 'nas-2'] },
    { by: 'seen', isDescending: false, want: ['nas-10', 'nas-2', 'Cam'] },
    { by: 'latency', isDescending: false, want: ['Cam', 'nas-10', 'nas-2'] },
    { by: 'latency', isDescending: true, want: ['nas-10', 'Cam', 'nas-2'] },
    { by: 'os', isDescending: false, want: ['Cam', 'nas-10', 'nas-2'] },
  ] as const)('$by, descending: $isDescending', ({ by, isDescending, want }) =>
    expect(sorted(list, by, isDescending, latency).map(({ name }) => name)).toEqual(want),
  );
});

test('one tag may be named among those that are tagged', () => {
  const [a, b] = [device('a', { tags: ['tag:x'] }), device('b', { tags: ['tag:y', 'tag:x'] })];
  expect([a, b].map((one) => passes(one, ['tagged'], NOW, 'tag:y'))).toEqual([false, true]);
  expect(tagsOf([b, a])).toEqual(['tag:x', 'tag:y']);
});

test('a device with two tags is under both, and what has none comes last', () => {
  const list = [device('a'), device('b', { tags: ['tag:x', 'tag:y'] }), device('c', { tags: ['tag:y'] })];
  const entries = grouped(list, 'tag', {}, 'Without tags').map((one) =>
    one.kind === 'heading' ? `${one.title} ${one.count}` : one.device.name,
  );
  expect(entries).toEqual(['tag:x 1', 'b', 'tag:y 2', 'b', 'c', 'Without tags 1', 'a']);
  expect(new Set(grouped(list, 'tag', {}, '').map(({ id }) => id)).size).toBe(7);
});

describe('a list that changes a little', () => {
  const ids = (devices: readonly Device[]): string[] => devices.map(({ id }) => id);
  test.each([
    { name: 'keeps its order', before: ['c', 'a', 'b'], now: ['a', 'b', 'c'], want: ['c', 'a', 'b'] },
    { name: 'loses what is gone', before: ['c', 'a', 'b'], now: ['b', 'c'], want: ['c', 'b'] },
    { name: 'gets what is new at its end', before: ['c', 'a'], now: ['a', 'b', 'c'], want: ['c', 'a', 'b'] },
    { name: 'begins as it comes', before: [], now: ['b', 'a'], want: ['b', 'a'] },
  ])('$name', ({ before, now, want }) => {
    const of = (id: string): Device => ({ ...NO_DEVICE, id });
    expect(ids(inOrderOf(before.map(of), now.map(of)))).toEqual(want);
  });
  test('shows what is known now, not what was before', () => {
    const now = { ...NO_DEVICE, id: 'a', isOnline: true };
    expect(inOrderOf([{ ...NO_DEVICE, id: 'a' }], [now])[0]).toBe(now);
  });
  test('keeps the rows of devices that did not change', () => {
    const [same, old] = [
      { ...NO_DEVICE, id: 'a' },
      { ...NO_DEVICE, id: 'b' },
    ];
    const before = grouped([same, old], 'none', {}, '');
    const after = grouped([same, { ...old }], 'none', {}, '');
    expect([after[0] === before[0], after[1] === before[1]]).toEqual([true, false]);
  });
});
