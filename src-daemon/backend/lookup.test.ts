/** What the packet filter grants, whatever its capabilities are called. */
import { expect, test } from 'vitest';
import type { FilterRule } from '#shared/wire/map.ts';
import { fakeMap, fakeNode } from './fake-world.ts';
import { OUR_ADDRESS, peerCapabilities } from './lookup.ts';

test('capabilities that are called as what every object has are capabilities like others', () => {
  const peer = fakeNode({ id: 2 });
  const CapMap = Object.fromEntries([
    ['constructor', [1]],
    ['__proto__', [2]],
    ['a.example/cap', [3]],
  ]);
  const rule: FilterRule = {
    SrcIPs: ['*'],
    DstPorts: undefined,
    IPProto: undefined,
    CapGrant: [{ Dsts: ['*'], Caps: ['toString'], CapMap }],
  };
  const map = fakeMap(fakeNode({ id: 1 }), [peer], { filter: [rule, rule] });
  const granted = peerCapabilities(map, peer, OUR_ADDRESS);
  expect(Object.entries(granted ?? {}).sort()).toEqual([
    ['__proto__', [2, 2]],
    ['a.example/cap', [3, 3]],
    ['constructor', [1, 1]],
    ['toString', null],
  ]);
});
