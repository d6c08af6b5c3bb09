/** An hour of traffic, second by second, with a fake clock and made-up counters. */
import { expect, test } from 'vitest';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { type CountedPeer, TrafficHistory } from './traffic-history.ts';

function setUp() {
  const clock = new FakeClock();
  let peers: CountedPeer[] = [];
  const history = new TrafficHistory({ clock, look: () => peers });
  const count = (id: number, rxBytes: number, txBytes: number, isDirect = true): void => {
    peers = [...peers.filter((one) => one.id !== id), { id, isDirect, rxBytes, txBytes }];
  };
  return { clock, history, count };
}

test('each second has what came and went in it, direct and relayed apart', async () => {
  const { clock, history, count } = setUp();
  count(1, 100, 10);
  count(2, 7, 3, false);
  await clock.advance(1_000);
  count(1, 150, 10);
  await clock.advance(1_000);
  expect(history.past(60)).toEqual({
    endMs: clock.now(),
    direct: { in: [100, 50], out: [10, 0] },
    relayed: { in: [7, 0], out: [3, 0] },
  });
  expect(history.past(60, 2)).toMatchObject({ direct: { in: [0, 0] }, relayed: { in: [7, 0] } });
  expect(history.past(1, 1).direct.in).toEqual([50]);
  expect(history.past(60, 99).direct.in).toEqual([0, 0]);
});

test('a peer that counts from zero again has not counted backwards', async () => {
  const { clock, history, count } = setUp();
  count(1, 1_000, 0);
  await clock.advance(1_000);
  count(1, 30, 0);
  await clock.advance(1_000);
  expect(history.past(2).direct.in).toEqual([1_000, 30]);
});

test('an hour is kept and no more', async () => {
  const { clock, history, count } = setUp();
  count(1, 5, 0);
  await clock.advance(3_700_000);
  const past = history.past(10_000);
  expect(past.direct.in).toHaveLength(3_600);
  expect(past.direct.in.every((bytes) => bytes === 0)).toBe(true);
});

test('of many devices the busiest lately are kept apart, and all are in the sum', async () => {
  const { clock, history, count } = setUp();
  for (let id = 1; id <= 70; id++) {
    count(id, 10, 0);
    await clock.advance(1_000);
  }
  expect(history.past(70).direct.in).toEqual(new Array(70).fill(10));
  expect(history.past(70, 70).direct.in.at(-1)).toBe(10);
  expect(history.past(70, 1).direct.in.some((bytes) => bytes > 0)).toBe(false);
});

test('listeners hear of each second until they stop', async () => {
  const { clock, history } = setUp();
  const heard: number[] = [];
  const stop = history.subscribe((seconds) => heard.push(seconds));
  await clock.advance(3_000);
  stop();
  await clock.advance(2_000);
  expect(heard).toEqual([1, 1, 1]);
  history[Symbol.dispose]();
  expect(clock.pending).toBe(0);
});
