/** Deadlines on one timer under a fake clock. */
import { expect, test } from 'vitest';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { Deadlines } from './deadlines.ts';

function setUp() {
  const clock = new FakeClock({ monotonicMs: 0 });
  const rung: string[] = [];
  const deadlines: Deadlines<string> = new Deadlines({
    clock,
    nowMs: () => clock.monotonic(),
    due: (keys) => {
      rung.push(`${clock.monotonic()} ${keys.join(' ')}`);
      for (const key of keys) deadlines.delete(key);
    },
  });
  return { clock, rung, deadlines };
}

test('what is due within one step of the grid rings together, and never early', async () => {
  const { clock, rung, deadlines } = setUp();
  deadlines.set('a', 101);
  deadlines.set('b', 120);
  deadlines.set('c', 126);
  await clock.advance(1_000);
  expect(rung).toEqual(['125 a b', '150 c']);
  expect(clock.pending).toBe(0);
});

test('an earlier deadline rings earlier, a moved one only at its new time', async () => {
  const { clock, rung, deadlines } = setUp();
  deadlines.set('a', 500);
  deadlines.set('b', 100);
  deadlines.set('a', 700);
  await clock.advance(1_000);
  expect(rung).toEqual(['100 b', '700 a']);
});

test('a removed one does not ring, and closing leaves no timer', async () => {
  const { clock, rung, deadlines } = setUp();
  deadlines.set('a', 100);
  deadlines.set('a', undefined);
  deadlines.set('b', 200);
  deadlines.close();
  deadlines.set('c', 300);
  expect(clock.pending).toBe(0);
  await clock.advance(1_000);
  expect(rung).toEqual([]);
});

test('a deadline in the past rings at once, not in a loop', async () => {
  const { clock, rung, deadlines } = setUp();
  await clock.advance(100);
  deadlines.set('a', 10);
  await clock.advance(1);
  expect(rung).toEqual(['101 a']);
});
