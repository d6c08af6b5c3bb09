/** Timestamps outlive the peer, up to a bound, and the oldest leave first. */
import { expect, test } from 'vitest';
import { GonePeers } from './gone-peers.ts';
import { nextTai } from './tai64n.ts';

const times = (ms: number) => ({ lastTai: nextTai(undefined, ms), greatestTimestamp: Uint8Array.of(1) });

test('a peer that comes back is known once', () => {
  const gone = new GonePeers();
  gone.add('a', times(1_000));
  expect(gone.take('a')).toEqual(times(1_000));
  expect(gone.take('a')).toBeUndefined();
});

test('another key of our own forgets what we sent and keeps what peers sent', () => {
  const gone = new GonePeers();
  gone.add('a', times(1_000));
  gone.add('b', { lastTai: nextTai(undefined, 1_000), greatestTimestamp: undefined });
  gone.forgetSent();
  expect(gone.take('a')).toEqual({ lastTai: undefined, greatestTimestamp: Uint8Array.of(1) });
  expect(gone.take('b')).toBeUndefined();
});

test('the memory is bounded, the oldest goes first', () => {
  const gone = new GonePeers();
  for (let i = 0; i <= 16_384; i++) gone.add(`${i}`, times(1_000));
  expect([gone.take('0'), gone.take('1')]).toEqual([undefined, times(1_000)]);
});
