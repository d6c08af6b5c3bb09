/** Tests of the simulation's clock: order, cancelling, waiting. */
import { expect, test } from 'vitest';
import { seeded } from '../wire.ts';
import { SimClock } from './sim-clock.ts';

test('runs events by time, and in the order they were made at one time', () => {
  const clock = new SimClock();
  const random = seeded(7);
  const startMs = clock.monotonic();
  const ran: { atMs: number; order: number }[] = [];
  for (let order = 0; order < 2_000; order++)
    clock.after(Math.floor(random() * 50), () => ran.push({ atMs: clock.monotonic() - startMs, order }));
  clock.run(100);
  expect(ran).toHaveLength(2_000);
  expect(ran).toEqual([...ran].sort((a, b) => a.atMs - b.atMs || a.order - b.order));
  expect(clock.steps).toBe(2_000);
  expect(clock.monotonic()).toBe(startMs + 100);
});

test('runs nothing that was cancelled, and what an event makes while it runs', () => {
  const clock = new SimClock();
  const ran: string[] = [];
  const cancel = clock.after(5, () => ran.push('cancelled'));
  clock.after(1, () => {
    cancel();
    clock.after(1, () => ran.push('made'));
  });
  clock.run(10);
  expect(ran).toEqual(['made']);
});

test('lets those who wait go on before the next event', async () => {
  const clock = new SimClock();
  const ran: string[] = [];
  const sleeper = clock.sleep(5).then(() => ran.push('awake'));
  clock.after(6, () => ran.push('later'));
  await clock.advance(10);
  await sleeper;
  expect(ran).toEqual(['awake', 'later']);
});

test('a sleep ends with its signal', async () => {
  const clock = new SimClock();
  const stop = new AbortController();
  const sleeping = clock.sleep(1_000, stop.signal);
  stop.abort(new Error('enough'));
  await expect(sleeping).rejects.toThrow('enough');
  await expect(clock.sleep(1, stop.signal)).rejects.toThrow('enough');
});
