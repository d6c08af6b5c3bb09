/** Which peers are greeted after a stop or a restart, and until when. */
import { expect, test } from 'vitest';
import { type NodeKey, nodeKeyFrom } from '#shared/key/key.ts';
import { StaleSessions } from './stale-sessions.ts';

const key = (n: number): NodeKey => nodeKeyFrom(new Uint8Array(32).fill(n & 255).fill(n >> 8, 0, 1));
const peer = (n: number, isOnline = true) => ({ nodeKey: key(n), isOnline });

test('after a first start nobody is greeted', () => {
  expect(new StaleSessions().toGreet([peer(1)], 0)).toEqual([]);
});

test('after a stop those that had a session are greeted once', () => {
  const stale = new StaleSessions();
  stale.stopped([key(1)], 1_000);
  expect(stale.toGreet([peer(1, false), peer(2)], 2_000)).toEqual([key(1)]);
  expect(stale.toGreet([peer(1), peer(2)], 3_000)).toEqual([]);
});

test('after 180 seconds every session has ended by itself', () => {
  const stale = new StaleSessions();
  stale.stopped([key(1)], 0);
  expect(stale.toGreet([peer(1)], 180_001)).toEqual([]);
  stale.restarted(0);
  expect(stale.toGreet([peer(1)], 180_001)).toEqual([]);
});

test('after a restart those online are greeted first, but no crowd', () => {
  const stale = new StaleSessions();
  stale.restarted(0);
  const many = Array.from({ length: 1_000 }, (_, i) => peer(i + 1));
  const greeted = stale.toGreet([peer(2_000, false), ...many], 1);
  expect(greeted).toHaveLength(256);
  expect(greeted).not.toContain(key(2_000));
  expect(stale.toGreet(many, 2)).toEqual([]);
});

test('after a restart a few that seem offline are greeted too, as a server that restarted as well knows nobody', () => {
  const stale = new StaleSessions();
  stale.restarted(0);
  const away = Array.from({ length: 100 }, (_, i) => peer(i + 1, false));
  expect(stale.toGreet(away, 1)).toHaveLength(32);
  expect(stale.toGreet(away, 2)).toEqual([]);
  expect(stale.toGreet([peer(50)], 3)).toEqual([key(50)]);
});

test('two stops in a row remember both', () => {
  const stale = new StaleSessions();
  stale.stopped([key(1)], 0);
  stale.stopped([key(2)], 1);
  expect(stale.toGreet([peer(1), peer(2)], 2)).toEqual([key(1), key(2)]);
});
