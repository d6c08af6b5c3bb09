/** States of shared networks. */
import { expect, test } from 'vitest';
import { device } from '../../testing/build.ts';
import { ownState, sharedNetworks } from './model.ts';

const NET = '10.1.0.0/16';
const one = device({ name: 'one', routes: [NET] });
const two = device({ name: 'two', routes: [NET, '10.2.0.0/16'], primaryRoutes: [NET] });
const told = (...args: Parameters<typeof sharedNetworks>): string[] =>
  sharedNetworks(...args).map(({ route, name, state, partner }) =>
    `${route} ${name} ${state} ${partner}`.trim(),
  );

test('of two that share a network the one that the server chose is in use, the other stands by', () => {
  expect(told([one, two], true)).toEqual([
    '10.1.0.0/16 two in-use one',
    '10.1.0.0/16 one stands-by',
    '10.2.0.0/16 two in-use',
  ]);
});

test('when that one is gone, the other is in use', () => {
  expect(told([one, { ...two, isOnline: false }], true).slice(0, 2)).toEqual([
    '10.1.0.0/16 one in-use',
    '10.1.0.0/16 two offline',
  ]);
});

test('nothing is in use while shared networks are not used', () => {
  expect(told([one], false)).toEqual(['10.1.0.0/16 one not-used']);
  expect(told([], true)).toEqual([]);
});

test.each([
  { name: 'not approved yet', prefix: NET, self: {}, forwards: true, want: 'waiting' },
  { name: 'approved', prefix: NET, self: { routes: [NET] }, forwards: true, want: 'approved' },
  {
    name: 'approved and carried by another',
    prefix: NET,
    self: { routes: [NET, 'x'], primaryRoutes: ['x'] },
    forwards: true,
    want: 'stands-by',
  },
  { name: 'not passed on', prefix: NET, self: { routes: [NET] }, forwards: false, want: 'not-forwarded' },
  { name: 'of the network itself', prefix: '100.64.0.0/16', self: {}, forwards: true, want: 'invalid' },
  { name: 'no network', prefix: '10.1.2.3/16', self: {}, forwards: true, want: 'invalid' },
] as const)('an own network that is $name', ({ prefix, self, forwards, want }) => {
  expect(ownState(prefix, { routes: [], primaryRoutes: [], ...self }, forwards)).toBe(want);
});
