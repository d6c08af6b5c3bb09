/** Handshakes: free while the server keeps up, counted out while it does not. */
import { expect, test } from 'vitest';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { noMeter } from '../state/meter.ts';
import { HandshakeGate } from './handshake-gate.ts';

test('everybody gets in while the server keeps up, and as many as it can carry while it is behind', async () => {
  const clock = new FakeClock();
  const lag = { meanMs: 5, currentMs: 5 };
  const gate = new HandshakeGate(clock, lag, noMeter);
  const admitted = (tries: number): number =>
    Array.from({ length: tries }, () => gate.admit()).filter((isIn) => isIn).length;
  expect(admitted(1_000)).toBe(1_000);
  lag.currentMs = 400;
  expect(admitted(1_000)).toBe(50);
  await clock.advance(100);
  expect(admitted(1_000)).toBe(10);
  lag.currentMs = 20;
  expect(admitted(1_000)).toBe(1_000);
});
