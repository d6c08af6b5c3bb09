/** Small forms of the local API: parameters, markers, captures, lines of the bus, services. */
import { expect, test } from 'vitest';
import { encodeNotify, type Notify } from '#shared/localapi/notify.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { parseJson, stringifyJson } from '#shared/wire/json.ts';
import { fakeMap, fakeNode } from '../backend/fake-world.ts';
import { LazyNetMap } from '../backend/netmap-json.ts';
import { MetricsRegistry } from '../metrics/metrics.ts';
import { bugMarker } from './bug-report.ts';
import { ClientCounters } from './client-counters.ts';
import { NotifyLines } from './notify-line.ts';
import { goBool, goDuration, positiveId } from './params.ts';
import { pcapHeader, pcapRecord } from './pcap.ts';
import { carriedBy, probeRoutes } from './route-check.ts';
import { servicesOf } from './services.ts';

test.each([
  ['5s', 5_000],
  ['1m30.5s', 90_500],
  ['250ms', 250],
  ['-2h', -7_200_000],
  ['0', 0],
  ['5', undefined],
  ['s', undefined],
  ['1d', undefined],
  ['', undefined],
  [null, undefined],
  ['9'.repeat(100), undefined],
])('the duration %s is %s ms', (text, want) => {
  expect(goDuration(text)).toBe(want);
});

test.each([
  ['1', true],
  ['T', true],
  ['false', false],
  ['yes', true],
  [null, true],
])('%s as a boolean that is true by default is %s', (text, want) => {
  expect(goBool(text, true)).toBe(want);
});

test('ids are positive and fit into 64 bits', () => {
  const id = (text: string): string => positiveId(new URLSearchParams({ id: text }));
  expect(id('9007199254740993')).toBe('9007199254740993');
  expect(id('007')).toBe('7');
  for (const bad of ['', '0', '-1', '9223372036854775808', '1e3', 'x']) expect(() => id(bad)).toThrow("'id'");
});

test('the marker of a bug names the log, the time and itself', () => {
  const marker = bugMarker('ab'.repeat(32), Date.UTC(2026, 10, 23, 1, 2, 3, 456), '0123456789abcdef');
  expect(marker).toBe(`BUG-${'ab'.repeat(32)}-20261123010203Z-0123456789abcdef`);
});

test('a capture is a libpcap file of link type USER0 with four bytes before each packet', () => {
  expect(pcapHeader().toString('hex')).toBe('d4c3b2a1020004000000000000000000ffff000093000000');
  const record = pcapRecord(1, Uint8Array.of(0x45, 0xff), 1_700_000_000_250);
  expect(record.readUInt32LE(0)).toBe(1_700_000_000);
  expect(record.readUInt32LE(4)).toBe(250_000);
  expect([record.readUInt32LE(8), record.readUInt32LE(12)]).toEqual([6, 6]);
  expect(record.subarray(16).toString('hex')).toBe('0100000045ff');
});

test('a line of the bus says the same as the message, and is made once', () => {
  const lines = new NotifyLines('1.2');
  const peer = fakeNode({ id: 9_007_199_254_740_993n });
  const map = fakeMap(fakeNode({ id: 1 }), [peer]);
  const messages: readonly Notify[] = [
    {},
    { State: 6 },
    { PeersChanged: [peer], SelfChange: map.self, PeersRemoved: [9_007_199_254_740_995n] },
    { NetMap: LazyNetMap.of(map, true), State: 5 },
    { NetMap: LazyNetMap.of(map, true) },
  ];
  for (const message of messages) {
    const line = lines.line(message);
    const text = Buffer.concat(line).toString('utf8');
    expect(text.endsWith('\n')).toBe(true);
    expect(text.indexOf('\n')).toBe(text.length - 1);
    expect(parseJson(text)).toEqual(parseJson(stringifyJson(encodeNotify({ Version: '1.2', ...message }))));
    expect(lines.line(message)).toBe(line);
  }
  const [one, other] = messages.slice(-2).map((message) => lines.line(message)[1]);
  expect(one).toBe(other);
});

test('services are named by what is inside their attribute; those described wrongly are none', () => {
  const self = fakeNode({
    id: 1,
    more: {
      CapMap: {
        'services/x': [{ Name: 'svc:web', Addrs: ['100.64.0.9'], Ports: ['tcp:443'], DisplayName: '' }],
        'services/y': [{ Name: 7 }],
        'services/z': null,
        other: [{ Name: 'svc:no' }],
      },
    },
  });
  expect(servicesOf(self)).toEqual({
    'svc:web': { Name: 'svc:web', Addrs: ['100.64.0.9'], Ports: ['tcp:443'] },
  });
});

test('routers that answer in time are reachable, with what they carry', async () => {
  const router = (id: number, route: string) =>
    fakeNode({ id, name: `r${id}`, more: { AllowedIPs: [`100.64.0.${id + 1}/32`, route] } });
  const peers = [router(2, '10.1.0.0/16'), router(3, '10.2.0.0/16'), fakeNode({ id: 4 })];
  const clock = new FakeClock();
  const asked: string[] = [];
  const backend = {
    map: fakeMap(fakeNode({ id: 1 }), peers),
    ping: async ({ ip }: { readonly ip: string }, signal: AbortSignal) => {
      asked.push(ip);
      if (ip === '100.64.0.4')
        await new Promise((_resolve, reject) => signal.addEventListener('abort', reject));
      return { Err: '' } as never;
    },
  };
  const report = probeRoutes(backend, clock, 5_000, new AbortController().signal);
  await clock.advance(5_000);
  expect((await report).reachable).toEqual([
    { id: 2, name: 'r2.tail.example.', addr: '100.64.0.3', routes: ['10.1.0.0/16'] },
  ]);
  expect(asked).toEqual(['100.64.0.3', '100.64.0.4']);
  expect(carriedBy(fakeNode({ id: 4 }))).toEqual([]);
});

test('figures of clients are added up, never take a name of ours, and are bounded', () => {
  const registry = new MetricsRegistry();
  registry.counter('taken', 'ours');
  const counters = new ClientCounters(registry);
  counters.update({ Name: 'opened', Type: 'counter', Value: 2, Op: '' });
  counters.update({ Name: 'opened', Type: 'counter', Value: 3, Op: 'add' });
  counters.update({ Name: 'size', Type: 'gauge', Value: 7, Op: 'set' });
  expect(registry.text()).toContain('\nopened 5\n');
  expect(registry.text()).toContain('\nsize 7\n');
  expect(() => counters.update({ Name: 'taken', Type: 'counter', Value: 1, Op: '' })).toThrow('already');
  for (let i = 0; i < 254; i++) counters.update({ Name: `n${i}`, Type: 'gauge', Value: 1, Op: 'set' });
  expect(() => counters.update({ Name: 'more', Type: 'gauge', Value: 1, Op: 'set' })).toThrow('too many');
});
