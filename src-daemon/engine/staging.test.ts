/** Bounds of what waits, and the order in which it leaves. */
import { expect, test } from 'vitest';
import { MAX_BYTES, MAX_PACKETS, MAX_TOTAL_BYTES, StagedQueue, Staging } from './staging.ts';

const packet = (mark: number, length = 100): Uint8Array => new Uint8Array(length).fill(mark);

test('packets leave in the order in which they came, as copies', () => {
  const staging = new Staging();
  const queue = new StagedQueue();
  const own = packet(1);
  staging.push(queue, own, 0);
  own.fill(9);
  staging.push(queue, packet(2), 0);
  expect([staging.shift(queue)?.[0], staging.shift(queue)?.[0], staging.shift(queue)]).toEqual([
    1,
    2,
    undefined,
  ]);
  expect(staging.bytes).toBe(0);
});

test('the oldest goes when there are too many', () => {
  const staging = new Staging();
  const queue = new StagedQueue();
  let dropped = 0;
  for (let i = 0; i < MAX_PACKETS + 3; i++) dropped += staging.push(queue, packet(i), 0);
  expect(dropped).toBe(3);
  expect(staging.shift(queue)?.[0]).toBe(3);
});

test('the oldest go when they are too large', () => {
  const staging = new Staging();
  const queue = new StagedQueue();
  const size = MAX_BYTES / 4;
  for (let i = 0; i < 4; i++) expect(staging.push(queue, packet(i, size), 0)).toBe(0);
  expect(staging.push(queue, packet(4, size + 1), 0)).toBe(2);
  expect(queue.bytes).toBeLessThanOrEqual(MAX_BYTES);
  expect(staging.shift(queue)?.[0]).toBe(2);
});

test('over all peers the oldest goes, whosever it is', () => {
  const staging = new Staging();
  const first = new StagedQueue();
  staging.push(first, packet(1), 0);
  let dropped = 0;
  for (let n = 0; n * MAX_BYTES < MAX_TOTAL_BYTES; n++) {
    const queue = new StagedQueue();
    for (let i = 0; i < 4; i++) dropped += staging.push(queue, packet(2, MAX_BYTES / 4), 0);
  }
  expect(dropped).toBe(1);
  expect(first.packets.size).toBe(0);
  expect(staging.bytes).toBeLessThanOrEqual(MAX_TOTAL_BYTES);
});

test('what has waited too long is dropped, the rest stays', () => {
  const staging = new Staging();
  const queue = new StagedQueue();
  for (let at = 0; at < 10; at++) staging.push(queue, packet(at), at);
  expect(staging.expire(queue, 4)).toBe(5);
  expect(staging.shift(queue)?.[0]).toBe(5);
  expect(staging.clear(queue)).toBe(4);
  expect(staging.bytes).toBe(0);
});
