/** When checks run, and what follows from them: addresses, home relay, news for the server. */
import { expect, test } from 'vitest';
import { generatePrivate } from '#shared/crypto/x25519.ts';
import { RhumbError } from '#shared/errors.ts';
import { formatSockAddr, type SockAddr } from '#shared/ip/address.ts';
import { silent } from '#shared/log/log.ts';
import { type NetReport, newDraft } from '#shared/netcheck/report.ts';
import { FakeClock, settle } from '#shared/testing/fake-clock.ts';
import type { DerpMap } from '#shared/wire/map.ts';
import type { RelayState } from '../derp/types.ts';
import type { OwnEndpoint } from './own-endpoints.ts';
import type { Checker, Mapper } from './ports.ts';
import { deafChecker, FakeRelays, idleMapper } from './testing/fake-parts.ts';
import { Underlay } from './underlay.ts';

const region = (RegionID: number) => ({
  RegionID,
  RegionCode: `r${RegionID}`,
  RegionName: `Region ${RegionID}`,
  Nodes: [{ Name: `${RegionID}a`, RegionID, HostName: 'relay.example' }],
});
const mapOf = (...ids: readonly number[]): DerpMap =>
  ({ Regions: Object.fromEntries(ids.map((id) => [String(id), region(id)])) }) as unknown as DerpMap;

/** The same regions, each on a machine of its own. */
const elsewhere: DerpMap = {
  Regions: Object.fromEntries(
    [1, 2].map((id) => [
      String(id),
      { ...region(id), Nodes: [{ Name: `${id}a`, RegionID: id, HostName: `relay-${id}.example` }] },
    ]),
  ),
} as unknown as DerpMap;

const SERVER: SockAddr = { ip: '192.0.2.1', port: 3_478 };
const PUBLIC: SockAddr = { ip: '203.0.113.1', port: 5_000 };

interface Run {
  readonly full: boolean;
  readonly home: number;
  answer(report: Partial<NetReport>): void;
  fail(): void;
}

function setUp() {
  const clock = new FakeClock();
  const relays = new FakeRelays();
  const runs: Run[] = [];
  const lists: (readonly OwnEndpoint[])[] = [];
  const homes: number[] = [];
  let traffic = Number.NEGATIVE_INFINITY;
  let mapped: SockAddr | undefined;
  let fast: SockAddr | undefined;
  let fastRuns = 0;
  let port = 41_641;
  const ports: number[] = [];
  const checker: Checker = {
    ...deafChecker,
    run: ({ full = false, home }, signal) =>
      new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
        runs.push({
          full,
          home,
          answer: (report) => resolve({ ...newDraft(), udp: true, ...report }),
          fail: () => reject(new RhumbError('timeout', 'no answer')),
        });
      }),
    fastStun: async () => {
      fastRuns++;
      const mappings = fast === undefined ? [] : [{ server: SERVER, mapped: fast, atMs: clock.monotonic() }];
      return { v4: fast === undefined ? [] : [fast], v6: [], mappingVariesByDestIp: undefined, mappings };
    },
  };
  const mapper: Mapper = { ...idleMapper, mapped: () => mapped, setLocalPort: (to) => ports.push(to) };
  const underlay = new Underlay({
    clock,
    random: () => 0.5,
    log: silent,
    checker,
    mapper,
    relays,
    port: () => port,
    isPortFixed: true,
    lastTrafficMs: () => traffic,
    events: {
      endpoints: (list) => lists.push(list),
      checked: (_report, home) => homes.push(home),
      relaysChanged: () => undefined,
    },
  });
  return {
    clock,
    relays,
    runs,
    lists,
    homes,
    underlay,
    setTraffic: () => {
      traffic = clock.monotonic();
      underlay.noteTraffic();
    },
    setMapped: (addr: SockAddr | undefined) => {
      mapped = addr;
    },
    ports,
    setPort: (to: number) => {
      port = to;
      underlay.portIs();
    },
    setFast: (addr: SockAddr | undefined) => {
      fast = addr;
    },
    fastRuns: () => fastRuns,
    texts: () => (lists.at(-1) ?? []).map(({ addr, type }) => `${formatSockAddr(addr)} ${type}`),
    last: (): Run => {
      const run = runs.at(-1);
      if (run === undefined) throw new Error('no check ran');
      return run;
    },
  };
}

async function started() {
  const world = setUp();
  world.underlay.networkIs(['192.168.1.2'], { isMajor: false, isUp: true });
  world.underlay.setMap(mapOf(1, 2), [0]);
  world.underlay.setControlUp(true);
  world.underlay.setIdentity(generatePrivate());
  world.last().answer({ globalV4: PUBLIC, preferredDerp: 1 });
  await world.underlay.idle();
  return world;
}

test('nothing is sent before there is a map and an identity', () => {
  const { underlay, runs } = setUp();
  underlay.networkIs(['192.168.1.2'], { isMajor: true, isUp: true });
  underlay.setIdentity(generatePrivate());
  expect(runs).toHaveLength(0);
  underlay.setMap(mapOf(1), []);
  expect(runs).toHaveLength(1);
});

test('the first check gives addresses and a home, and tells both', async () => {
  const { texts, homes, relays } = await started();
  expect(texts()).toEqual(['203.0.113.1:5000 2', '192.168.1.2:41641 1']);
  expect(relays.home).toBe(1);
  expect(homes.at(-1)).toBe(1);
});

test('requests while a check runs become one check more, full if any of them was', async () => {
  const { underlay, runs, last } = await started();
  underlay.check('relay-error');
  underlay.check('port-map-change');
  underlay.check('link-change');
  underlay.check('relay-error');
  expect(runs).toHaveLength(2);
  last().answer({ globalV4: PUBLIC, preferredDerp: 1 });
  await settle();
  expect(runs).toHaveLength(3);
  expect(last().full).toBe(true);
  last().answer({});
  await underlay.idle();
  expect(runs).toHaveLength(3);
});

test('checks go on while there is traffic, rest without, and go on with the next packet', async () => {
  const { clock, runs, last, setTraffic, underlay } = await started();
  await clock.advance(60_000);
  expect(runs).toHaveLength(1);
  setTraffic();
  await clock.advance(23_000);
  expect(runs).toHaveLength(2);
  last().answer({});
  await underlay.idle();
  await clock.advance(120_000);
  expect(runs.length).toBeLessThanOrEqual(3);
  last().answer({});
  await underlay.idle();
  const before = runs.length;
  await clock.advance(120_000);
  expect(runs).toHaveLength(before);
  expect(clock.pending).toBe(0);
});

test('a home is kept while the server can not be told, and moved when it can', async () => {
  const { underlay, last, relays, homes } = await started();
  underlay.setControlUp(false);
  underlay.check('link-change');
  last().answer({ preferredDerp: 2 });
  await underlay.idle();
  expect(relays.home).toBe(1);
  underlay.setControlUp(true);
  expect(relays.home).toBe(2);
  expect(homes.at(-1)).toBe(2);
});

test('a home whose region leaves the map is replaced at once', async () => {
  const { underlay, relays } = await started();
  underlay.setMap(mapOf(2), [0]);
  expect(relays.home).toBe(2);
});

test('a check that fails keeps what was known', async () => {
  const { underlay, last, texts, relays } = await started();
  underlay.check('relay-error');
  last().fail();
  await underlay.idle();
  expect(texts()).toContain('203.0.113.1:5000 2');
  expect(relays.home).toBe(1);
});

test('another network: what STUN saw in the old one is not offered in the new one', async () => {
  const { underlay, texts, relays, runs } = await started();
  underlay.networkIs(['10.0.0.9'], { isMajor: true, isUp: true });
  expect(texts()).toEqual(['10.0.0.9:41641 1']);
  expect(relays.changes).toBe(1);
  expect(relays.home).toBe(1);
  expect(runs.at(-1)?.full).toBe(true);
});

test('a small change of the network keeps it', async () => {
  const { underlay, texts } = await started();
  underlay.networkIs(['192.168.1.2', '192.168.7.1'], { isMajor: false, isUp: true });
  expect(texts()).toContain('203.0.113.1:5000 2');
});

test('a new port mapping is offered first and at once', async () => {
  const { underlay, texts, setMapped } = await started();
  setMapped({ ip: '203.0.113.1', port: 7_000 });
  underlay.mappingChanged();
  expect(texts()[0]).toBe('203.0.113.1:7000 3');
  expect(underlay.nat().portMapped).toBe(true);
  underlay.setIdentity(undefined);
  expect(underlay.nat().portMapped).toBe(false);
});

test('addresses are asked for anew once for all who ask', async () => {
  const { underlay, clock, fastRuns, setFast, texts } = await started();
  await clock.advance(27_000);
  setFast({ ip: '203.0.113.1', port: 6_000 });
  const both = await Promise.all([underlay.refresh(), underlay.refresh()]);
  expect(fastRuns()).toBe(1);
  expect(both[0].ageMs).toBe(0);
  expect(texts()[0]).toBe('203.0.113.1:6000 2');
});

test('a refresh without an answer gives what is known, still old', async () => {
  const { underlay, clock } = await started();
  await clock.advance(30_000);
  const known = await underlay.refresh();
  expect(known.ageMs).toBe(30_000);
  expect(known.list).toHaveLength(2);
});

test('without an identity everything rests', async () => {
  const { underlay, relays, runs, clock, setTraffic } = await started();
  underlay.setIdentity(undefined);
  expect(relays.hasKey).toBe(false);
  underlay.check('link-change');
  setTraffic();
  await clock.advance(60_000);
  expect(runs).toHaveLength(1);
});

test('disposing ends a check that runs', async () => {
  const { underlay, runs, clock } = await started();
  underlay.check('link-change');
  expect(runs).toHaveLength(2);
  await underlay[Symbol.asyncDispose]();
  expect(clock.pending).toBe(0);
});

test('a check that was under way when the network changed says nothing of the new one', async () => {
  const { underlay, texts, runs, last } = await started();
  underlay.check('stale-endpoints');
  const old = last();
  underlay.networkIs(['10.0.0.9'], { isMajor: true, isUp: true });
  old.answer({ globalV4: PUBLIC, preferredDerp: 2 });
  await settle();
  expect(texts()).toEqual(['10.0.0.9:41641 1']);
  expect(underlay.home).toBe(1);
  expect(runs).toHaveLength(3);
  expect(last().full).toBe(true);
});

test('nor does a quick question', async () => {
  const { underlay, texts, setFast } = await started();
  setFast({ ip: '203.0.113.1', port: 6_000 });
  const asked = underlay.refresh();
  underlay.networkIs(['10.0.0.9'], { isMajor: true, isUp: true });
  await asked;
  expect(texts()).toEqual(['10.0.0.9:41641 1']);
});

test('a check that ends after the log-out is nobody’s', async () => {
  const { underlay, last, homes } = await started();
  underlay.check('relay-error');
  const before = homes.length;
  underlay.setIdentity(undefined);
  last().answer({ globalV4: PUBLIC, preferredDerp: 2 });
  await underlay.idle();
  expect(homes).toHaveLength(before);
});

test('the router is asked for our port while somebody may reach us, and given it back after', async () => {
  const { underlay, ports, setPort } = setUp();
  setPort(41_641);
  expect(ports.at(-1)).toBe(0);
  underlay.setIdentity(generatePrivate());
  expect(ports.at(-1)).toBe(41_641);
  underlay.setIdentity(undefined);
  expect(ports.at(-1)).toBe(0);
});

test('on another port what STUN saw is forgotten and asked for anew; without sockets no port is offered', async () => {
  const { texts, setPort, runs, ports } = await started();
  setPort(41_641);
  expect(texts()).toContain('203.0.113.1:5000 2');
  expect(runs).toHaveLength(2);
  setPort(50_000);
  expect(texts()).toEqual(['192.168.1.2:50000 1']);
  expect(ports.at(-1)).toBe(50_000);
  setPort(0);
  expect(texts()).toEqual([]);
});

test('a relay that stays away asks for checks less and less often', async () => {
  const { underlay, clock, runs, last } = await started();
  for (let second = 0; second < 120; second++) {
    underlay.relayChanged(true);
    last().answer({ globalV4: PUBLIC, preferredDerp: 1 });
    await clock.advance(1_000);
  }
  // At 0, 9, 26 and 60 s, besides the one at the start.
  expect(runs).toHaveLength(5);
});

test('the same relay map again is no reason for a check', async () => {
  const { underlay, runs } = await started();
  underlay.setMap(mapOf(1, 2), [0]);
  expect(runs).toHaveLength(1);
  underlay.setMap(mapOf(1, 2, 3), [0]);
  expect(runs).toHaveLength(2);
});

test('a home that answers probes and lets us not in is left for the next one', async () => {
  const { underlay, last, relays, clock } = await started();
  underlay.check('relay-error');
  last().answer({
    preferredDerp: 1,
    regionLatencyMs: new Map([
      [1, 5],
      [2, 9],
    ]),
  });
  await underlay.idle();
  underlay.setMap(elsewhere, [0]);
  last().answer({
    preferredDerp: 1,
    regionLatencyMs: new Map([
      [1, 5],
      [2, 9],
    ]),
  });
  await underlay.idle();
  relays.states = [{ region: 1, state: 'waiting', failures: 3 } as RelayState];
  underlay.relayChanged(true);
  await clock.advance(9_999);
  underlay.relayChanged(true);
  expect(relays.home).toBe(1);
  await clock.advance(1);
  underlay.relayChanged(true);
  expect(relays.home).toBe(2);
});
