/** Health and readiness: slow, starting, stopping, and a disk that refuses and recovers. */
import { expect, test } from 'vitest';
import { type Fields, type Log, silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { AddressBook, DEFAULT_PLAN } from '../state/addresses.ts';
import { Network } from '../state/network.ts';
import { StorageProbe } from '../state/storage-probe.ts';
import { openMemoryStore } from '../store/sqlite.ts';
import { watchAddressRoom } from './address-room.ts';
import { Health } from './health.ts';
import { openMetrics } from './metrics.ts';

test('a server is ready when it has started, its disk takes writes, and it is not stopping', async () => {
  const clock = new FakeClock();
  const inner = await openMemoryStore(0);
  const disk = { isFull: false };
  const store = {
    ...inner,
    commit: async (writes: Parameters<typeof inner.commit>[0]) => {
      if (disk.isFull) throw new Error('full');
      await inner.commit(writes);
    },
  };
  await using network = await Network.open({ store, clock, log: silent, defer: setImmediate });
  const lag = { meanMs: 0, worstMs: 5_000 };
  const health = new Health({ storage: new StorageProbe(network, clock), lag });
  expect(await health.ready()).toMatchObject({ status: 503, body: { problems: ['starting'] } });
  health.started();
  expect((await health.ready()).status).toBe(200);
  disk.isFull = true;
  await expect(network.save({ writes: [{ put: 'setting', key: 'a', value: 'b' }] })).rejects.toThrow();
  expect(await health.ready()).toMatchObject({
    status: 503,
    body: { problems: ['the database takes no writes'] },
  });
  disk.isFull = false;
  // Tried again on its own, but not at every question.
  expect((await health.ready()).status).toBe(503);
  await clock.advance(2_000);
  expect((await health.ready()).status).toBe(200);
  health.draining();
  expect((await health.ready()).status).toBe(503);
  expect(health.live().status).toBe(200);
  lag.meanMs = 1_500;
  expect(health.live()).toMatchObject({ status: 503, body: { status: 'overloaded', loopLagMs: 1_500 } });
});

test('figures stand under their names, with what others add', async () => {
  const metrics = openMetrics(false);
  metrics.count('registrations', { method: 'authkey', result: 'in' });
  metrics.time('store_commit_seconds', 0.004, {});
  metrics.gauge('things', 'Things', () => 7);
  metrics.gauges('nodes', 'Machines', 'state', () => [['online', 2]]);
  metrics.append(() => 'derp_accepts 1\n');
  const text = await metrics.text();
  for (const line of [
    'rhumb_control_registrations_total{method="authkey",result="in"} 1',
    'rhumb_control_store_commit_seconds_bucket{le="0.005"} 1',
    'rhumb_control_things 7',
    'rhumb_control_nodes{state="online"} 2',
    'derp_accepts 1',
  ])
    expect(text).toContain(line);
});

test('what an administrator should look at is said beside, and keeps no load balancer away', async () => {
  const clock = new FakeClock();
  await using network = await Network.open({
    store: await openMemoryStore(0),
    ...{ clock, log: silent, defer: setImmediate },
  });
  const warnings: string[] = [];
  const lag = { meanMs: 0, worstMs: 0 };
  const health = new Health({ storage: new StorageProbe(network, clock), lag, warnings: () => warnings });
  health.started();
  expect(await health.ready()).toEqual({ status: 200, body: { status: 'ready' } });
  warnings.push('no backup could be made');
  expect(await health.ready()).toEqual({
    status: 200,
    body: { status: 'ready', warnings: ['no backup could be made'] },
  });
});

test('a prefix that is nearly full is warned of once, and again after there was room', async () => {
  const clock = new FakeClock();
  const logged: unknown[] = [];
  const note: Log = Object.assign(
    (_level: unknown, event: string, fields?: Fields) => void logged.push([event, fields?.['prefix']]),
    { child: (): Log => note },
  );
  const addresses = new AddressBook({
    ...DEFAULT_PLAN,
    v4: [{ ip: new Uint8Array([100, 64, 9, 0]), bits: 28 }],
  });
  using room = watchAddressRoom({ addresses }, clock, note);
  for (let host = 1; host <= 13; host++) addresses.use(`100.64.9.${host}`);
  await clock.advance(300_000);
  expect([logged, room.full]).toEqual([[['addresses.almost-full', '100.64.9.0/28']], ['100.64.9.0/28']]);
  for (let host = 1; host <= 5; host++) addresses.free(`100.64.9.${host}`);
  await clock.advance(60_000);
  expect(room.full).toEqual([]);
  for (let host = 1; host <= 5; host++) addresses.use(`100.64.9.${host}`);
  await clock.advance(60_000);
  expect(logged).toHaveLength(2);
});
