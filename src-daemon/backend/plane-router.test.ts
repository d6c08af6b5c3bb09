/** What the real data plane has the router do, and what stays closed when it ends. */
import { expect, test } from 'vitest';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { SimulatedWire, seeded } from '../testing/wire.ts';
import { machine, pair } from './plane-machines.ts';
import { PlaneRouter } from './plane-router.ts';

test('a change that concerns no address and no route leaves the interface alone, until it was taken away', async () => {
  const { a, b } = await pair();
  const config = a.configWith(b);
  const applied = a.router.applied;
  await a.plane.configure({ ...config, peers: config.peers.map((p) => ({ ...p, isOnline: false })) });
  expect(a.router.applied).toBe(applied);
  a.router.failure = 'busy';
  const more = { ...config, routes: [...config.routes, '100.64.0.77/32'] };
  await expect(a.plane.configure(more)).rejects.toThrow('busy');
  a.router.failure = undefined;
  await a.plane.configure(config);
  expect(a.router.applied).toBe(applied + 1);
  await a.plane.configure(undefined);
  await a.plane.configure(config);
  expect(a.router.applied).toBe(applied + 2);
});

test('what the network did while routes were being applied has them applied again', async () => {
  const applied: string[] = [];
  let meanwhile = (): void => undefined;
  const routes = new PlaneRouter({
    router: {
      apply: async ({ routes: [first = ''] }) => {
        applied.push(first);
        meanwhile();
        return [];
      },
      clear: async () => undefined,
      [Symbol.asyncDispose]: async () => undefined,
    },
    mtu: 1_280,
    udpPort: 41_641,
    clock: new FakeClock(),
    log: silent,
    trouble: () => undefined,
  });
  const { a, b } = await pair();
  const config = { ...a.configWith(b), routes: ['100.64.0.77/32'] };
  meanwhile = () => routes.forget();
  await routes.apply(config);
  meanwhile = () => undefined;
  await routes.apply(config);
  await routes.apply(config);
  expect(applied).toEqual(['100.64.0.77/32', '100.64.0.77/32']);
});

test('what is closed stays so without a configuration, and when the daemon ends, until somebody says otherwise', async () => {
  const { a, b } = await pair();
  const closed = { lan: ['192.0.2.0/24'] };
  await a.plane.configure(undefined, closed);
  await a.plane.configure(undefined, undefined);
  await a.plane.configure(undefined, closed);
  expect(a.router.hasEnded).toBe(false);
  await a.plane[Symbol.asyncDispose]();
  expect(a.router.closed).toEqual([closed, undefined, closed, closed]);
  expect(a.router.hasEnded).toBe(true);
  const config = b.configWith(a);
  await b.plane.configure({ ...config, firewall: { ...config.firewall, mode: 'on', killSwitch: closed } });
  await b.plane[Symbol.asyncDispose]();
  expect(b.router.closed).toEqual([closed]);
});

test('a daemon that ends before it knows what is wanted leaves what it found', async () => {
  const one = await machine(new FakeClock(), new SimulatedWire(new FakeClock(), seeded(1)), 1);
  await one.plane[Symbol.asyncDispose]();
  expect(one.router.closed).toEqual(['as found']);
});

test('a configuration that fails half-way still counts for what stays closed', async () => {
  const { a, b } = await pair();
  const config = a.configWith(b);
  const killSwitch = { lan: [] };
  a.router.failure = 'no';
  await expect(
    a.plane.configure({ ...config, firewall: { ...config.firewall, mode: 'on', killSwitch } }),
  ).rejects.toThrow('no');
  await a.plane[Symbol.asyncDispose]();
  expect(a.router.closed).toEqual([killSwitch]);
});

test('while the sockets are dead the port that they had is kept open, and asked for again', async () => {
  const { a, b } = await pair();
  const bound: number[] = [];
  const apply = a.engine.apply.bind(a.engine);
  a.engine.apply = (ops) => {
    for (const op of ops) if (op.op === 'bind') bound.push(op.port);
    apply(ops);
  };
  Object.defineProperty(a.engine, 'port', { value: 0 });
  const config = a.configWith(b);
  await a.plane.configure({ ...config, routes: [...config.routes, '100.64.0.77/32'] });
  expect(a.router.config?.firewall.udpPort).toBe(41_641);
  a.plane.rebind();
  expect(bound).toEqual([41_641]);
});
