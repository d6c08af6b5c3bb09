/** When forwarding is looked at, and what is said of it. */
import { expect, test } from 'vitest';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { ForwardingWatch } from './forwarding-watch.ts';

test('trouble is told while routes are announced, and its end within a minute', async () => {
  const clock = new FakeClock();
  const told: (string | undefined)[] = [];
  let off = 'IP forwarding is disabled';
  const watch = new ForwardingWatch({
    clock,
    check: (routes) => `${off}${off === '' ? '' : ` for ${routes.join()}`}`,
    trouble: (_what, error) => void told.push(error),
  });
  watch.routesAre([]);
  watch.routesAre(['10.0.0.0/24']);
  expect(told).toEqual([undefined, 'IP forwarding is disabled for 10.0.0.0/24']);
  off = '';
  await clock.advance(60_000);
  expect(told.at(-1)).toBeUndefined();
  off = 'off again';
  watch.routesAre([]);
  expect([told.at(-1), clock.pending]).toEqual([undefined, 0]);
  watch.routesAre(['10.0.0.0/24']);
  watch.close();
  expect(clock.pending).toBe(0);
});
