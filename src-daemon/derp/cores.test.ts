/** The small cores of the relay client: queue, reverse routes, token bucket. */
import { expect, test } from 'vitest';
import { utf8 } from '#shared/bytes/bytes.ts';
import { type NodeKey, nodeKeyFrom } from '#shared/key/key.ts';
import { LANE_DEPTH, PacketQueue } from './packet-queue.ts';
import { ReverseRoutes } from './reverse-routes.ts';
import { TokenBucket } from './token-bucket.ts';

const text = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : new TextDecoder().decode(bytes);
const peer = (n: number): NodeKey => nodeKeyFrom(new Uint8Array(32).fill(n));

test('disco goes first and has a lane of its own', () => {
  const queue = new PacketQueue();
  for (let i = 0; i < LANE_DEPTH; i++) expect(queue.push(utf8(`bulk ${i}`), false, 0)).toBe(false);
  expect(queue.push(utf8('disco'), true, 0)).toBe(false);
  expect(queue.length).toBe(LANE_DEPTH + 1);
  expect([text(queue.shift()), text(queue.shift())]).toEqual(['disco', 'bulk 0']);
});

test('the oldest of a full lane makes room for the newest', () => {
  const queue = new PacketQueue();
  for (let i = 0; i < LANE_DEPTH + 3; i++) expect(queue.push(utf8(`${i}`), false, 0)).toBe(i >= LANE_DEPTH);
  expect(text(queue.shift())).toBe('3');
  expect(queue.clear()).toBe(LANE_DEPTH - 1);
  expect(queue.shift()).toBeUndefined();
});

test('what waited too long is thrown away', () => {
  const queue = new PacketQueue();
  queue.push(utf8('old'), false, 0);
  queue.push(utf8('old'), true, 0);
  queue.push(utf8('new'), false, 5_000);
  expect(queue.expire(10_000)).toBe(0);
  expect(queue.expire(10_001)).toBe(2);
  expect(text(queue.shift())).toBe('new');
});

test('a reverse route holds for the connection that it was learned on', () => {
  const routes = new ReverseRoutes();
  const open = new Map([[1, 7]]);
  const get = (n: number): number | undefined => routes.get(peer(n), (region) => open.get(region));
  routes.note(peer(1), 1, 7);
  expect([get(1), get(2)]).toEqual([1, undefined]);
  open.set(1, 8);
  expect(get(1)).toBeUndefined();
  routes.note(peer(1), 1, 8);
  expect(get(1)).toBe(1);
  open.set(2, 9);
  routes.note(peer(1), 2, 9);
  expect(get(1)).toBe(2);
});

test('a reverse route is forgotten when the peer is gone from that region, or the region is', () => {
  const routes = new ReverseRoutes();
  const always = (): number => 1;
  routes.note(peer(1), 1, 1);
  routes.forget(peer(1), 2);
  expect(routes.get(peer(1), always)).toBe(1);
  routes.forget(peer(1), 1);
  expect(routes.get(peer(1), always)).toBeUndefined();
  routes.note(peer(1), 1, 1);
  routes.note(peer(2), 2, 1);
  routes.forgetRegion(1);
  expect([routes.get(peer(1), always), routes.get(peer(2), always), routes.size]).toEqual([undefined, 2, 1]);
});

test('a bucket gives its burst, then the rate, and never more than the burst', () => {
  const bucket = new TokenBucket(1_000, 500, 0);
  expect([bucket.take(500, 0), bucket.take(1, 0)]).toEqual([true, false]);
  expect([bucket.take(100, 99), bucket.take(100, 100)]).toEqual([false, true]);
  expect([bucket.take(501, 10_000), bucket.take(500, 10_000)]).toEqual([false, true]);
  // A clock that goes back gives nothing.
  expect(bucket.take(1, 0)).toBe(false);
  expect(new TokenBucket(1_000, 0, 0).take(1_000, 0)).toBe(true);
});
