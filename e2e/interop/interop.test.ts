/** Our programs and the official ones in one network, each side with the other's server. */
import { expect, test } from 'vitest';
import { Daemon } from '../lab/daemon.ts';
import { Lab } from '../lab/lab.ts';
import { privateNetwork } from '../lab/network.ts';
import { until } from '../lab/wait.ts';
import { Headscale } from './headscale.ts';
import { Official } from './official.ts';
import { whyNoInterop } from './programs.ts';

const PINGS = 5;

/** Both ways over both families, then the direct path as both sides see it. */
async function reachEachOther(ours: Daemon, theirs: Official): Promise<void> {
  const [their4, their6] = await theirs.addresses();
  const [our4, our6] = await ours.addresses();
  await ours.peer(theirs.host.name);
  await theirs.peer(ours.host.name);
  for (const [from, to] of [
    [theirs.host, our4],
    [ours.host, their4],
    [theirs.host, our6],
    [ours.host, their6],
  ] as const) {
    await until(`${from.name} to reach ${to}`, async () => (await from.ping(to)).received === 1, {
      timeoutMs: 20_000,
    });
    expect((await from.ping(to, { count: PINGS })).received, `${from.name} pings ${to}`).toBe(PINGS);
  }
  expect((await ours.peer(theirs.host.name)).CurAddr).toContain(':41641');
  expect((await theirs.cli(['ping', '--c', '3', our4])).stdout).toMatch(/pong from .* via [\d.]+:\d+ in/);
  expect((await ours.cli(['ping', '--c', '3', their4])).stdout).toMatch(/pong from .* in /);
}

test('an official client joins our server and reaches our machine', { timeout: 120_000 }, async ({
  skip,
  onTestFailed,
}) => {
  const reason = whyNoInterop('tailscaled', 'tailscale');
  if (reason !== undefined) skip(reason);
  await using lab = await Lab.open();
  onTestFailed(() => console.error(lab.report()));
  const { control, lan, machines } = await privateNetwork(lab, 'ours');
  const theirs = await Official.start(await lab.addHost('theirs', { on: [lan] }));
  await theirs.join(control.url, await control.authKey());
  const [ours] = machines;
  if (ours === undefined) throw new Error('our machine is there');
  await reachEachOther(ours, theirs);
  expect((await theirs.status()).BackendState).toBe('Running');

  // Its own logout reaches us.
  await theirs.cli(['logout']);
  await ours.peer('theirs', (peer) => peer.Expired);
});

test('our daemon joins Headscale and reaches an official client', { timeout: 120_000 }, async ({
  skip,
  onTestFailed,
}) => {
  const reason = whyNoInterop('tailscaled', 'tailscale', 'headscale');
  if (reason !== undefined) skip(reason);
  await using lab = await Lab.open();
  onTestFailed(() => console.error(lab.report()));
  const lan = await lab.addSwitch('lan');
  const server = await Headscale.start(await lab.addHost('control', { on: [lan] }));
  const authKey = await server.authKey();
  const theirs = await Official.start(await lab.addHost('theirs', { on: [lan] }));
  await theirs.join(server.url, authKey);
  const ours = await Daemon.start(await lab.addHost('ours', { on: [lan] }));
  await ours.join({ server: server.url, authKey });
  await reachEachOther(ours, theirs);
});
