/** The simulated wire keeps the contract of a network: late, lost, doubled, to whoever has the address now. */
import { expect, test } from 'vitest';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { SimulatedWire, seeded } from './wire.ts';

const wire = (seed = 1) => {
  const clock = new FakeClock();
  return { clock, net: new SimulatedWire(clock, seeded(seed)) };
};

const open = async (net: SimulatedWire, ip: string, port: number) => {
  const host = net.host(ip.includes(':') ? { v6: ip } : { v4: ip });
  const got: number[] = [];
  const socket = await host.sockets.open({
    family: ip.includes(':') ? 6 : 4,
    port,
    receive: (_, data) => got.push(data[0] ?? -1),
    failed: () => undefined,
  });
  return { host, socket, got };
};

test('a datagram takes its time and arrives as a copy', async () => {
  const { clock, net } = wire();
  const [a, b] = [await open(net, '192.0.2.1', 1), await open(net, '192.0.2.2', 2)];
  const data = Uint8Array.of(5);
  a.socket.send({ ip: '192.0.2.2', port: 2 }, data);
  data[0] = 6;
  await clock.advance(0.5);
  expect(b.got).toEqual([]);
  await clock.advance(1);
  expect(b.got).toEqual([5]);
});

test('loss and doubling come as often as asked, the same for the same seed', async () => {
  const count = async (seed: number): Promise<number> => {
    const { clock, net } = wire(seed);
    const [a, b] = [await open(net, '192.0.2.1', 1), await open(net, '192.0.2.2', 2)];
    Object.assign(net.conditions, { loss: 0.3, duplicate: 0.2 });
    for (let i = 0; i < 1_000; i++) a.socket.send({ ip: '192.0.2.2', port: 2 }, Uint8Array.of(1));
    await clock.advance(5);
    return b.got.length;
  };
  const first = await count(1);
  expect(first).toBeGreaterThan(760);
  expect(first).toBeLessThan(920);
  expect(await count(1)).toBe(first);
  expect(await count(2)).not.toBe(first);
});

test('a host that moved is found at its new address only', async () => {
  const { clock, net } = wire();
  const [a, b] = [await open(net, '192.0.2.1', 1), await open(net, '192.0.2.2', 2)];
  b.host.move({ v4: '192.0.2.3' });
  a.socket.send({ ip: '192.0.2.2', port: 2 }, Uint8Array.of(1));
  a.socket.send({ ip: '192.0.2.3', port: 2 }, Uint8Array.of(2));
  await clock.advance(5);
  expect(b.got).toEqual([2]);
});

test('a taken port is a conflict, a closed one is free', async () => {
  const { net } = wire();
  const a = await open(net, '192.0.2.1', 1);
  await expect(open(net, '192.0.2.1', 1)).rejects.toMatchObject({ code: 'conflict' });
  await a.socket.close();
  await open(net, '192.0.2.1', 1);
});

test('a host without a family has no socket of it', async () => {
  const { net } = wire();
  const host = net.host({ v4: '192.0.2.1' });
  const options = { port: 0, receive: () => undefined, failed: () => undefined };
  await expect(host.sockets.open({ ...options, family: 6 })).rejects.toMatchObject({ code: 'unavailable' });
});
