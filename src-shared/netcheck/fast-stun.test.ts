/** The quick look for our address: whom it asks, and how soon it knows (nat-traversal.md §11.2). */
import { expect, test } from 'vitest';
import type { SockAddr } from '../ip/address.ts';
import { silent } from '../log/log.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { Netcheck } from './check.ts';
import { fastTargets } from './fast-stun.ts';
import { type FakeServer, FakeServers, mapOf } from './testing/fake-servers.ts';

const map = mapOf({ 1: 2, 2: 1, 3: 1 });
const mapped = (port: number): SockAddr => ({ ip: '203.0.113.7', port });

async function look(servers: Readonly<Record<string, FakeServer>>, families: readonly number[] = [4]) {
  const clock = new FakeClock();
  const net = new FakeServers(clock, servers, families);
  const check = new Netcheck({ clock, log: silent, stun: net });
  net.netcheck = check;
  const startMs = clock.monotonic();
  const found: (readonly [number, number])[] = [];
  let endMs: number | undefined;
  const done = check
    .fastStun(
      { map, home: 2, onFound: ({ port }) => found.push([port, clock.monotonic() - startMs]) },
      new AbortController().signal,
    )
    .then((result) => {
      endMs = clock.monotonic();
      return result;
    });
  for (let waited = 0; endMs === undefined && waited < 2_000; waited += 5) await clock.advance(5);
  return { result: await done, found, tookMs: (endMs ?? 0) - startMs, net, pending: clock.pending };
}

test('the first address is there after one round trip, an equal second one says nothing new', async () => {
  const { found, result, tookMs, net, pending } = await look({
    '198.51.2.1:3478': { latencyMs: 20 },
    '198.51.1.1:3478': { latencyMs: 60 },
  });
  expect(found).toEqual([[41_641, 20]]);
  expect(result).toMatchObject({ v4: [mapped(41_641)], v6: [], mappingVariesByDestIp: false });
  expect(tookMs).toBeLessThanOrEqual(60);
  expect(net.sent.map(({ to }) => to)).toEqual(['198.51.2.1:3478', '198.51.1.1:3478']);
  expect(pending).toBe(0);
});

test('a second address that differs is told too', async () => {
  const { found, result } = await look({
    '198.51.2.1:3478': { latencyMs: 20, mapped: mapped(1_000) },
    '198.51.1.1:3478': { latencyMs: 40, mapped: mapped(1_001) },
  });
  expect(found).toEqual([
    [1_000, 20],
    [1_001, 40],
  ]);
  expect(result.mappingVariesByDestIp).toBe(true);
  expect(result.mappings.map(({ server }) => server.ip)).toEqual(['198.51.2.1', '198.51.1.1']);
});

test('lost requests are repeated, and a server that is down ends after a second', async () => {
  const { found, tookMs, net, pending } = await look({
    '198.51.2.1:3478': { latencyMs: 20, isLost: (nth) => nth === 0 },
  });
  expect(found).toEqual([[41_641, 220]]);
  expect(net.count('198.51.1.1:3478')).toBe(3);
  expect(tookMs).toBe(1_000);
  expect(pending).toBe(0);
});

test('the home is asked by both families', async () => {
  const { result } = await look(
    {
      '198.51.2.1:3478': { latencyMs: 20 },
      '[2001:db8:2::1]:3478': { latencyMs: 10 },
      '198.51.1.1:3478': { latencyMs: 20 },
    },
    [4, 6],
  );
  expect(result.v6).toEqual([{ ip: '2001:db8::9', port: 41_641 }]);
});

test.each([
  ['the home and the nearest other region', { 3: 5, 1: 9 }, 2, ['2a', '3a']],
  ['unknown latencies: in order of number', {}, 2, ['2a', '1a']],
  ['no home: the two nearest', { 3: 5, 1: 9 }, 0, ['3a', '1a']],
])('asks %s', (_name, latencies, home, want) => {
  const known = new Map(Object.entries(latencies).map(([region, ms]) => [Number(region), ms]));
  const targets = fastTargets({ map, home }, known, (family) => family === 4);
  expect(targets.map(({ node }) => node.Name)).toEqual(want);
});

test('with a single region its second node is the other one', () => {
  const targets = fastTargets({ map: mapOf({ 1: 2 }), home: 1 }, new Map(), (family) => family === 4);
  expect(targets.map(({ node }) => node.Name)).toEqual(['1a', '1b']);
});

test('an abort is an abort', async () => {
  const clock = new FakeClock();
  const net = new FakeServers(clock, {});
  const check = new Netcheck({ clock, log: silent, stun: net });
  const controller = new AbortController();
  const done = check.fastStun({ map, home: 1 }, controller.signal);
  controller.abort(new Error('link is gone'));
  await expect(done).rejects.toThrow('link is gone');
  expect(clock.pending).toBe(0);
});
