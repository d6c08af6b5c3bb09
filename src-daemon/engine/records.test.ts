/** The queue of records: what there is room for while nobody reads, and that it is handed on in order. */
import { expect, test } from 'vitest';
import { MessageType } from '../wireguard/messages.ts';
import { newCounters } from './counters.ts';
import { RecordQueue } from './records.ts';
import type { EngineRecord } from './types.ts';

const FROM = { ip: '192.0.2.9', port: 9 };

const event: EngineRecord = { type: 'need-path', peer: 1 };
const handshake: EngineRecord = { type: 'handshake', from: FROM, peer: undefined, data: new Uint8Array(148) };
const disco = (bytes: number): EngineRecord => ({ type: 'disco', from: FROM, data: new Uint8Array(bytes) });
function relayed(type: number, bytes: number): EngineRecord {
  const data = new Uint8Array(bytes);
  data[0] = type;
  return { type: 'relay-out', peer: 1, region: 7, data };
}

function queue() {
  const counters = newCounters();
  const records = new RecordQueue(counters);
  const push = (record: EngineRecord, times = 1): void => {
    for (let i = 0; i < times; i++) records.push(record);
  };
  return { records, push, dropped: () => counters['drop.record-queue'] };
}

const initiation = relayed(MessageType.Initiation, 148);
const packet = disco(64);

test.each([
  { name: 'packets', flood: disco(1_024), times: 600, room: 512, others: [event, handshake] },
  { name: 'small packets', flood: packet, times: 10_000, room: 8_192, others: [event, handshake] },
  {
    name: 'relayed data',
    flood: relayed(MessageType.Data, 1_024),
    times: 600,
    room: 512,
    others: [event, initiation],
  },
  { name: 'handshakes', flood: handshake, times: 300, room: 256, others: [event, packet] },
  { name: 'relayed handshakes', flood: initiation, times: 300, room: 256, others: [event, packet] },
  { name: 'events', flood: event, times: 20_000, room: 16_384, others: [packet, handshake, initiation] },
])('there is room for $room $name, and it is nobody else’s', ({ flood, times, room, others }) => {
  const { push, dropped } = queue();
  push(flood, times);
  for (const other of others) push(other);
  expect(dropped()).toBe(times - room);
});

test('what was handed on makes room, and what is dropped takes none', async () => {
  const { records, push, dropped } = queue();
  const heard: EngineRecord[][] = [];
  push(disco(512 * 1024));
  push(disco(1));
  records.onRecords((batch) => heard.push([...batch]));
  await Promise.resolve();
  push(event);
  push(disco(512 * 1024));
  await Promise.resolve();
  expect(dropped()).toBe(1);
  expect(heard.map((batch) => batch.map(({ type }) => type))).toEqual([['disco'], ['need-path', 'disco']]);
});
