/** What is told without anybody having done anything: keys that end, routes that wait, routers that change. */
import { expect, test } from 'vitest';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { nodeChange, What } from '../state/changes.ts';
import { Network, PRIMARIES } from '../state/network.ts';
import type { NodeRecord } from '../store/records.ts';
import { sampleNode, sampleUser } from '../store/sample-records.ts';
import { openMemoryStore } from '../store/sqlite.ts';
import { type Tell, watchKeyEnds } from './key-ends.ts';
import { watchRouteNews } from './route-news.ts';

const HOUR = 3_600_000;

async function setup(watch: typeof watchKeyEnds, nodes: readonly NodeRecord[]) {
  const stack = new AsyncDisposableStack();
  const clock = new FakeClock({ wallMs: 1_000_000_000_000 });
  const store = await openMemoryStore(0);
  const network = stack.use(await Network.open({ store, clock, log: silent, defer: setImmediate }));
  const put = (value: NodeRecord, what: number = What.Whole) =>
    network.save({ writes: [{ put: 'node', value }], changes: [nodeChange(value.id, what)] });
  await network.save({ writes: [{ put: 'user', value: sampleUser }] });
  for (const node of nodes) await put(node);
  const told: string[] = [];
  const tell: Tell = (type, _message, { nodeName = '', routes, route }) =>
    void told.push([type, nodeName, routes ?? route ?? ''].join(' ').trim());
  stack.defer(watch({ network, clock, log: silent, tell }));
  return {
    ...{ network, clock, put },
    told: () => told.splice(0),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

const offering = (id: number, routes: readonly string[], approvedRoutes: readonly string[] = []) => {
  const node = sampleNode(id);
  return { ...node, approvedRoutes, hostinfo: { ...node.hostinfo, RoutableIPs: [...routes] } };
};

test('a key that ends is told of a day before, an hour before and at its end, each once', async () => {
  const expiry = 1_000_000_000_000 + 30 * HOUR;
  await using it = await setup(watchKeyEnds, [sampleNode(1, { givenName: 'web', expiry }), sampleNode(2)]);
  await it.clock.advance(5 * HOUR);
  expect(it.told()).toEqual([]);
  await it.clock.advance(2 * HOUR);
  expect(it.told()).toEqual(['nodeKeyExpiringInOneDay web']);
  await it.clock.advance(22.5 * HOUR);
  expect(it.told()).toEqual(['nodeKeyExpiringInOneHour web']);
  await it.clock.advance(10 * HOUR);
  expect(it.told()).toEqual(['nodeKeyExpired web']);
});

test('a route that nobody approves in a moment is told of once; what waited at the start is not', async () => {
  await using it = await setup(watchRouteNews, [offering(1, ['10.1.0.0/16'])]);
  const name = sampleNode(1).givenName;
  await it.put(offering(1, ['10.1.0.0/16', '10.2.0.0/16']), What.Routes);
  await it.clock.advance(4_000);
  expect(it.told()).toEqual([]);
  await it.clock.advance(2_000);
  expect(it.told()).toEqual([`routeNeedsApproval ${name} 10.2.0.0/16`]);
  await it.put(offering(1, ['10.1.0.0/16', '10.2.0.0/16'], ['10.2.0.0/16']), What.Routes);
  // The policy approves this one before anybody has to.
  await it.put(offering(2, ['10.3.0.0/16']));
  await it.put(offering(2, ['10.3.0.0/16'], ['10.3.0.0/16']), What.Routes);
  await it.clock.advance(10_000);
  expect(it.told()).toEqual([]);
});

test('a prefix that another router carries is told of, also when nobody does any more', async () => {
  await using it = await setup(watchRouteNews, [sampleNode(1), sampleNode(2)]);
  const elect = (value: Readonly<Record<string, number>>) =>
    it.network.save({
      writes: [{ put: 'setting', key: PRIMARIES, value: JSON.stringify(value) }],
      changes: [nodeChange(1, What.Routes)],
    });
  await elect({ '10.0.0.0/24': 1 });
  await elect({ '10.0.0.0/24': 2 });
  await it.put(sampleNode(1), What.Online);
  await elect({});
  const [one, two] = [sampleNode(1).givenName, sampleNode(2).givenName];
  expect(it.told()).toEqual([
    `primaryRouteChanged ${one} 10.0.0.0/24`,
    `primaryRouteChanged ${two} 10.0.0.0/24`,
    'primaryRouteChanged  10.0.0.0/24',
  ]);
});
