/** The lab itself: builds, measures, tears down, and removes what a killed run left, but never a living one. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { capture } from './capture.ts';
import { Lab } from './lab.ts';
import { endRun, openRun, sweep } from './run.ts';
import { whyNot } from './scenario.ts';
import { traffic } from './traffic.ts';
import { until } from './wait.ts';
import { makeKeys, makePresharedKey, startWireGuardGo } from './wireguard-go.ts';

const namesOf = (id: string): string[] =>
  ['/run/netns', '/sys/class/net']
    .flatMap((path) => (existsSync(path) ? readdirSync(path) : []))
    .filter((name) => name.startsWith(`rl${id}`));

test('hosts on a switch reach each other over both families, and nothing stays', async ({ skip }) => {
  const reason = whyNot();
  if (reason !== undefined) skip(reason);
  let id: string;
  {
    await using lab = await Lab.open();
    id = lab.run.id;
    const lan = await lab.addSwitch('lan');
    const a = await lab.addHost('a', { on: [lan] });
    const b = await lab.addHost('b', { on: [lan] });
    const here = await lab.addThisMachine('here', lan);
    expect((await a.ping(b.v4, { count: 2 })).received).toBe(2);
    expect((await a.ping(b.v6, { count: 2 })).received).toBe(2);
    expect((await here.ping(a.v6)).received).toBe(1);
    expect(namesOf(id).length).toBeGreaterThan(2);
  }
  expect(namesOf(id)).toEqual([]);
  expect(existsSync(`/var/lib/rhumb-lab/${id}`)).toBe(false);
});

test('links fail and come back, addresses change, and packets are lost on demand', async ({ skip }) => {
  const reason = whyNot(['tcpdump']);
  if (reason !== undefined) skip(reason);
  await using lab = await Lab.open();
  const lan = await lab.addSwitch('lan');
  const a = await lab.addHost('a', { on: [lan] });
  const b = await lab.addHost('b', { on: [lan] });
  await using seen = await capture(b, 'icmp or icmp6');
  await using pings = traffic(a, b.v4);
  await pings.more(3);
  await b.linkDown();
  expect((await a.ping(b.v6, { waitMs: 100 })).received).toBe(0);
  await b.linkUp();
  await pings.more(2);
  expect(pings.longestGapMs()).toBeGreaterThan(100);
  expect((await a.ping(b.v6)).received).toBe(1);
  await b.readdress({ v4: `${lan.v4}.200`, v6: `${lan.v6}:200` });
  expect((await a.ping(b.v4)).received).toBe(1);
  await a.weather({ lossPercent: 100 });
  expect((await a.ping(b.v4, { waitMs: 100 })).received).toBe(0);
  await a.weather({});
  expect((await a.ping(b.v4)).received).toBe(1);
  expect((await seen.packets('icmp[icmptype] = icmp-echo')).length).toBeGreaterThan(5);
});

test('weather delays, loses and reorders on one cable, both ways, and clears up', async ({ skip }) => {
  const reason = whyNot();
  if (reason !== undefined) skip(reason);
  await using lab = await Lab.open();
  const lan = await lab.addSwitch('lan');
  const [a, b, c] = [
    await lab.addHost('a', { on: [lan] }),
    await lab.addHost('b', { on: [lan] }),
    await lab.addHost('c', { on: [lan] }),
  ];
  await a.weather({ delayMs: 20 });
  await b.weather({ delayMs: 10, jitterMs: 4 });
  expect((await a.ping(b.v4)).received).toBe(1);
  const late = await a.ping(b.v4, { count: 20 });
  expect(late.received).toBe(20);
  // No upper bound: a busy machine is late by as much as it likes.
  expect(late.averageMs).toBeGreaterThan(60);
  expect((await a.ping(c.v6, { count: 5 })).averageMs).toBeGreaterThan(40);
  // Each knows where the other is before frames get lost: the search for that gives up after three tries.
  expect((await c.ping(b.v4)).received).toBe(1);
  await b.weather({ lossPercent: 50 });
  const lossy = await c.ping(b.v4, { count: 100, waitMs: 200 });
  expect(lossy.received).toBeGreaterThan(5);
  expect(lossy.received).toBeLessThan(50);
  await b.weather({ delayMs: 30, reorderPercent: 30 });
  const { stdout } = await c.exec(['ping', '-n', '-c', '60', '-i', '0.005', b.v4]);
  const order = Array.from(stdout.matchAll(/icmp_seq=(\d+)/g), (match) => Number(match[1]));
  expect(order.length).toBe(60);
  expect(order).not.toEqual(order.toSorted((x, y) => x - y));
  for (const host of [a, b]) await host.weather({});
  // The fastest of several is not held up by a busy machine, and was held up by the weather.
  const times = await Promise.all([1, 2, 3, 4, 5].map(async () => (await a.ping(b.v4)).averageMs ?? 1_000));
  expect(Math.min(...times)).toBeLessThan(30);
});

test('two wireguard-go talk through the lab, with a preshared key', async ({ skip }) => {
  const reason = whyNot(['wg', 'wireguard-go']);
  if (reason !== undefined) skip(reason);
  await using lab = await Lab.open();
  const lan = await lab.addSwitch('lan');
  const [a, b] = [await lab.addHost('a', { on: [lan] }), await lab.addHost('b', { on: [lan] })];
  const [keysA, keysB, presharedKey] = [await makeKeys(), await makeKeys(), await makePresharedKey()];
  const onA = await startWireGuardGo(a, {
    keys: keysA,
    port: 51820,
    addresses: ['10.0.0.1/32', 'fd00::1/128'],
    peers: [
      {
        publicKey: keysB.publicKey,
        presharedKey,
        endpoint: `${b.v4}:51820`,
        allowedIps: ['10.0.0.2/32', 'fd00::2/128'],
      },
    ],
  });
  await startWireGuardGo(b, {
    keys: keysB,
    port: 51820,
    addresses: ['10.0.0.2/32', 'fd00::2/128'],
    peers: [{ publicKey: keysA.publicKey, presharedKey, allowedIps: ['10.0.0.1/32', 'fd00::1/128'] }],
  });
  expect((await a.ping('10.0.0.2')).received).toBe(1);
  expect((await b.ping('fd00::1')).received).toBe(1);
  expect((await onA.state(keysB.publicKey)).latestHandshake).toBeGreaterThan(0);
});

test('a run whose owner was killed is swept with its processes; a living one stays', async ({ skip }) => {
  const reason = whyNot();
  if (reason !== undefined) skip(reason);
  await using living = await Lab.open();
  await living.addHost('a');
  const program = join(import.meta.dirname, 'programs/idle-lab.ts');
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (data) => {
    said += data;
  });
  const [id = '', pid = ''] = await until('the other lab', () =>
    said.includes('\n') ? said.trim().split(' ') : false,
  );
  expect(namesOf(id).length).toBeGreaterThan(0);
  child.kill('SIGKILL');
  await until('its end', () => child.signalCode !== null);
  expect(sweep()).toContain(id);
  expect(namesOf(id)).toEqual([]);
  expect(existsSync(`/proc/${pid}/exe`)).toBe(false);
  expect(namesOf(living.run.id).length).toBeGreaterThan(0);
});

test('the sweep never takes the run of a living owner, however young', ({ skip }) => {
  const reason = whyNot();
  if (reason !== undefined) skip(reason);
  const run = openRun();
  expect(sweep()).not.toContain(run.id);
  endRun(run.id);
});
