/** Handshake times over restarts: never earlier than what any run before may have sent. */
import { expect, test } from 'vitest';
import { openHandshakeTime } from './handshake-time.ts';
import { memoryStore, type StateStore } from './state-store.ts';

const NOW = 1_700_000_000_000;
const MINUTE = 60_000;

const counted = (): { readonly store: StateStore; writes: number } => {
  const inner = memoryStore();
  const counter = { writes: 0, store: inner };
  const set: StateStore['set'] = (key, value) => {
    counter.writes++;
    return inner.set(key, value);
  };
  counter.store = { ...inner, set };
  return counter;
};

test('there is no floor before the first handshake', () => {
  expect(openHandshakeTime(memoryStore(), NOW).floorMs).toBeUndefined();
});

test('with the clock set back, the floor is above everything that was sent and perhaps not written', () => {
  const { store } = counted();
  const first = openHandshakeTime(store, NOW);
  first.sent(NOW);
  first.sent(NOW + MINUTE - 1);
  const second = openHandshakeTime(store, NOW - 3_600_000);
  expect(second.floorMs).toBeGreaterThanOrEqual(NOW + MINUTE - 1);
});

test('restart after restart does not push the floor into the future', () => {
  const { store } = counted();
  for (let run = 0; run < 100; run++) {
    const time = openHandshakeTime(store, NOW + run);
    expect(time.floorMs ?? 0).toBeLessThanOrEqual(NOW + run);
    time.sent(NOW + run);
  }
});

test('busy peers cost one write a minute', () => {
  const counter = counted();
  const time = openHandshakeTime(counter.store, NOW);
  for (let ms = 0; ms < 10 * MINUTE; ms += 100) time.sent(NOW + ms);
  expect(counter.writes).toBe(10);
});

test('a failed write is no trouble of the caller, and a damaged entry no floor', async () => {
  const broken: StateStore = { ...memoryStore(), set: () => Promise.reject(new Error('disk full')) };
  openHandshakeTime(broken, NOW).sent(NOW);
  const damaged = memoryStore([['_handshaketime', new TextEncoder().encode('soon')]]);
  expect(openHandshakeTime(damaged, NOW).floorMs).toBeUndefined();
});
