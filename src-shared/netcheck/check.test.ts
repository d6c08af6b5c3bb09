/** The network check against simulated servers: what it learns, when it ends, what it refuses to believe. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { silent } from '../log/log.ts';
import { encodeResponse } from '../stun/stun.ts';
import { FakeClock, settle } from '../testing/fake-clock.ts';
import type { DerpMap } from '../wire/map.ts';
import { type CheckRequest, Netcheck, type NetcheckOptions } from './check.ts';
import { globalAddrs, type NetReport } from './report.ts';
import { type FakeServer, FakeServers, mapOf } from './testing/fake-servers.ts';

interface World {
  readonly clock: FakeClock;
  readonly net: FakeServers;
  readonly check: Netcheck;
  /** Runs to the end and tells how long it took. */
  readonly run: (request?: Partial<CheckRequest>) => Promise<{ report: NetReport; tookMs: number }>;
}

function world(
  map: DerpMap,
  servers: Readonly<Record<string, FakeServer>>,
  options: Partial<NetcheckOptions> & { readonly families?: readonly number[] } = {},
): World {
  const clock = new FakeClock();
  const { families, ...rest } = options;
  const net = new FakeServers(clock, servers, families);
  const check = new Netcheck({ clock, log: silent, stun: net, ...rest });
  net.netcheck = check;
  let home = 0;
  return {
    clock,
    net,
    check,
    run: async (request = {}) => {
      const startMs = clock.monotonic();
      let endMs: number | undefined;
      const done = check.run({ map, home, ...request }, new AbortController().signal).then((report) => {
        endMs = clock.monotonic();
        return report;
      });
      for (let waited = 0; endMs === undefined && waited < 10_000; waited += 10) await clock.advance(10);
      const report = await done;
      home = report.preferredDerp;
      return { report, tookMs: (endMs ?? 0) - startMs };
    },
  };
}

const three = mapOf({ 1: 1, 2: 1, 3: 1 });
const at = (latencyMs: number, more: Partial<FakeServer> = {}): FakeServer => ({ latencyMs, ...more });
const near = { '198.51.1.1:3478': at(20), '198.51.2.1:3478': at(40), '198.51.3.1:3478': at(60) };
const near6 = {
  '[2001:db8:1::1]:3478': at(20),
  '[2001:db8:2::1]:3478': at(40),
  '[2001:db8:3::1]:3478': at(60),
};

test('a usual network: latencies, address, home, an easy NAT, and it ends with the last answer', async () => {
  const { run, clock } = world(three, near);
  const { report, tookMs } = await run();
  expect([...report.regionLatencyMs]).toEqual([
    [1, 20],
    [2, 40],
    [3, 60],
  ]);
  expect(report).toMatchObject({
    udp: true,
    ipv4: true,
    ipv6: false,
    ipv4CanSend: true,
    ipv6CanSend: false,
    mappingVariesByDestIp: false,
    preferredDerp: 1,
    isFull: true,
    globalV4: { ip: '203.0.113.7', port: 41_641 },
  });
  expect(report.mappings).toHaveLength(3);
  expect(tookMs).toBeLessThanOrEqual(70);
  expect(clock.pending).toBe(0);
});

test('a NAT with a mapping for each destination is seen, and only its first address is told', async () => {
  const servers = Object.fromEntries(
    Object.entries(near).map(([addr, server], nth) => [
      addr,
      { ...server, mapped: { ip: '203.0.113.7', port: 50_000 + nth } },
    ]),
  );
  const { report } = await world(three, servers).run();
  expect(report.mappingVariesByDestIp).toBe(true);
  expect(globalAddrs(report).v4).toEqual([{ ip: '203.0.113.7', port: 50_000 }]);
  expect(report.mappings.map(({ mapped }) => mapped.port)).toEqual([50_000, 50_001, 50_002]);
});

test('a single region of two servers tells an easy NAT from a hard one', async () => {
  const map = mapOf({ 7: 2 });
  const easy = { '198.51.7.1:3478': at(20), '198.51.7.2:3478': at(25) };
  expect((await world(map, easy).run()).report.mappingVariesByDestIp).toBe(false);
  const hard = { ...easy, '198.51.7.2:3478': at(25, { mapped: { ip: '203.0.113.7', port: 9 } }) };
  expect((await world(map, hard).run()).report.mappingVariesByDestIp).toBe(true);
});

test('two answers of one server say nothing about the NAT', async () => {
  const { report } = await world(mapOf({ 7: 1 }), { '198.51.7.1:3478': at(150) }).run();
  expect(report.globalV4Counters.get('203.0.113.7:41641')?.count).toBeGreaterThan(0);
  expect(report.mappingVariesByDestIp).toBeUndefined();
});

test('three ports of one server are three opinions', async () => {
  const pseudo = mapOf(
    { 1: 1, 2: 1, 3: 1 },
    {
      node: { IPv4: '198.51.1.1', IPv6: 'none' },
      region: { 2: { Nodes: [nodeAt(2, 3479)] }, 3: { Nodes: [nodeAt(3, 3480)] } },
    },
  );
  const servers = {
    '198.51.1.1:3478': at(20, { mapped: { ip: '203.0.113.7', port: 1_001 } }),
    '198.51.1.1:3479': at(20, { mapped: { ip: '203.0.113.7', port: 1_002 } }),
    '198.51.1.1:3480': at(20, { mapped: { ip: '203.0.113.7', port: 1_003 } }),
  };
  expect((await world(pseudo, servers).run()).report.mappingVariesByDestIp).toBe(true);
});

function nodeAt(region: number, STUNPort: number): Readonly<Record<string, unknown>> {
  return { Name: `${region}a`, RegionID: region, HostName: 'r', IPv4: '198.51.1.1', IPv6: 'none', STUNPort };
}

test('lost requests are made up for by the next tries', async () => {
  const lossy = { ...near, '198.51.1.1:3478': at(20, { isLost: (nth) => nth < 2 }) };
  const { report, net } = await (async () => {
    const one = world(three, lossy);
    return { ...(await one.run()), net: one.net };
  })();
  expect(report.regionLatencyMs.get(1)).toBe(20);
  expect(net.count('198.51.1.1:3478')).toBe(3);
  expect(net.count('198.51.2.1:3478')).toBe(1);
});

test('a dual-stack machine whose relays have no IPv6 does not wait for them', async () => {
  const { run } = world(three, near, { families: [4, 6] });
  const first = await run();
  expect(first.report).toMatchObject({ ipv4: true, ipv6: false, ipv6CanSend: true });
  // The three tries are made, and then some time is left for an answer.
  expect(first.tookMs).toBeLessThan(500);
  expect((await run()).tookMs).toBeLessThan(250);
});

test('an IPv6 that answered before is waited for', async () => {
  const { run } = world(three, { ...near, ...near6, '[2001:db8:1::1]:3478': at(90) }, { families: [4, 6] });
  await run();
  const { report } = await run();
  expect(report.ipv6).toBe(true);
  expect(report.regionV6LatencyMs.size).toBeGreaterThan(0);
  expect(report.globalV6).toEqual({ ip: '2001:db8::9', port: 41_641 });
});

test('a relay that is down does not hold up the check for three seconds', async () => {
  const { '198.51.3.1:3478': _gone, ...two } = near;
  const { run } = world(three, two);
  const first = await run();
  expect(first.tookMs).toBeLessThan(1_300);
  expect(first.report.regionLatencyMs.size).toBe(2);
  // It is known now that nothing is to be expected of it.
  expect((await run()).tookMs).toBeLessThan(400);
});

test('three regions that answered are enough: the rest gets twice their time', async () => {
  const map = mapOf({ 1: 1, 2: 1, 3: 1, 4: 1, 5: 1 });
  const servers = { ...near, '198.51.4.1:3478': at(110), '198.51.5.1:3478': at(2_000) };
  const { report, tookMs } = await world(map, servers).run();
  expect([...report.regionLatencyMs.keys()]).toEqual([1, 2, 3, 4]);
  expect(tookMs).toBeLessThanOrEqual(190);
  const verbose = await world(map, servers, { isVerbose: true }).run();
  expect(verbose.report.regionLatencyMs.size).toBe(5);
});

test('the second check asks the nearest only, and the home among them', async () => {
  const map = mapOf({ 1: 1, 2: 1, 3: 1, 4: 1, 5: 1 });
  const servers = { ...near, '198.51.4.1:3478': at(70), '198.51.5.1:3478': at(80) };
  const { run, net } = world(map, servers);
  await run();
  const { report } = await run();
  expect(report.isFull).toBe(false);
  expect([...report.regionLatencyMs.keys()]).toEqual([1, 2, 3]);
  expect(net.count('198.51.5.1:3478')).toBe(1);
  expect((await run({ full: true })).report.regionLatencyMs.size).toBe(5);
});

test('after five minutes, and after a change of network, all regions are asked again', async () => {
  const { run, clock, check } = world(three, near);
  await run();
  expect((await run()).report.isFull).toBe(false);
  await clock.advance(301_000);
  expect((await run()).report.isFull).toBe(true);
  check.networkChanged();
  expect((await run()).report.isFull).toBe(true);
});

test('when nothing answers it gives up after three seconds, and the home goes', async () => {
  const { run, clock } = world(three, {});
  const { report, tookMs } = await run();
  expect(tookMs).toBe(3_000);
  expect(report).toMatchObject({ udp: false, ipv4: false, ipv4CanSend: true, preferredDerp: 0 });
  expect(clock.pending).toBe(0);
});

test('where the system refuses to send there is nothing to wait for', async () => {
  const one = world(three, near);
  one.net.isRefusing = true;
  const { report, tookMs } = await one.run();
  expect(tookMs).toBeLessThan(300);
  expect(report).toMatchObject({ udp: false, ipv4CanSend: false });
});

test('a home that is heard by its connection stays while UDP fails', async () => {
  const { run, clock, net } = world(three, near);
  expect((await run()).report.preferredDerp).toBe(1);
  net.isRefusing = true;
  const { report } = await run({ heardAtMs: () => clock.monotonic() - 50_000 });
  expect(report.preferredDerp).toBe(1);
});

test('forged answers are dropped and counted', async () => {
  const { run, check } = world(mapOf({ 1: 1 }), {
    '198.51.1.1:3478': at(20, { answersFrom: { ip: '198.51.100.66', port: 3_478 } }),
  });
  const { report } = await run();
  expect(report.udp).toBe(false);
  expect(check.counters).toMatchObject({ answered: 0, wrongSource: 3 });
  const forged = encodeResponse(new Uint8Array(12), { ip: '192.0.2.66', port: 1 });
  expect(check.handleStun({ ip: '198.51.1.1', port: 3_478 }, forged)).toBe(false);
  expect(check.counters.unknown).toBe(1);
});

test('an answer that is late for one check is not counted in the next', async () => {
  const { run, check, clock } = world(mapOf({ 1: 1 }), {
    '198.51.1.1:3478': at(3_005, { isLost: (nth) => nth > 0 }),
  });
  expect((await run()).report.udp).toBe(false);
  const second = run();
  await clock.advance(0);
  expect((await second).report.udp).toBe(false);
  expect(check.counters).toMatchObject({ answered: 0, unknown: 1 });
});

test('only one check runs at a time, and an aborted one leaves nothing behind', async () => {
  const { check, clock } = world(three, {});
  const controller = new AbortController();
  const first = check.run({ map: three, home: 0 }, controller.signal);
  await expect(check.run({ map: three, home: 0 }, controller.signal)).rejects.toMatchObject({
    code: 'conflict',
  });
  await clock.advance(50);
  controller.abort(new Error('enough'));
  await expect(first).rejects.toThrow('enough');
  await settle();
  expect(clock.pending).toBe(0);
  expect(check.last).toBeUndefined();
  expect(check.isRunning).toBe(false);
});

test('names are looked up, once for both families and many checks', async () => {
  const asked: string[] = [];
  const map = mapOf({ 1: 1 }, { node: { IPv4: '', IPv6: '' } });
  const { run } = world(
    map,
    { '192.0.2.10:3478': at(20), '[2001:db8:aa::1]:3478': at(25) },
    {
      families: [4, 6],
      resolve: async (name) => {
        asked.push(name);
        return ['192.0.2.10', '2001:db8:aa::1'];
      },
    },
  );
  expect((await run()).report).toMatchObject({ ipv4: true, ipv6: true });
  await run();
  expect(asked).toEqual(['derp1-0.example']);
});

test('a name that cannot be looked up is as good as no server', async () => {
  const map = mapOf(
    { 1: 1, 2: 1 },
    { region: { 2: { Nodes: [{ Name: '2a', RegionID: 2, HostName: 'x' }] } } },
  );
  const { run } = world(map, near, { resolve: () => Promise.reject(new Error('no such host')) });
  const { report, tookMs } = await run();
  expect([...report.regionLatencyMs.keys()]).toEqual([1]);
  expect(tookMs).toBeLessThan(300);
});

test('a look-up without an end does not hold up the check', async () => {
  const map = mapOf({ 1: 1 }, { node: { IPv4: '' } });
  const { run } = world(map, {}, { resolve: () => new Promise(() => undefined) });
  expect((await run()).tookMs).toBe(3_000);
});

test('what the router can do is asked along the way, for at most the time of the check', async () => {
  const can = world(three, near, { portmap: async () => ({ upnp: true, pmp: false, pcp: true }) });
  expect((await can.run()).report).toMatchObject({ upnp: true, pmp: false, pcp: true });
  const fails = world(three, near, { portmap: () => Promise.reject(new Error('no gateway')) });
  expect((await fails.run()).report).toMatchObject({ upnp: false, pmp: false, pcp: false });
  const hangs = world(three, near, { portmap: () => new Promise(() => undefined) });
  expect((await hangs.run()).tookMs).toBe(5_000);
  expect((await world(three, near).run()).report.upnp).toBeUndefined();
});

test('whether our own address reaches us is tried from another socket', async () => {
  const reflecting = world(three, near, {
    hairpin: async (to, datagram) => {
      reflecting.clock.after(5, () => reflecting.check.handleStun(to, datagram));
    },
  });
  expect((await reflecting.run()).report.hairpin).toBe(true);
  const not = world(three, near, { hairpin: async () => undefined });
  const { report, tookMs } = await not.run();
  expect(report.hairpin).toBe(false);
  expect(tookMs).toBeLessThan(300);
  expect((await world(three, near).run()).report.hairpin).toBeUndefined();
});

test('without UDP the latencies come from HTTPS and ICMP, the smaller counts', async () => {
  const { run, clock } = world(
    three,
    {},
    {
      https: async ({ RegionID }) => {
        await clock.sleep(100);
        if (RegionID === 3) throw new Error('connection refused');
        return { latencyMs: RegionID * 30, ip: '198.51.100.1' };
      },
      icmp: async (ip) => (ip === '198.51.2.1' ? 9 : undefined),
    },
  );
  const { report, tookMs } = await run();
  expect([...report.regionLatencyMs].sort()).toEqual([
    [1, 30],
    [2, 9],
  ]);
  expect(report).toMatchObject({ udp: false, ipv4: true, icmpv4: true, preferredDerp: 2 });
  expect(tookMs).toBeLessThan(3_200);
});

test.each([
  { name: 'before', httpsMs: 5, icmpMs: 50 },
  { name: 'after', httpsMs: 50, icmpMs: 5 },
])('a relay that refuses HTTPS is no home, though its host answers pings $name that', async (when) => {
  const { run, clock } = world(
    three,
    {},
    {
      https: async ({ RegionID }) => {
        await clock.sleep(when.httpsMs);
        if (RegionID === 2) throw new Error('connection refused');
        return { latencyMs: RegionID * 30, ip: '198.51.100.1' };
      },
      icmp: async () => {
        await clock.sleep(when.icmpMs);
        return 9;
      },
    },
  );
  const { report } = await run({ home: 2 });
  expect([...report.regionLatencyMs.keys()].sort()).toEqual([1, 3]);
  expect(report).toMatchObject({ icmpv4: true, preferredDerp: 1 });
});

test('HTTPS that never ends stops with the check, and what came late is not added', async () => {
  const { run } = world(three, {}, { https: () => new Promise(() => undefined) });
  const { report, tookMs } = await run();
  expect(tookMs).toBe(5_000);
  expect(report.regionLatencyMs.size).toBe(0);
});

test('only STUN means only STUN', async () => {
  const { run } = world(three, {}, { https: () => Promise.reject(new Error('was asked')) });
  expect((await run({ onlyStun: true })).tookMs).toBe(3_000);
});

test('where only TCP is wanted no datagram leaves', async () => {
  const { run, net } = world(three, near, { https: async () => ({ latencyMs: 7, ip: '192.0.2.1' }) });
  const { report, tookMs } = await run({ onlyTcp: true });
  expect(net.sent).toEqual([]);
  expect(report).toMatchObject({ udp: false, preferredDerp: 1 });
  expect(tookMs).toBeLessThan(100);
});

test('a second server of a single region that is down is waited for only once', async () => {
  const { run } = world(mapOf({ 7: 2 }), { '198.51.7.1:3478': at(20) });
  const first = await run();
  expect(first.report.mappingVariesByDestIp).toBeUndefined();
  expect(first.tookMs).toBeLessThan(1_300);
  expect((await run()).tookMs).toBeLessThan(400);
});

test('latency is taken from when the datagram came, if the transport knows', async () => {
  const { check, clock, net } = world(mapOf({ 1: 1 }), {});
  const requests: Uint8Array[] = [];
  const send = net.send.bind(net);
  net.send = (to, datagram) => {
    requests.push(datagram.slice());
    return send(to, datagram);
  };
  const done = check.run({ map: mapOf({ 1: 1 }), home: 0 }, new AbortController().signal);
  await clock.advance(80);
  const txId = requests[0]?.subarray(8, 20) ?? new Uint8Array(12);
  const answer = encodeResponse(txId, { ip: '192.0.2.1', port: 5 });
  check.handleStun({ ip: '198.51.1.1', port: 3_478 }, answer, clock.monotonic() - 50);
  await clock.advance(10);
  expect((await done).regionLatencyMs.get(1)).toBe(30);
});

const anyServer = fc.record({
  latencyMs: fc.integer({ min: 1, max: 1_500 }),
  lost: fc.uniqueArray(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }),
  port: fc.integer({ min: 1, max: 3 }),
  isDead: fc.boolean(),
});

test('whatever the network does, a check ends in time, leaves nothing, and says only what it saw', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyServer, { minLength: 1, maxLength: 6 }), async (servers) => {
      const map = mapOf(Object.fromEntries(servers.map((_, nth) => [nth + 1, 1])));
      const net = Object.fromEntries(
        servers.flatMap(({ isDead, latencyMs, lost, port }, nth) =>
          isDead
            ? []
            : [
                [
                  `198.51.${nth + 1}.1:3478`,
                  at(latencyMs, {
                    isLost: (request) => lost.includes(request),
                    mapped: { ip: '203.0.113.7', port },
                  }),
                ],
              ],
        ),
      );
      const { run, clock } = world(map, net);
      for (let round = 0; round < 2; round++) {
        const { report, tookMs } = await run();
        expect(tookMs).toBeLessThanOrEqual(3_000);
        for (const [region, ms] of report.regionLatencyMs) expect(servers[region - 1]?.latencyMs).toBe(ms);
        expect(report.udp).toBe(report.regionLatencyMs.size > 0);
        expect(report.regionLatencyMs.has(report.preferredDerp) || report.preferredDerp === 0).toBe(true);
        const ports = new Set(report.mappings.map(({ mapped }) => mapped.port));
        if (report.mappingVariesByDestIp !== undefined)
          expect(report.mappingVariesByDestIp).toBe(ports.size > 1);
        await clock.advance(2_000);
        expect(clock.pending).toBe(0);
      }
    }),
    { numRuns: 40 },
  );
});
