/** A client that sends faster than it may is slowed down by not being read, and loses nothing (nat-traversal.md §1.10). */
import { expect, test } from 'vitest';
import { encodeFrame } from '#shared/derp/frames.ts';
import { settle } from '#shared/testing/fake-clock.ts';
import { TestClient } from './testing/client.ts';
import { testRelay } from './testing/relay.ts';

const BURST = 65_536 + 32;
const PACKET = new Uint8Array(9_968);
/** With the key: what the bucket counts. */
const FRAME = 10_000;

test('beyond the burst reading stops until the tokens are there', async () => {
  const { server, clock } = testRelay({ rate: { bytesPerS: FRAME, burstBytes: 1 } });
  const a = await new TestClient().join(server);
  const b = await new TestClient().join(server);
  for (let i = 0; i < 10; i++) a.send(b, PACKET);
  await settle();
  const atOnce = Math.floor(BURST / FRAME);
  expect(b.packets()).toHaveLength(atOnce);
  expect(a.wire.isPaused).toBe(true);
  for (let left = 10 - atOnce; left > 0; left--) {
    await clock.advance(1_000);
    await settle();
    expect(b.packets()).toHaveLength(1);
  }
  await clock.advance(1_000);
  expect(a.wire.isPaused).toBe(false);
  expect(server.stats().counters.rateLimitWaited).toBe(10 - atOnce);
});

test('the others are not slowed', async () => {
  const { server } = testRelay({ rate: { bytesPerS: FRAME, burstBytes: 1 } });
  const a = await new TestClient().join(server);
  const b = await new TestClient().join(server);
  for (let i = 0; i < 10; i++) a.send(b, PACKET);
  b.send(a, PACKET);
  await settle();
  expect(a.packets()).toHaveLength(1);
});

test('a new limit holds at once, for those who are there as well', async () => {
  const { server } = testRelay();
  const a = await new TestClient().join(server);
  for (let i = 0; i < 20; i++) a.send(a, PACKET);
  await settle();
  expect(a.packets()).toHaveLength(20);
  expect(server.setRate({ bytesPerS: 1_000, burstBytes: 5 })).toEqual({
    bytesPerS: 1_000,
    burstBytes: BURST,
  });
  for (let i = 0; i < 20; i++) a.send(a, PACKET);
  await settle();
  expect(a.packets()).toHaveLength(6);
  expect(server.metricsText()).toContain('derp_rate_limit_per_client_bytes_per_second 1000\n');
  server.setRate(undefined);
  await settle();
  expect(a.packets()).toHaveLength(14);
});

test('frames that nobody knows count as well', async () => {
  const { server, clock } = testRelay({ rate: { bytesPerS: FRAME, burstBytes: 1 } });
  const a = await new TestClient().join(server);
  for (let i = 0; i < 10; i++) a.wire.write(encodeFrame(0x77, new Uint8Array(FRAME)));
  expect(a.wire.isPaused).toBe(true);
  await clock.advance(3_000);
  expect(a.wire.isPaused).toBe(true);
  await clock.advance(1_000);
  expect(a.wire.isPaused).toBe(false);
  a.wire.leave();
  await settle();
  expect(clock.pending).toBe(0);
});

test('who leaves while waiting leaves no timer', async () => {
  const { server, clock } = testRelay({ rate: { bytesPerS: FRAME, burstBytes: 1 } });
  const a = await new TestClient().join(server);
  for (let i = 0; i < 10; i++) a.send(a, PACKET);
  a.wire.leave();
  await settle();
  expect(clock.pending).toBe(0);
});
