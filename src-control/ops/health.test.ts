/** Health and readiness: slow, starting, stopping, and a disk that refuses and recovers. */
import { expect, test } from 'vitest';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { Network } from '../state/network.ts';
import { openMemoryStore } from '../store/sqlite.ts';
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
  const health = new Health({ network, clock, lag });
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
