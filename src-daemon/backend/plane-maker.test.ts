/** A configuration made from the last one is the one that would have been made of nothing. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nodeKeyFrom } from '#shared/key/key.ts';
import { newPrefs } from '#shared/localapi/prefs.ts';
import type { Node } from '#shared/wire/node.ts';
import { OverlayMap } from '../control/overlay-map.ts';
import type { NetworkMap } from '../control/types.ts';
import { testKey } from '../testing/tunnel-host.ts';
import { fakeMap, fakeNode } from './fake-world.ts';
import type { PlaneConfig } from './plane.ts';
import { type PlaneInput, planeConfig } from './plane-config.ts';
import { PlaneMaker } from './plane-maker.ts';

const key = (n: number): NonNullable<Node['Key']> => nodeKeyFrom(new Uint8Array(32).fill(n));
const self = fakeNode({ id: 1, key: key(200), name: 'here' });

interface Shape {
  readonly key: number;
  readonly ip: number;
  readonly subnet: number;
  readonly online: boolean;
  readonly expired: boolean;
}

const nodeOf = (id: number, shape: Shape): Node => {
  const own = [`100.64.7.${shape.ip}/32`, `fd7a:115c:a1e0::7:${shape.ip}/128`];
  return {
    ...fakeNode({ id, key: key(shape.key), name: `n${id}` }),
    StableID: `n${id}`,
    Addresses: own,
    AllowedIPs: shape.subnet === 0 ? own : [...own, `10.${shape.subnet}.0.0/16`, '0.0.0.0/0', '::/0'],
    PrimaryRoutes: shape.subnet === 2 ? ['10.2.0.0/16'] : undefined,
    HomeDERP: 1,
    Online: shape.online,
    Expired: shape.expired,
  };
};

const shape = fc.record({
  // Few, so that machines often want the same key, address or network.
  key: fc.integer({ min: 1, max: 12 }),
  ip: fc.integer({ min: 1, max: 14 }),
  subnet: fc.nat(3),
  online: fc.boolean(),
  expired: fc.boolean(),
});
const edit = fc.tuple(fc.integer({ min: 2, max: 9 }), fc.option(shape, { nil: undefined }));
const edits = fc.array(fc.array(edit, { maxLength: 4 }), { minLength: 1, maxLength: 12 });
const prefsOf = fc.record({ RouteAll: fc.boolean(), ExitNodeID: fc.constantFrom('', 'n3') });

const plain = ({ dns: _, ...rest }: PlaneConfig): Omit<PlaneConfig, 'dns'> => rest;

test('any changes lead to what a whole new look gives', () => {
  fc.assert(
    fc.property(edits, prefsOf, (steps, some) => {
      const prefs = { ...PREFS, ...some };
      const maker = new PlaneMaker();
      let peers = OverlayMap.from<Node>([]);
      for (const step of steps) {
        peers = peers.with(
          new Map(step.map(([id, made]) => [String(id), made === undefined ? undefined : nodeOf(id, made)])),
        );
        const input = inputOf({ ...fakeMap(self, []), peers }, prefs);
        expect(plain(maker.make(input))).toEqual(plain(planeConfig(input)));
      }
    }),
    { numRuns: 400 },
  );
});

function inputOf(map: NetworkMap, prefs: PlaneInput['prefs']): PlaneInput {
  return { map, privateKey: PRIVATE, prefs, lan: LAN, nowMs: 1_700_000_000_000 };
}
const LAN = ['192.168.1.5/24'];
const PREFS = newPrefs();
const PRIVATE = testKey(1);

test('who only comes online leaves routes, filter and all other peers the objects that they were', () => {
  const first = { key: 1, ip: 1, subnet: 0, online: false, expired: false };
  const peers = OverlayMap.from(
    [2, 3, 4].map((id) => [String(id), nodeOf(id, { ...first, key: id, ip: id })] as const),
  );
  const map = { ...fakeMap(self, []), peers };
  const maker = new PlaneMaker();
  const before = maker.make(inputOf(map, PREFS));
  const changed = peers.with(new Map([['3', nodeOf(3, { ...first, key: 3, ip: 3, online: true })]]));
  const after = maker.make(inputOf({ ...map, peers: changed }, PREFS));
  expect(after.routes).toBe(before.routes);
  expect(after.firewall).toBe(before.firewall);
  expect(after.filter).toBe(before.filter);
  expect(after.peers.map((peer, i) => peer === before.peers[i])).toEqual([true, false, true]);
});
