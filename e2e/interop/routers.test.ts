/** Official clients use our machines as subnet router and exit node, and ours use official ones. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { PeerStatus } from '#shared/localapi/status.ts';
import { Control } from '../lab/control.ts';
import { Daemon } from '../lab/daemon.ts';
import type { ExecResult } from '../lab/exec.ts';
import type { Host } from '../lab/host.ts';
import { Lab } from '../lab/lab.ts';
import { clock, until } from '../lab/wait.ts';
import { Official } from './official.ts';
import { whyNoInterop } from './programs.ts';

const REACH = join(import.meta.dirname, '../lab/programs/reach.ts');
const PORT = '7001';
/** What stands for the rest of the internet: nobody but the router has a way there. */
const FAR4 = '203.0.113.9';
const FAR6 = '2001:db8:9::9';

/** What both kinds of machine can do. */
interface Machine {
  readonly host: Host;
  cli(args: readonly string[]): Promise<ExecResult>;
  peerNow(name: string): Promise<PeerStatus | undefined>;
}
type Kind = 'ours' | 'official';

async function machine(kind: Kind, host: Host, control: Control, authKey: string): Promise<Machine> {
  if (kind === 'ours') {
    const daemon = await Daemon.start(host);
    await daemon.join({ server: control.url, authKey });
    return daemon;
  }
  const official = await Official.start(host);
  await official.join(control.url, authKey);
  return official;
}

async function reaches(from: Host, ...targets: readonly string[]): Promise<boolean> {
  const words = targets.map((address) => `tcp/${address}/${PORT}`);
  const { stdout } = await from.exec([process.execPath, REACH, 'try', ...words]);
  return !stdout.includes('false');
}

test.for([
  { client: 'official', router: 'ours' },
  { client: 'ours', router: 'official' },
  { client: 'ours', router: 'ours' },
] as const)(
  '$client client behind a router of kind $router',
  { timeout: 180_000 },
  async (kinds, { skip, onTestFailed }) => {
    const reason = whyNoInterop('tailscaled', 'tailscale');
    if (reason !== undefined) skip(reason);
    await using lab = await Lab.open();
    onTestFailed(() => console.error(lab.report()));
    const lan = await lab.addSwitch('lan');
    const office = await lab.addSwitch('office');
    const control = await Control.start(await lab.addHost('control', { on: [lan] }));

    // The printer knows nothing of us and has no way back but to its own network: only translated packets get answers.
    const printer = await lab.addHost('printer', { on: [office] });
    await printer.ip(`address add ${FAR4}/32 dev lo`, `address add ${FAR6}/128 dev lo`);
    const echo = printer.spawn({
      name: 'echo',
      argv: [process.execPath, REACH, 'serve', printer.v4, printer.v6, FAR4, FAR6, PORT],
    });
    const gate = await lab.addHost('gate', { on: [lan, office] });
    await gate.forward();
    await gate.ip(`route add default via ${printer.v4}`, `route add default via ${printer.v6}`);
    const key = await control.authKey({ reusable: true });
    const router = await machine(kinds.router, gate, control, key);
    const client = await machine(kinds.client, await lab.addHost('client', { on: [lan] }), control, key);
    await until('the printer', () => echo.output.includes('ready'));

    // The subnet route.
    const routes = [`${office.v4}.0/24`, `${office.v6}:/64`];
    await router.cli(['set', `--advertise-routes=${routes.join(',')}`]);
    await client.cli(['set', '--accept-routes']);
    expect(await reaches(client.host, printer.v4)).toBe(false);
    await control.rawCli('nodes', 'approve-routes', 'gate', '--routes', routes.join(','));
    const approved = clock.monotonic();
    await until('the subnet', () => reaches(client.host, printer.v4, printer.v6), { timeoutMs: 20_000 });
    const subnetMs = Math.round(clock.monotonic() - approved);
    const ping4 = await client.host.ping(printer.v4, { count: 20 });
    const ping6 = await client.host.ping(printer.v6, { count: 20 });
    expect([ping4.received, ping6.received]).toEqual([20, 20]);
    expect(await reaches(client.host, FAR4)).toBe(false);

    // The exit node.
    await router.cli(['set', `--advertise-routes=${routes.join(',')}`, '--advertise-exit-node']);
    await control.rawCli('nodes', 'approve-routes', 'gate', '--add', '0.0.0.0/0,::/0');
    await until('the offer', async () => (await client.peerNow('gate'))?.ExitNodeOption === true);
    expect((await client.cli(['exit-node', 'list'])).stdout).toContain('gate');
    await client.cli(['set', '--exit-node=gate']);
    const chosen = clock.monotonic();
    await until('the rest of the world', () => reaches(client.host, FAR4, FAR6), { timeoutMs: 20_000 });
    const exitMs = Math.round(clock.monotonic() - chosen);
    expect((await client.host.ping(FAR4, { count: 20 })).received).toBe(20);
    expect((await client.host.ping(FAR6, { count: 20 })).received).toBe(20);
    expect((await client.peerNow('gate'))?.ExitNode).toBe(true);
    expect((await client.cli(['status'])).stdout).toContain('exit node');

    await client.cli(['set', '--exit-node=']);
    await until('no way out', async () => !(await reaches(client.host, FAR4)));
    expect(await reaches(client.host, printer.v4)).toBe(true);
    await client.cli(['set', '--accept-routes=false']);
    await until('no way to the office', async () => !(await reaches(client.host, printer.v4)));
    console.info(
      `${kinds.client} client, ${kinds.router} router: ${JSON.stringify({ subnetMs, exitMs })} ms`,
    );
  },
);
