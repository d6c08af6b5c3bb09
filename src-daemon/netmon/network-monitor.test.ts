/** The network monitor under a fake clock: gathering, comparing, a watcher that breaks, an end without leftovers. */
import { describe, expect, test } from 'vitest';
import { RhumbError } from '#shared/errors.ts';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { type NetworkChange, NetworkMonitor } from './network-monitor.ts';
import type { NetworkSnapshot } from './snapshot.ts';

const network = (ip: string, gateway = '192.0.2.254'): NetworkSnapshot => ({
  addresses: [{ interfaceName: 'eth0', ip, bits: 24, isLoopback: false }],
  defaultRoutes: [{ family: 4, interfaceName: 'eth0', gateway, metric: 0 }],
});

async function setUp() {
  const clock = new FakeClock();
  const told: NetworkChange[] = [];
  const scene = {
    clock,
    told,
    now: network('192.0.2.1'),
    reads: 0,
    watches: 0,
    event: (): void => undefined,
    fail: (_error: Error): void => undefined,
    wake: (): void => undefined,
  };
  const monitor = await NetworkMonitor.start({
    clock,
    log: silent,
    tunName: () => 'rhumb0',
    read: async () => {
      scene.reads++;
      return scene.now;
    },
    watch: (onEvent, signal) => {
      scene.watches++;
      scene.event = onEvent;
      return new Promise((resolve, reject) => {
        scene.fail = reject;
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    },
    watchWake: async (onWake) => {
      scene.wake = onWake;
    },
    changed: (change) => void told.push(change),
  });
  // The look that follows the watcher's start finds nothing new.
  await clock.advance(1_000);
  return { ...scene, scene, monitor };
}

describe('changes', () => {
  test('are told once, a quarter of a second after the last event', async () => {
    const { scene, clock, told, monitor } = await setUp();
    scene.now = network('192.0.2.2');
    for (let i = 0; i < 3; i++) {
      scene.event();
      await clock.advance(200);
    }
    expect(told).toEqual([]);
    await clock.advance(50);
    expect(told).toEqual([
      {
        snapshot: network('192.0.2.2'),
        addresses: true,
        defaultRoute: false,
        woke: false,
        isMajor: true,
      },
    ]);
    expect(monitor.snapshot).toEqual(network('192.0.2.2'));
  });

  test('are not held back longer than a second by an interface that flaps', async () => {
    const { scene, clock, told } = await setUp();
    scene.now = network('192.0.2.2');
    for (let i = 0; i < 6; i++) {
      scene.event();
      await clock.advance(200);
    }
    expect(told).toHaveLength(1);
  });

  test('that change nothing are not told', async () => {
    const { scene, clock, told } = await setUp();
    const reads = scene.reads;
    scene.event();
    await clock.advance(1_000);
    expect(scene.reads).toBe(reads + 1);
    expect(told).toEqual([]);
  });

  test('of the default route alone are told as such', async () => {
    const { scene, clock, told } = await setUp();
    scene.now = network('192.0.2.1', '192.0.2.253');
    scene.event();
    await clock.advance(250);
    expect(told).toMatchObject([{ addresses: false, defaultRoute: true }]);
  });

  test('of our own tunnel are no news, even when something else makes us look', async () => {
    const { scene, clock, told } = await setUp();
    const tun = { interfaceName: 'rhumb0', ip: '100.64.0.1', bits: 32, isLoopback: false };
    scene.now = { ...scene.now, addresses: [...scene.now.addresses, tun] };
    scene.event();
    await clock.advance(1_000);
    expect(told).toEqual([]);
  });
});

test('waking up is told as a major change even when everything is as it was, once', async () => {
  const { scene, clock, told } = await setUp();
  scene.wake();
  scene.event();
  await clock.advance(1_000);
  expect(told).toMatchObject([{ addresses: false, defaultRoute: false, woke: true, isMajor: true }]);
  scene.event();
  await clock.advance(1_000);
  expect(told).toHaveLength(1);
});

test('another interface is a minor change', async () => {
  const { scene, clock, told, monitor } = await setUp();
  const other = { interfaceName: 'docker0', ip: '172.17.0.1', bits: 16, isLoopback: false };
  scene.now = { ...scene.now, addresses: [...scene.now.addresses, other] };
  scene.event();
  await clock.advance(1_000);
  expect(told).toMatchObject([{ addresses: true, isMajor: false, woke: false }]);
  expect(monitor.gateway()).toEqual({ gateway: '192.0.2.254', self: '192.0.2.1' });
});

test('a watcher of sleep that fails takes nothing else with it', async () => {
  const clock = new FakeClock();
  const monitor = await NetworkMonitor.start({
    clock,
    log: silent,
    tunName: () => undefined,
    read: async () => network('192.0.2.1'),
    watch: (_onEvent, signal) =>
      new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true })),
    watchWake: () => Promise.reject(new RhumbError('unavailable', 'no such clock')),
    changed: () => undefined,
  });
  await clock.advance(1_000);
  await monitor[Symbol.asyncDispose]();
});

test('a watcher that ends is started again, later each time, and what was missed is found', async () => {
  const { scene, clock, told } = await setUp();
  scene.fail(new RhumbError('unavailable', 'ip monitor ended'));
  scene.now = network('192.0.2.2');
  await clock.advance(900);
  expect(scene.watches).toBe(1);
  await clock.advance(400);
  expect(scene.watches).toBe(2);
  expect(told).toHaveLength(1);
  scene.fail(new RhumbError('unavailable', 'ip monitor ended'));
  await clock.advance(1_900);
  expect(scene.watches).toBe(2);
  await clock.advance(200);
  expect(scene.watches).toBe(3);
});

test('closing ends the watcher, tells nothing more and leaves no timer', async () => {
  const { scene, clock, told, monitor } = await setUp();
  scene.now = network('192.0.2.2');
  scene.event();
  await monitor[Symbol.asyncDispose]();
  scene.event();
  await clock.advance(10_000);
  expect(told).toEqual([]);
  expect(clock.pending).toBe(0);
});
