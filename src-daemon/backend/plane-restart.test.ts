/** Machines of the real data plane that stop, restart and come back as others: how soon the next packet arrives again. */
import { expect, test } from 'vitest';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { SimulatedWire, seeded } from '../testing/wire.ts';
import { echo, MemoryRelay, machine, pair } from './plane-machines.ts';

test('taken away and put back, the tunnel carries the very next packet of the other side', async () => {
  const { clock, a, b } = await pair();
  a.send(echo(a, b, 1));
  await clock.advance(500);
  await b.plane.configure(undefined);
  expect(b.router.config).toBeUndefined();
  expect(b.plane.peer(a.key)).toBeUndefined();
  await clock.advance(2_000);
  await b.plane.configure(b.configWith(a));
  await clock.advance(200);
  const before = b.received.length;
  a.send(echo(a, b, 2)); // with the session that b has lost, if nobody renewed it
  await clock.advance(200);
  expect(b.received).toHaveLength(before + 1);
});

test('a machine killed and started with its map and disco key is reached at once', async () => {
  const { clock, wire, a, b } = await pair();
  a.send(echo(a, b, 1));
  await clock.advance(500);
  await b.kill();
  const again = await machine(clock, wire, 2, { isResumed: true });
  await again.plane.configure(again.configWith(a));
  await clock.advance(200);
  a.send(echo(a, again, 2));
  await clock.advance(200);
  expect(again.received).toHaveLength(1);
});

test('a machine that restarted and does not know who is online is reached with its peer’s next heartbeat', async () => {
  const { clock, wire, a, b } = await pair();
  a.send(echo(a, b, 1));
  await clock.advance(500);
  await b.kill();
  const again = await machine(clock, wire, 2, { isResumed: true });
  const config = again.configWith(a);
  await again.plane.configure({ ...config, peers: config.peers.map((p) => ({ ...p, isOnline: false })) });
  await clock.advance(3_500);
  a.send(echo(a, again, 2));
  await clock.advance(200);
  expect(again.received).toHaveLength(1);
});

test('a peer with another disco key has started anew: our session of it ends', async () => {
  const { clock, wire, a, b } = await pair();
  a.send(echo(a, b, 1));
  await clock.advance(500);
  await b.kill();
  const again = await machine(clock, wire, 2, { disco: 222 });
  await again.plane.configure(again.configWith(a));
  await a.plane.configure(a.configWith(again));
  expect(a.plane.peer(b.key)?.wireguard).not.toBe('established');
  a.send(echo(a, again, 2));
  await clock.advance(500);
  expect(again.received).toHaveLength(1);
});

test('a peer that restarted with another disco key is found again without the server', async () => {
  const clock = new FakeClock();
  const wire = new SimulatedWire(clock, seeded(9));
  const relay = new MemoryRelay(clock);
  const [a, b] = [await machine(clock, wire, 1, { relay }), await machine(clock, wire, 2, { relay })];
  await a.plane.configure(a.configWith(b));
  await b.plane.configure(b.configWith(a));
  a.send(echo(a, b, 1));
  await clock.advance(500);
  expect(a.plane.peer(b.key)?.path.kind).toBe('direct');
  await b.kill();
  // It has the map of before, and our key is in it; ours has its old key, and nobody can tell us the new one.
  const again = await machine(clock, wire, 2, { relay, disco: 222 });
  await again.plane.configure(again.configWith(a));
  again.send(echo(again, a, 2));
  await clock.advance(3_000);
  expect(a.received.length).toBeGreaterThan(0);
  expect(again.plane.peer(a.key)?.path.kind).toBe('direct');
  expect(a.plane.peer(b.key)?.path.kind).toBe('direct');
});
