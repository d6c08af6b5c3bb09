/** Whatever order things happen in, the relay client stays in order, comes back, and leaves nothing behind. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concat } from '#shared/bytes/bytes.ts';
import { generatePrivate } from '#shared/crypto/x25519.ts';
import { encodeFrame } from '#shared/derp/frames.ts';
import * as m from '#shared/derp/messages.ts';
import { keyBytes, nodeKeyFrom } from '#shared/key/key.ts';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import type { DerpMap } from '#shared/wire/map.ts';
import { DerpClients } from './clients.ts';
import { MemoryRelay } from './testing/memory-relay.ts';

const PEER = nodeKeyFrom(new Uint8Array(32).fill(7));
const REGIONS = [1, 2, 3] as const;
const mapOf = (ids: readonly number[], revision = 0): DerpMap =>
  ({
    Regions: Object.fromEntries(
      ids.map((id) => [
        String(id),
        {
          RegionID: id,
          RegionCode: `r${id}`,
          RegionName: `Region ${id}, ${revision}`,
          Nodes: [{ Name: `${id}a`, RegionID: id, HostName: `${id}a.example` }],
        },
      ]),
    ),
  }) as unknown as DerpMap;

function world() {
  const clock = new FakeClock();
  const relay = new MemoryRelay({ clock, latencyMs: 20 });
  let received = 0;
  const clients = new DerpClients({
    clock,
    random: () => 0.5,
    log: silent,
    dial: relay.dial,
    onPacket: () => {
      received++;
    },
    onPeerGone: () => undefined,
    onState: () => undefined,
  });
  clients.setIdentity(generatePrivate());
  clients.setMap(mapOf(REGIONS));
  return { clock, relay, clients, received: () => received };
}
type World = ReturnType<typeof world>;

const keys = [generatePrivate(), generatePrivate()] as const;
const anyRegion = fc.constantFrom(...REGIONS);
type Act = (w: World) => void;
const act: fc.Arbitrary<Act> = fc.oneof(
  anyRegion.map(
    (id): Act =>
      ({ clients }) =>
        clients.setHome(id),
  ),
  fc.constant<Act>(({ clients }) => clients.setHome(0)),
  fc.tuple(anyRegion, fc.nat(50)).map(
    ([id, count]): Act =>
      ({ clients }) => {
        for (let i = 0; i < count; i++) clients.send(id, PEER, new Uint8Array(1_000));
      },
  ),
  fc.nat(3).map(
    (revision): Act =>
      ({ clients }) =>
        clients.setMap(mapOf(REGIONS, revision)),
  ),
  fc.constant<Act>(({ clients }) => clients.setMap(mapOf([2]))),
  fc.constant<Act>(({ clients }) => clients.setMap(undefined)),
  fc.constantFrom(...keys).map(
    (key): Act =>
      ({ clients }) =>
        clients.setIdentity(key),
  ),
  fc.constant<Act>(({ clients }) => clients.setIdentity(undefined)),
  fc.boolean().map(
    (isUsable): Act =>
      ({ clients }) =>
        clients.networkChanged(() => isUsable),
  ),
  fc.boolean().map(
    (isDown): Act =>
      ({ relay }) => {
        relay.mood.down = isDown ? 'connection refused' : undefined;
      },
  ),
  fc.boolean().map(
    (isFrozen): Act =>
      ({ relay }) => {
        relay.mood.isFrozen = isFrozen;
      },
  ),
  fc.constantFrom(0, 100, 9_990, 20_000).map(
    (ms): Act =>
      ({ relay }) => {
        relay.mood.dialMs = ms;
      },
  ),
  fc.boolean().map(
    (isRefusing): Act =>
      ({ relay }) => {
        relay.mood.refuses = isRefusing;
      },
  ),
  fc.nat(5).map(
    (n): Act =>
      ({ relay }) =>
        relay.open[n]?.hangUp(),
  ),
  fc.tuple(fc.nat(5), fc.uint8Array({ maxLength: 40 })).map(
    ([n, bytes]): Act =>
      ({ relay }) =>
        relay.open[n]?.send(bytes),
  ),
  fc.tuple(fc.nat(5), fc.nat(70_000)).map(
    ([n, ms]): Act =>
      ({ relay }) => {
        relay.open[n]?.send(m.encodeRestarting({ reconnectInMs: ms, tryForMs: 1_000 }));
      },
  ),
  fc.nat(5).map(
    (n): Act =>
      ({ relay }) =>
        relay.open[n]?.send(m.encodeRecvPacket(keyBytes(PEER), new Uint8Array(9))),
  ),
);

test('after any storm home is connected again, and the end leaves nothing', async () => {
  const steps = fc.array(fc.tuple(act, fc.constantFrom(0, 10, 100, 3_000, 16_000, 130_000)), {
    maxLength: 25,
  });
  const property = fc.asyncProperty(steps, async (storm) => {
    const w = world();
    const { clock, relay, clients } = w;
    for (const [one, passed] of storm) {
      one(w);
      await clock.advance(passed);
      expect(clients.regions().length).toBeLessThanOrEqual(REGIONS.length);
      expect(relay.open.length).toBeLessThanOrEqual(clients.regions().length);
    }
    Object.assign(relay.mood, { down: undefined, isFrozen: false, refuses: false, dialMs: 0 });
    clients.setIdentity(keys[0]);
    clients.setMap(mapOf(REGIONS));
    clients.setHome(1);
    // A connection that was frozen is noticed at the latest when the relay's keepalive is missing; none is sent here.
    clients.networkChanged();
    await clock.advance(70_000);
    expect(clients.regions().filter((region) => region.isHome)).toMatchObject([
      { region: 1, state: 'connected' },
    ]);
    await clients[Symbol.asyncDispose]();
    await clock.advance(30_000);
    expect([relay.open.length, clock.pending]).toEqual([0, 0]);
  });
  await fc.assert(property, { numRuns: 60 });
});

test('no bytes of a relay make it throw, and what comes after them on a new connection arrives', async () => {
  const typed = fc
    .tuple(fc.integer({ min: 0, max: 0x20 }), fc.uint8Array({ maxLength: 80 }))
    .map(([type, payload]) => encodeFrame(type, payload));
  const property = fc.asyncProperty(
    fc.array(fc.oneof(typed, fc.uint8Array({ maxLength: 30 })), { maxLength: 30 }),
    async (pieces) => {
      const { clock, relay, clients, received } = world();
      clients.setHome(1);
      await clock.advance(200);
      relay.latest.send(concat(...pieces));
      // Whatever they announced, a restart is over after a minute, and half a frame is left with its connection.
      await clock.advance(60_100);
      relay.latest.hangUp();
      await clock.advance(61_000);
      const before = received();
      relay.latest.send(m.encodeRecvPacket(keyBytes(PEER), new Uint8Array(9)));
      await clock.advance(20);
      expect(received() - before).toBe(1);
      await clients[Symbol.asyncDispose]();
    },
  );
  await fc.assert(property, { numRuns: 60 });
});
