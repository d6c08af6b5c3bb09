/** Binding dead sockets again. */
import { expect, test } from 'vitest';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { SocketRepair } from './socket-repair.ts';

test('a dead socket is bound again, later each time, and is well when it holds', async () => {
  const clock = new FakeClock();
  const bound: number[] = [];
  const told: (string | undefined)[] = [];
  let failures = 3;
  const repair = new SocketRepair({
    clock,
    random: () => 0.5,
    trouble: (error) => told.push(error),
    bind: () => {
      bound.push(clock.monotonic());
      if (failures-- > 0) repair.dead('no buffer space');
    },
  });
  const began = clock.monotonic();
  repair.dead('gone');
  repair.dead('gone'); // the other family
  await clock.advance(60_000);
  expect(bound).toHaveLength(4);
  expect((bound[0] ?? 0) - began).toBeGreaterThanOrEqual(1_000);
  const waits = bound.slice(1).map((at, i) => at - (bound[i] ?? 0));
  expect(waits).toEqual([...waits].sort((a, b) => a - b));
  expect(told.at(0)).toBe('gone');
  expect(told.at(-1)).toBeUndefined();
  expect(clock.pending).toBe(0);
});

test('closing ends the repair', () => {
  const clock = new FakeClock();
  const repair = new SocketRepair({
    clock,
    random: () => 0.5,
    trouble: () => undefined,
    bind: () => undefined,
  });
  repair.dead('gone');
  repair.close();
  // The engine goes on until it is stopped, and so do its sockets.
  repair.dead('gone');
  expect(clock.pending).toBe(0);
});
