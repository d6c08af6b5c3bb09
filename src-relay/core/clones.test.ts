/** Several connections with one key: the last that speaks gets the packets (nat-traversal.md §1.8). */
import { expect, test } from 'vitest';
import { utf8 } from '#shared/bytes/bytes.ts';
import { FrameType } from '#shared/derp/frames.ts';
import * as m from '#shared/derp/messages.ts';
import { settle } from '#shared/testing/fake-clock.ts';
import type { RelayServer } from './server.ts';
import { TestClient } from './testing/client.ts';
import { testRelay } from './testing/relay.ts';
import type { Wire } from './testing/wire.ts';

const gauges = (server: RelayServer): number[] => {
  const { connections, peersTotal, clonedKeys, cloneConns, counters } = server.stats();
  return [connections, peersTotal, clonedKeys, cloneConns, counters.dupClientConnsTotal];
};

interface Scene {
  readonly server: RelayServer;
  readonly sender: TestClient;
  readonly client: TestClient;
  /** The wires of its connections, the oldest first. */
  readonly wires: readonly Wire[];
  /** Which of the wires gets a packet now. */
  reached(): Promise<number>;
}

async function scene(connections: number): Promise<Scene> {
  const { server } = testRelay();
  const sender = await new TestClient().join(server);
  const client = new TestClient();
  const wires: Wire[] = [];
  for (let i = 0; i < connections; i++) {
    await client.join(server);
    wires.push(client.wire);
  }
  await settle();
  const reached = async (): Promise<number> => {
    const before = wires.map((wire) => wire.received.length);
    sender.send(client, utf8('?'));
    await settle();
    return wires.findIndex((wire, i) => wire.received.length > (before[i] ?? 0));
  };
  return { server, sender, client, wires, reached };
}

const speak = (wire: Wire | undefined): void => wire?.write(m.encodeNotePreferred(true));

test('the newest is active, the older stays open', async () => {
  const { server, wires, reached } = await scene(2);
  expect(await reached()).toBe(1);
  expect(wires[0]?.isDestroyed).toBe(false);
  expect(gauges(server)).toEqual([3, 2, 1, 2, 1]);
  expect(server.clients().map((one) => one.isActive)).toEqual([true, false, true]);
});

test('any frame makes its connection the active one', async () => {
  const { wires, reached } = await scene(3);
  speak(wires[0]);
  expect(await reached()).toBe(0);
  wires[1]?.write(m.encodePing(new Uint8Array(8)));
  await settle();
  expect(await reached()).toBe(1);
});

test('a pong is no reason to change', async () => {
  const { wires, reached } = await scene(2);
  wires[0]?.write(m.encodePong(new Uint8Array(8)));
  expect(await reached()).toBe(1);
});

test('when the active one leaves, the latest to speak takes over, and the last is an ordinary client', async () => {
  const { server, wires, reached } = await scene(3);
  speak(wires[0]);
  speak(wires[2]);
  wires[2]?.leave();
  await settle();
  expect(await reached()).toBe(0);
  expect(gauges(server)).toEqual([3, 2, 1, 2, 2]);
  wires[1]?.leave();
  await settle();
  expect(await reached()).toBe(0);
  expect(gauges(server)).toEqual([2, 2, 0, 0, 2]);
});

test('nobody hears that a client has gone while another connection of its key is there', async () => {
  const { sender, client, wires } = await scene(2);
  wires[1]?.write(m.encodeSendPacket(sender.raw, utf8('x')));
  await settle();
  sender.got();
  wires[1]?.leave();
  await settle();
  expect(sender.got()).toEqual([]);
  wires[0]?.leave();
  await settle();
  expect(sender.got().map(({ type, payload }) => [type, payload.subarray(0, 32)])).toEqual([
    [FrameType.PeerGone, client.raw],
  ]);
});

test('one machine that comes as two regions of its map, of which one is its home, is told nothing', async () => {
  const { wires, sender, client } = await scene(2);
  speak(wires[0]);
  wires[1]?.write(m.encodeNotePreferred(false));
  for (let turn = 0; turn < 10; turn++)
    for (const wire of wires) wire.write(m.encodeSendPacket(sender.raw, utf8('x')));
  await settle();
  for (const wire of wires) expect(wire.received.map((piece) => piece[0])).not.toContain(FrameType.Health);
  expect(sender.packets().map(({ from }) => from)).toEqual(new Array(20).fill(client.key));
});

test('two that keep taking turns are told that their key is cloned, until one is left', async () => {
  const { wires } = await scene(2);
  const told = (wire: Wire | undefined): string[] =>
    (wire?.received ?? [])
      .filter((piece) => piece[0] === FrameType.Health)
      .map((piece) => m.decodeHealth(piece.subarray(5)));
  for (let turn = 0; turn < 2; turn++) for (const wire of wires) speak(wire);
  await settle();
  expect(told(wires[0])).toEqual([]);
  for (let turn = 0; turn < 2; turn++) for (const wire of wires) speak(wire);
  await settle();
  for (const wire of wires) expect(told(wire)).toEqual([expect.stringContaining('another machine')]);
  wires[0]?.leave();
  await settle();
  expect(told(wires[1]).at(-1)).toBe('');
});
