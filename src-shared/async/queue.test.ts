/** The bounded queue keeps order, refuses when full, ends when closed, and can be cancelled. */
import { expect, test } from 'vitest';
import { BoundedQueue } from './queue.ts';

test('items come out in order and the limit holds', async () => {
  const queue = new BoundedQueue<number>(2);
  expect([queue.push(1), queue.push(2), queue.push(3)]).toEqual([true, true, false]);
  expect([await queue.next(), await queue.next()]).toEqual([1, 2]);
});

test('a waiting reader gets what comes later, and the end', async () => {
  const queue = new BoundedQueue<number>(2);
  const first = queue.next();
  queue.push(7);
  expect(await first).toBe(7);
  const end = queue.next();
  queue.close();
  expect(await end).toBeUndefined();
  expect(queue.push(8)).toBe(false);
});

test('what was queued before the close is still read', async () => {
  const queue = new BoundedQueue<number>(2);
  queue.push(1);
  queue.close();
  expect([await queue.next(), await queue.next()]).toEqual([1, undefined]);
});

test('waiting ends with the reason of the signal', async () => {
  const stop = new AbortController();
  const waiting = new BoundedQueue<number>(1).next(stop.signal);
  stop.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
});
