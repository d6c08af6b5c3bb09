/** Clients that do not read: what is kept for them, what is dropped, and that nobody else notices. */
import { expect, test } from 'vitest';
import { concat } from '#shared/bytes/bytes.ts';
import { FrameType } from '#shared/derp/frames.ts';
import * as m from '#shared/derp/messages.ts';
import { settle } from '#shared/testing/fake-clock.ts';
import type { RelayOptions } from './server.ts';
import { discoPacket, TestClient } from './testing/client.ts';
import { type TestRelay, testRelay } from './testing/relay.ts';

const numbered = (n: number): Uint8Array => Uint8Array.of(n >> 8, n);
const numbers = (client: TestClient): number[] =>
  client
    .packets()
    .filter(({ packet }) => packet.length === 2)
    .map(({ packet }) => ((packet[0] ?? 0) << 8) | (packet[1] ?? 0));

interface Scene extends TestRelay {
  readonly sender: TestClient;
  readonly slow: TestClient;
}

/** `slow` has taken one packet more than it reads: the next ones have to wait. */
async function scene(options: Partial<RelayOptions> = {}): Promise<Scene> {
  const relay = testRelay(options);
  const sender = await new TestClient().join(relay.server);
  const slow = await new TestClient().join(relay.server);
  slow.wire.stopReading();
  sender.send(slow, numbered(0));
  await settle();
  return { ...relay, sender, slow };
}

test('the freshest 32 packets are kept, in order', async () => {
  const { server, clock, sender, slow } = await scene();
  for (let n = 1; n <= 40; n++) sender.send(slow, numbered(n));
  await settle();
  expect(numbers(slow)).toEqual([0]);
  await clock.advance(10);
  slow.wire.read();
  await settle();
  expect(numbers(slow)).toEqual(Array.from({ length: 32 }, (_, i) => i + 9));
  expect(server.metricsText()).toContain('derp_packets_dropped{reason="queue_head",kind="other"} 8\n');
  expect(server.stats().counters.averageQueueMs).toBeGreaterThan(9);
});

test('bulk does not push out disco, which goes first', async () => {
  const { sender, slow } = await scene();
  for (let n = 1; n <= 100; n++) sender.send(slow, numbered(n));
  sender.send(slow, discoPacket());
  for (let n = 101; n <= 200; n++) sender.send(slow, numbered(n));
  await settle();
  slow.packets();
  slow.wire.read();
  await settle();
  const packets = slow.packets();
  expect(packets).toHaveLength(33);
  expect(packets[0]?.packet).toEqual(discoPacket());
});

test('what waits is a copy: later packets of the sender do not change it', async () => {
  const { sender, slow } = await scene();
  const chunk = concat(
    m.encodeSendPacket(slow.raw, numbered(1)),
    m.encodeSendPacket(sender.raw, numbered(2)),
    m.encodeSendPacket(slow.raw, numbered(3)),
  );
  sender.wire.write(chunk);
  slow.packets();
  slow.wire.read();
  await settle();
  expect(numbers(slow)).toEqual([1, 3]);
  expect(numbers(sender)).toEqual([2]);
});

test('others go on as if nothing were', async () => {
  const { server, sender, slow } = await scene();
  const other = await new TestClient().join(server);
  for (let n = 0; n < 500; n++) {
    sender.send(slow, numbered(n));
    sender.send(other, numbered(n));
  }
  await settle();
  expect(numbers(other)).toEqual(Array.from({ length: 500 }, (_, n) => n));
});

test('after two seconds it is closed, what waited is counted, and its peers are told', async () => {
  const { server, clock, sender, slow } = await scene();
  slow.send(sender, numbered(1));
  sender.send(slow, numbered(1));
  sender.send(slow, discoPacket());
  await settle();
  sender.got();
  await clock.advance(1_900);
  expect(slow.ended).toBe(false);
  await clock.advance(700);
  expect(slow.ended).toBe(true);
  await settle();
  expect(sender.got()).toEqual([{ type: FrameType.PeerGone, payload: concat(slow.raw, Uint8Array.of(0)) }]);
  const metrics = server.metricsText();
  expect(metrics).toContain('derp_sclient_write_timeouts 1\n');
  expect(metrics).toContain('derp_packets_dropped{reason="gone_disconnected",kind="other"} 1\n');
  expect(metrics).toContain('derp_packets_dropped{reason="gone_disconnected",kind="disco"} 1\n');
});

test('each time that it takes something the two seconds begin anew', async () => {
  const { clock, sender, slow } = await scene();
  for (let n = 1; n <= 5; n++) {
    await clock.advance(1_500);
    sender.send(slow, numbered(n));
    slow.wire.read();
    slow.wire.stopReading();
    sender.send(slow, numbered(n));
    await settle();
  }
  expect(slow.ended).toBe(false);
});

test('a deadline of zero is none', async () => {
  const { clock, slow } = await scene({ writeTimeoutMs: 0 });
  await clock.advance(59_000);
  expect(slow.ended).toBe(false);
});

test('a client that reads nothing is closed, however little waits for it', async () => {
  const { server, clock } = testRelay();
  const idle = await new TestClient().join(server);
  const stalled = await new TestClient().join(server);
  stalled.wire.hasStalled = true;
  await clock.advance(66_000);
  expect([idle.ended, stalled.ended]).toEqual([false, true]);
  expect(server.stats().counters.writeTimeouts).toBe(1);
});

test('of many pings one answer waits', async () => {
  const { server, slow } = await scene();
  for (let n = 0; n < 50; n++) slow.wire.write(m.encodePing(new Uint8Array(8).fill(n)));
  slow.got();
  slow.wire.read();
  await settle();
  expect(slow.got()).toEqual([{ type: FrameType.Pong, payload: new Uint8Array(8) }]);
  slow.wire.write(m.encodePing(new Uint8Array(8).fill(7)));
  await settle();
  expect(slow.got()).toHaveLength(1);
  expect(server.stats().counters.gotPing).toBe(51);
});

test('what a client that never reads can make us keep is bounded', async () => {
  const { server, slow } = await scene({ writeTimeoutMs: 0 });
  for (let n = 0; n < 500; n++) {
    const source = await new TestClient().join(server);
    source.send(slow, numbered(n));
    source.wire.leave();
  }
  await settle();
  slow.wire.read();
  await settle();
  const gone = slow.got().filter(({ type }) => type === FrameType.PeerGone);
  expect(gone.length).toBeLessThanOrEqual(256);
});
