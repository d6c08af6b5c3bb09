/** Everybody comes back at once: nobody flaps after a restart, and first maps are spread over a while. */
import { expect, test } from 'vitest';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { Network } from '../state/network.ts';
import { sampleNode, sampleUser } from '../store/sample-records.ts';
import { openMemoryStore } from '../store/sqlite.ts';
import { FakePolicy } from '../testing/fake-policy.ts';
import { FakeSink } from '../testing/fake-sink.ts';
import { machineNames } from './dns-source.ts';
import { Hub } from './hub.ts';
import { GRACE_MS, HOLD_MS } from './presence.ts';

const NOW = 1_000_000_000_000;

async function setup(seenAgoMs: readonly number[]) {
  const clock = new FakeClock({ wallMs: NOW });
  const network = await Network.open({
    store: await openMemoryStore(0),
    ...{ clock, log: silent, defer: setImmediate },
  });
  const nodes = seenAgoMs.map((ago, at) => sampleNode(at + 1, { expiry: undefined, lastSeen: NOW - ago }));
  await network.save({
    writes: [{ put: 'user', value: sampleUser }, ...nodes.map((value) => ({ put: 'node', value }) as const)],
  });
  const hub = new Hub({
    ...{ network, policy: new FakePolicy(network, () => true), clock, random: () => 0.5, log: silent },
    ...{ dns: machineNames('net.example', false), baseDomain: 'net.example', derpMap: undefined },
  });
  const open = (id: number, sink: FakeSink): Promise<void> =>
    hub.open(
      {
        ...{ nodeId: id, nodeKey: sampleNode(id).nodeKey, discoKey: undefined, capver: 130 },
        ...{ isCompressed: true, wantsKeepAlive: true, sink },
      },
      { discoKey: undefined, hostinfo: undefined, endpoints: undefined, capver: 130 },
      undefined,
    );
  const online = (): readonly number[] =>
    [...network.nodes()].flatMap(({ record, isOnline }) => (isOnline ? [record.id] : []));
  return { clock, network, hub, open, online };
}

test('who was online a moment before a restart stays so for as long as it takes to come back', async () => {
  const it = await setup([1_000, 59_000, 61_000, 3_600_000]);
  it.hub.hold();
  expect(it.online()).toEqual([1, 2]);
  const sink = new FakeSink();
  await it.open(1, sink);
  await it.clock.advance(HOLD_MS - 1_000);
  expect(it.online()).toEqual([1, 2]);
  await it.clock.advance(1_000);
  expect(it.online()).toEqual([1]);
  // The one that never came back is as long away as it was.
  expect(it.network.node(2)?.record.lastSeen).toBe(NOW - 59_000);
  sink.hangUp();
  await it.clock.advance(GRACE_MS);
  expect(it.online()).toEqual([]);
  it.hub.close();
});

test('first maps of a crowd are spread, those of a few are not, and the end of the server waits for none', async () => {
  const count = 60;
  const it = await setup(Array.from({ length: count }, () => 0));
  const sinks = Array.from({ length: count }, () => new FakeSink());
  const opening = sinks.map((sink, at) => it.open(at + 1, sink));
  for (let n = 0; n < 400; n++) await new Promise(setImmediate);
  const served = (): number => sinks.filter((sink) => sink.take().length > 0).length;
  const atOnce = served();
  expect(atOnce).toBeGreaterThanOrEqual(32);
  expect(atOnce).toBeLessThan(count);
  await it.clock.advance(2_500);
  for (let n = 0; n < 400; n++) await new Promise(setImmediate);
  await Promise.all(opening);
  expect(atOnce + served()).toBeGreaterThanOrEqual(count);
  it.hub.close();
});
