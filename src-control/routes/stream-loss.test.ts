/** Routers without a connection: given a second, then out; back with the next stream. */
import { expect, test } from 'vitest';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { watchStreamLoss } from './stream-loss.ts';

function setup() {
  const clock = new FakeClock();
  const streams = new Set([1, 2]);
  const told: [number, boolean][] = [];
  let tell: (id: number) => void = () => undefined;
  const stop = watchStreamLoss({
    clock,
    watchStreams: (listener) => {
      tell = listener;
      return () => {
        tell = () => undefined;
      };
    },
    hasStream: (id) => streams.has(id),
    isRouter: (id) => id < 10,
    setHealth: (health) => told.push(...health),
  });
  const lose = (id: number): void => {
    streams.delete(id);
    tell(id);
  };
  const come = (id: number): void => {
    streams.add(id);
    tell(id);
  };
  return { clock, told, stop, lose, come };
}

test('a router that is gone for a second hands over, and is well again with its next stream', async () => {
  const { clock, told, lose, come } = setup();
  lose(1);
  await clock.advance(999);
  expect(told).toEqual([]);
  await clock.advance(1);
  expect(told).toEqual([[1, false]]);
  come(1);
  expect(told.at(-1)).toEqual([1, true]);
});

test('one that is back within the second is not missed', async () => {
  const { clock, told, lose, come } = setup();
  lose(1);
  await clock.advance(500);
  come(1);
  await clock.advance(10_000);
  expect(told).toEqual([[1, true]]);
});

test('machines that route nothing have no timers, and none stays behind', async () => {
  const { clock, told, lose, stop } = setup();
  lose(11);
  expect(clock.pending).toBe(0);
  lose(1);
  lose(2);
  expect(clock.pending).toBe(2);
  stop();
  expect(clock.pending).toBe(0);
  await clock.advance(10_000);
  expect(told).toEqual([]);
});
