/** The fake clock keeps the contract of `Clock`. */
import { expect, test } from 'vitest';
import { FakeClock } from './fake-clock.ts';

test('runs timers in the order of their times and then of their making', async () => {
  const clock = new FakeClock();
  const ran: string[] = [];
  clock.after(20, () => ran.push(`late ${clock.monotonic()}`));
  clock.after(10, () => ran.push(`first ${clock.monotonic()}`));
  clock.after(10, () => ran.push(`second ${clock.monotonic()}`));
  await clock.advance(15);
  expect(ran).toEqual(['first 1000010', 'second 1000010']);
  await clock.advance(5);
  expect(ran).toHaveLength(3);
  expect(clock.pending).toBe(0);
});

test('runs timers that timers make, and what awaits them, within one advance', async () => {
  const clock = new FakeClock();
  const seen: number[] = [];
  const loop = async (): Promise<void> => {
    for (let i = 0; i < 3; i++) {
      await clock.sleep(10);
      seen.push(clock.monotonic() - 1_000_000);
    }
  };
  const done = loop();
  await clock.advance(100);
  await done;
  expect(seen).toEqual([10, 20, 30]);
});

test('a cancelled timer does not run', async () => {
  const clock = new FakeClock();
  let ran = false;
  clock.after(5, () => {
    ran = true;
  })();
  await clock.advance(10);
  expect(ran).toBe(false);
});

test('an aborted sleep rejects with the reason and leaves no timer', async () => {
  const clock = new FakeClock();
  const stop = new AbortController();
  const sleeping = clock.sleep(1_000, stop.signal);
  stop.abort(new Error('enough'));
  await expect(sleeping).rejects.toThrow('enough');
  await expect(clock.sleep(1, stop.signal)).rejects.toThrow('enough');
  expect(clock.pending).toBe(0);
});

test('a wall clock step leaves monotonic time alone', () => {
  const clock = new FakeClock();
  clock.stepWall(-3_600_000);
  expect(clock.now()).toBe(1_700_000_000_000 - 3_600_000);
  expect(clock.monotonic()).toBe(1_000_000);
});
