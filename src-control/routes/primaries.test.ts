/** Who carries which prefix while routers come and go, and that nothing is told without need. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { hostinfo } from '#shared/wire/hostinfo.ts';
import { type Change, What } from '../state/changes.ts';
import { watchExpiry } from '../state/expiry.ts';
import { Network } from '../state/network.ts';
import { removeNode, setAdmittance, setExpiry } from '../state/nodes.ts';
import type { NodeRecord } from '../store/records.ts';
import { sampleNode, sampleUser } from '../store/sample-records.ts';
import { openMemoryStore } from '../store/sqlite.ts';
import { approveRoutes, setRoutePriority } from './approve.ts';
import type { ElectionRules } from './election.ts';
import { PrimaryRoutes } from './primaries.ts';

const LAN = '10.0.0.0/24';
const BY = { origin: 'cli', id: '', name: 'test' } as const;

const router = (id: number, routes: readonly string[] = [LAN], over: Partial<NodeRecord> = {}): NodeRecord =>
  sampleNode(id, {
    expiry: undefined,
    hostinfo: hostinfo.parse({ RoutableIPs: routes }),
    approvedRoutes: routes,
    ...over,
  });

async function setup(nodes: readonly NodeRecord[], rules?: ElectionRules) {
  const clock = new FakeClock();
  const store = await openMemoryStore(0);
  const network = await Network.open({ store, clock, log: silent, defer: setImmediate });
  await network.save({
    writes: [{ put: 'user', value: sampleUser }, ...nodes.map((value) => ({ put: 'node', value }) as const)],
  });
  const routes = new PrimaryRoutes({ network, log: silent, ...(rules === undefined ? {} : { rules }) });
  const heard: Change[] = [];
  network.subscribe((changes) => heard.push(...changes));
  const online = (id: number, isOnline = true): void => network.setLive(id, { isOnline });
  const record = (id: number): NodeRecord => {
    const found = network.node(id)?.record;
    if (found === undefined) throw new Error(`no node ${id}`);
    return found;
  };
  return { clock, network, routes, heard, online, record, carrier: () => network.primaries.get(LAN) };
}

describe('a prefix', () => {
  test('goes to the first router that comes, and stays when others come', async () => {
    const { online, carrier, heard } = await setup([router(1), router(2), router(3)]);
    expect(carrier()).toBeUndefined();
    online(2);
    expect(carrier()).toBe(2);
    heard.length = 0;
    online(1);
    online(3);
    expect(carrier()).toBe(2);
    expect(heard.every((change) => change.kind === 'node' && change.what === What.Online)).toBe(true);
  });

  test('moves when its router goes, and both are told of, at once', async () => {
    const { online, carrier, heard } = await setup([router(1), router(2)]);
    online(1);
    online(2);
    heard.length = 0;
    online(1, false);
    expect(carrier()).toBe(2);
    expect(heard).toContainEqual({ kind: 'node', id: 1, what: What.Routes });
    expect(heard).toContainEqual({ kind: 'node', id: 2, what: What.Routes });
  });

  test('all routers down and back: the first one back has it, the others stay behind it', async () => {
    const { online, carrier } = await setup([router(1), router(2), router(3)]);
    for (const id of [1, 2, 3]) online(id);
    for (const id of [1, 2, 3]) online(id, false);
    expect(carrier()).toBe(3);
    online(2);
    expect(carrier()).toBe(2);
    online(1);
    online(3);
    expect(carrier()).toBe(2);
    online(2, false);
    expect(carrier()).toBe(1);
  });

  test('is nobody’s when its last router withdraws, is disabled or deleted', async () => {
    const { online, carrier, network, record } = await setup([router(1)]);
    online(1);
    await network.save({
      writes: [{ put: 'node', value: { ...record(1), hostinfo: hostinfo.parse({}) } }],
      changes: [{ kind: 'node', id: 1, what: What.Routes }],
    });
    expect(carrier()).toBeUndefined();
    await network.save({
      writes: [{ put: 'node', value: router(1) }],
      changes: [{ kind: 'node', id: 1, what: What.Routes }],
    });
    expect(carrier()).toBe(1);
    await setAdmittance(network, record(1), 'disabled', BY);
    expect(carrier()).toBeUndefined();
    await setAdmittance(network, record(1), 'enabled', BY);
    expect(carrier()).toBe(1);
    await removeNode(network, record(1));
    expect(carrier()).toBeUndefined();
  });

  test('moves away from a router whose key ends', async () => {
    const { online, carrier, network, clock, record } = await setup([router(1), router(2)]);
    const stop = watchExpiry(network, clock, silent);
    online(1);
    online(2);
    await setExpiry(network, record(1), clock.now() + 60_000);
    expect(carrier()).toBe(1);
    await clock.advance(61_000);
    expect(carrier()).toBe(2);
    stop();
  });

  test('is elected with the approval, and gone with it', async () => {
    const { online, carrier, network, record } = await setup([router(1, [LAN], { approvedRoutes: [] })]);
    online(1);
    expect(carrier()).toBeUndefined();
    await approveRoutes(network, record(1), { set: [LAN] }, BY);
    expect(carrier()).toBe(1);
    await approveRoutes(network, record(1), { add: [], remove: [LAN] }, BY);
    expect(carrier()).toBeUndefined();
  });

  test('exit routes are everybody’s', async () => {
    const { online, network } = await setup([router(1, ['0.0.0.0/0', '::/0']), router(2, ['0.0.0.0/0'])]);
    online(1);
    online(2);
    expect(network.primaries.size).toBe(0);
  });

  test('overlapping prefixes are elected each for itself', async () => {
    const { online, network } = await setup([router(1, ['10.0.0.0/8']), router(2, [LAN, '10.0.0.0/8'])]);
    online(2);
    online(1);
    expect(network.primaries.get('10.0.0.0/8')).toBe(2);
    expect(network.primaries.get(LAN)).toBe(2);
    online(2, false);
    expect(network.primaries.get('10.0.0.0/8')).toBe(1);
    expect(network.primaries.get(LAN)).toBe(2);
  });
});

describe('priority', () => {
  test('decides at once when it is set, and a failure does not bring it back by itself', async () => {
    const { online, carrier, network, record } = await setup([router(1), router(2)]);
    online(1);
    online(2);
    await setRoutePriority(network, record(2), 1, BY);
    expect(carrier()).toBe(2);
    online(2, false);
    expect(carrier()).toBe(1);
    online(2);
    expect(carrier()).toBe(1);
  });

  test('with failback it comes back', async () => {
    const { online, carrier } = await setup([router(1), router(2, [LAN], { routePriority: 1 })], {
      failback: true,
    });
    online(1);
    online(2);
    expect(carrier()).toBe(2);
    online(2, false);
    expect(carrier()).toBe(1);
    online(2);
    expect(carrier()).toBe(2);
  });
});

describe('health', () => {
  test('a router that does not answer hands over; one that answers again waits its turn', async () => {
    const { online, carrier, routes, heard } = await setup([router(1), router(2)]);
    online(1);
    online(2);
    heard.length = 0;
    routes.setHealth(
      new Map([
        [1, false],
        [2, true],
      ]),
    );
    expect(carrier()).toBe(2);
    routes.setHealth(
      new Map([
        [1, true],
        [2, true],
      ]),
    );
    expect(carrier()).toBe(2);
  });

  test('a round is taken as a whole: no detour over a router that is out as well', async () => {
    const { online, carrier, routes, heard, network } = await setup([router(1), router(2), router(3)]);
    for (const id of [1, 2, 3]) online(id);
    const seen: (number | undefined)[] = [];
    network.subscribe(() => seen.push(carrier()));
    heard.length = 0;
    routes.setHealth(
      new Map([
        [1, false],
        [2, false],
        [3, true],
      ]),
    );
    expect(carrier()).toBe(3);
    expect(seen).not.toContain(2);
  });

  test('when none answers the prefix stays where it is', async () => {
    const { online, carrier, routes } = await setup([router(1), router(2)]);
    online(1);
    online(2);
    routes.setHealth(
      new Map([
        [1, false],
        [2, false],
      ]),
    );
    expect(carrier()).toBe(1);
  });

  test('only routers with a rival online are asked', async () => {
    const { online, routes } = await setup([router(1), router(2), router(3, ['10.9.0.0/16'])]);
    online(1);
    online(3);
    expect(routes.rivals()).toEqual([]);
    online(2);
    expect(routes.rivals()).toEqual([1, 2]);
  });

  test('a router that did not answer is asked on when the others go, and takes over when it is well', async () => {
    const { online, carrier, routes } = await setup([router(1), router(2)]);
    online(1);
    online(2);
    routes.setHealth(new Map([[2, false]]));
    online(1, false);
    expect(carrier()).toBe(1);
    expect(routes.rivals()).toEqual([2]);
    routes.setHealth(new Map([[2, true]]));
    expect(carrier()).toBe(2);
    expect(routes.rivals()).toEqual([]);
  });

  test('what a router last answered is forgotten with its routes', async () => {
    const { online, routes, network, record } = await setup([router(1), router(2)]);
    online(1);
    online(2);
    routes.setHealth(new Map([[1, false]]));
    await approveRoutes(network, record(1), { set: [] }, BY);
    expect(network.node(1)?.isHealthy).toBe(true);
  });
});

test('a restart finds the prefix where it was, also before its router is back', async () => {
  const { online, carrier, network, routes } = await setup([router(1), router(2)]);
  online(1);
  online(2);
  online(1, false);
  expect(carrier()).toBe(2);
  routes[Symbol.dispose]();
  online(2, false);
  const again = new PrimaryRoutes({ network, log: silent });
  expect(carrier()).toBe(2);
  online(1);
  expect(carrier()).toBe(1);
  again[Symbol.dispose]();
});

test('after a restart its router has a while to come back before another one takes the prefix', async () => {
  const { online, carrier, network, routes, clock } = await setup([router(1), router(2), router(3)]);
  for (const id of [2, 1, 3]) online(id);
  expect(carrier()).toBe(2);
  routes[Symbol.dispose]();
  for (const id of [1, 2, 3]) online(id, false);
  const restart = () => new PrimaryRoutes({ network, log: silent, start: { clock, patienceMs: 10_000 } });
  const again = restart();
  online(1);
  await clock.advance(5_000);
  expect(carrier()).toBe(2);
  online(2);
  online(3);
  await clock.advance(10_000);
  expect(carrier()).toBe(2);
  online(2, false);
  expect(carrier()).toBe(1);
  again[Symbol.dispose]();

  for (const id of [1, 2, 3]) online(id, false);
  const third = restart();
  online(3);
  await clock.advance(9_999);
  expect(carrier()).toBe(1);
  await clock.advance(1);
  expect(carrier()).toBe(3);
  third[Symbol.dispose]();
  const fourth = restart();
  online(3, false);
  online(2);
  expect(carrier()).toBe(2);
  fourth[Symbol.dispose]();
  await network.settled();
  expect(clock.pending).toBe(0);
});

const step = fc.record({
  id: fc.integer({ min: 1, max: 4 }),
  do: fc.constantFrom(
    'online',
    'offline',
    'sick',
    'well',
    'withdraw',
    'announce',
    'disable',
    'enable',
    'delete',
  ),
});

test('after any events a prefix is with somebody who can carry it, if there is anybody', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const { network, routes, online, carrier } = await setup([1, 2, 3, 4].map((id) => router(id)));
      for (const one of steps) {
        const view = network.node(one.id);
        if (view === undefined) continue;
        const announced = (list: readonly string[]) =>
          network.save({
            writes: [
              { put: 'node', value: { ...view.record, hostinfo: hostinfo.parse({ RoutableIPs: list }) } },
            ],
            changes: [{ kind: 'node', id: one.id, what: What.Routes }],
          });
        const acts = {
          online: () => online(one.id),
          offline: () => online(one.id, false),
          sick: () => routes.setHealth(new Map([[one.id, false]])),
          well: () => routes.setHealth(new Map([[one.id, true]])),
          withdraw: () => announced([]),
          announce: () => announced([LAN]),
          disable: () => setAdmittance(network, view.record, 'disabled', BY),
          enable: () => setAdmittance(network, view.record, 'enabled', BY),
          delete: () => removeNode(network, view.record),
        };
        await acts[one.do]();
        const all = routes.candidatesOf(LAN);
        const able = all.filter(({ isOnline, isHealthy }) => isOnline && isHealthy).map(({ id }) => id);
        const got = carrier();
        if (able.length > 0) expect(able).toContain(got);
        else if (got !== undefined) expect(all.map(({ id }) => id)).toContain(got);
      }
      const again = new PrimaryRoutes({ network, log: silent });
      expect([...again.prefixes()].sort()).toEqual([...routes.prefixes()].sort());
    }),
    { numRuns: 40 },
  );
});
