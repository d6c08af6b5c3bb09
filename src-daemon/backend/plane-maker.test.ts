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
  /** Seconds after the beginning. */
  readonly expiry: number | undefined;
}

const BEGIN_MS = 1_700_000_000_000;

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
    KeyExpiry: shape.expiry === undefined ? undefined : BEGIN_MS + shape.expiry * 1_000,
  };
};

const shape = fc.record({
  // Few, so that machines often want the same key, address or network.
  key: fc.integer({ min: 1, max: 12 }),
  ip: fc.integer({ min: 1, max: 14 }),
  subnet: fc.nat(3),
  online: fc.boolean(),
  expired: fc.boolean(),
  expiry: fc.option(fc.nat(40), { nil: undefined }),
});
const edit = fc.tuple(fc.integer({ min: 2, max: 9 }), fc.option(shape, { nil: undefined }));
const prefsOf = fc.record({
  RouteAll: fc.boolean(),
  ExitNodeID: fc.constantFrom('', 'n3', 'n4', 'auto:any'),
  ExitNodeAllowLANAccess: fc.boolean(),
  ShieldsUp: fc.boolean(),
});
const step = fc.record({
  changes: fc.array(edit, { maxLength: 4 }),
  // Mostly as before: what changes with every map is made wholly every time.
  prefs: fc.option(prefsOf, { freq: 4, nil: undefined }),
  lan: fc.option(fc.constantFrom(['192.168.1.5/24'], [], ['10.1.2.3/16', 'fd00::5/64']), {
    freq: 6,
    nil: undefined,
  }),
  /** The clock may be set back, too. */
  seconds: fc.option(fc.integer({ min: -30, max: 30 }), { freq: 2, nil: undefined }),
});
const history = fc.array(step, { minLength: 1, maxLength: 12 });

/** Hosts are found by functions, which are never equal; they are of the map alone. */
const plain = ({ dns, ...rest }: PlaneConfig): unknown => ({ ...rest, dns: { ...dns, hosts: undefined } });

test('any changes lead to what a whole new look gives', () => {
  fc.assert(
    fc.property(history, (steps) => {
      const maker = new PlaneMaker();
      let input = inputOf({ ...fakeMap(self, []), peers: OverlayMap.from<Node>([]) }, PREFS);
      let peers = OverlayMap.from<Node>([]);
      for (const { changes, prefs, lan, seconds = 1 } of steps) {
        peers = peers.with(
          new Map(
            changes.map(([id, made]) => [String(id), made === undefined ? undefined : nodeOf(id, made)]),
          ),
        );
        input = {
          ...input,
          map: { ...input.map, peers },
          prefs: prefs === undefined ? input.prefs : { ...input.prefs, ...prefs },
          lan: lan ?? input.lan,
          nowMs: input.nowMs + seconds * 1_000,
        };
        expect(plain(maker.make(input))).toEqual(plain(planeConfig(input)));
      }
    }),
    { numRuns: 600 },
  );
});

function inputOf(map: NetworkMap, prefs: PlaneInput['prefs']): PlaneInput {
  return { map, privateKey: PRIVATE, prefs, lan: LAN, nowMs: BEGIN_MS };
}
const LAN = ['192.168.1.5/24'];
const PREFS = newPrefs();
const PRIVATE = testKey(1);

test('who only comes online leaves routes, filter and all other peers the objects that they were', () => {
  const first = { key: 1, ip: 1, subnet: 0, online: false, expired: false, expiry: undefined };
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
