/** The incremental policy against a fresh compilation, after whatever may happen to a network (policy.md §19). */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CompiledPolicy } from '../compile/compiled.ts';
import type { WireRule } from '../compile/filter.ts';
import type { Machine } from '../compile/network.ts';
import { addrText } from '../sets/ranges.ts';
import { mentions } from '../testing/client.ts';
import { astOf, IDS, plainNode, SERVER_URL, story, type Told, World } from '../testing/live-world.ts';
import { Effect, type Effects } from './view.ts';

/**
 * Rules with the same sources stand where the first of them stands, also where that one gives a machine nothing: so a rule
 * elsewhere can move one of a machine that has nothing to do with it. Its filter is not sent again for that.
 */
const inOneOrder = (rules: readonly WireRule[]): readonly string[] =>
  rules.map((rule) => JSON.stringify(rule)).sort();

const comparable = (told: ReadonlyMap<number, Told>): readonly unknown[] =>
  [...told].map(([id, one]) => [id, { ...one, filter: inOneOrder(one.filter) }]);

function expectFull(world: World): void {
  const full = new CompiledPolicy(world.ast, world.network, { serverUrl: SERVER_URL });
  for (const machine of full.machines) {
    const { id } = machine;
    expect(world.core.peersOf(id)).toEqual(full.peersOf(machine).map((peer) => peer.id));
    expect(inOneOrder(world.core.filterOf(id))).toEqual(inOneOrder(full.filterOf(machine)));
    expect(world.core.sshOf(id)).toEqual(full.sshRulesOf(machine));
    expect(world.core.capMapOf(id)).toEqual(full.capMapOf(machine));
  }
}

const differ = (a: unknown, b: unknown): boolean => JSON.stringify(a) !== JSON.stringify(b);

/** What is another and was not named. */
function missing(id: number, was: Told, is: Told, { nodes, seen }: Effects): string[] {
  const bits = nodes.get(id) ?? 0;
  const anew = new Set(seen.filter(({ viewers }) => viewers.includes(id)).map(({ peer }) => peer));
  const own = [
    [Effect.Filter, was.filter, is.filter],
    [Effect.Ssh, was.ssh, is.ssh],
    [Effect.Caps, was.caps, is.caps],
  ] as const;
  const unnamed = own
    .filter(([bit, a, b]) => (bits & bit) === 0 && differ(a, b))
    .map(([bit]) => `${id}: ${bit}`);
  const peers = IDS.filter((peer) => {
    if (anew.has(peer)) return false;
    const [before, now] = [was.peers.includes(peer), is.peers.includes(peer)];
    if (before !== now) return (bits & Effect.Peers) === 0;
    if (before && differ(was.shown[peer], is.shown[peer])) return true;
    return (bits & Effect.Routes) === 0 && differ(was.routes[peer], is.routes[peer]);
  });
  return [...unnamed, ...peers.map((peer) => `${id}: peer ${peer}`)];
}

const ipv4 = ({ addrs }: Machine): string | undefined =>
  addrs.filter((addr) => typeof addr === 'number').map(addrText)[0];

/** Pairs where one lets the other in unseen, or only one of the two sees the other. */
function disagreements({ core }: World): string[] {
  const machines = core.resolver.machines.flatMap((machine) => {
    const ip = ipv4(machine);
    return ip === undefined ? [] : [{ id: machine.id, ip }];
  });
  return machines.flatMap((from) =>
    machines.flatMap((to) => {
      if (from === to) return [];
      const [sees, isSeen] = [core.sees(from.id, to.id), core.sees(to.id, from.id)];
      const isLetIn = mentions(core.filterOf(to.id), from.ip, to.ip);
      return sees !== isSeen || (isLetIn && !sees) ? [`${from.id} -> ${to.id}`] : [];
    }),
  );
}

describe('the live policy', () => {
  test('says the same as a fresh compilation after any changes', () => {
    fc.assert(
      fc.property(story, ({ policy, users, nodes, steps }) => {
        const world = new World(astOf(policy), users, nodes);
        world.toldAll(world.core);
        for (const step of steps) {
          world.run(step);
          expectFull(world);
          expect(comparable(world.toldAll(world.core))).toEqual(comparable(world.toldAll(world.fresh())));
        }
      }),
      { numRuns: 100 },
    );
  });

  test('names everyone who must be told of a change', () => {
    fc.assert(
      fc.property(story, ({ policy, users, nodes, steps }) => {
        const world = new World(astOf(policy), users, nodes);
        for (const step of steps) {
          const before = world.toldAll(world.core);
          world.out.take();
          world.run(step);
          const effects = world.out.take();
          const after = world.toldAll(world.core);
          const unnamed = [...before].flatMap(([id, was]) => missing(id, was, after.get(id) ?? was, effects));
          expect(unnamed).toEqual([]);
        }
      }),
      { numRuns: 200 },
    );
  });

  test('forgets routes that are announced no more', () => {
    const accept = { action: 'accept', src: ['*'], dst: ['10.0.0.0/8:*'] };
    const world = new World(astOf({ acls: [accept] }), [], [plainNode(1), plainNode(2)]);
    for (let i = 0; i < 1_000; i++) {
      const route = `10.${i >> 8}.${i & 255}.0/24`;
      world.run({ kind: 'node', node: plainNode(2, [route]) });
      world.core.setPrimaries(new Map([[route, 2]]), world.out);
      expect(world.core.routesOf(1, 2).allowedIps).toContain(route);
    }
    expect(world.core.routesRemembered).toBeLessThan(200);
  });

  test('lets nobody in whom a machine does not see, and shows both ends to each other where it lets one in', () => {
    fc.assert(
      fc.property(story, ({ policy, users, nodes, steps }) => {
        const world = new World(astOf(policy), users, nodes);
        for (const step of steps) world.run(step);
        expect(disagreements(world)).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });
});
