/** Either command line on the other's daemon: the official one drives rhumbd, `rhumb` drives a stock tailscaled. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Daemon } from '../lab/daemon.ts';
import type { ExecOptions, ExecResult } from '../lab/exec.ts';
import type { Host } from '../lab/host.ts';
import { Lab } from '../lab/lab.ts';
import { privateNetwork } from '../lab/network.ts';
import { until } from '../lab/wait.ts';
import { type Cli, drive } from './cli-drive.ts';
import { Official } from './official.ts';
import { pathOf, whyNoInterop } from './programs.ts';

const REACH = join(import.meta.dirname, '../lab/programs/reach.ts');
const PORT = '7001';
const RHUMB = join(import.meta.dirname, '../../bin/rhumb');

/** What is put in comes a moment before its end, so that there is time for an answer. */
const asked = (
  host: Host,
  argv: readonly string[],
  { input, ...options }: ExecOptions,
): Promise<ExecResult> =>
  input === undefined
    ? host.exec(argv, options)
    : host.exec(['sh', '-c', '(cat; sleep 2) | "$@"', 'sh', ...argv], { ...options, input });

/** A network with a machine that echoes and offers to be the exit node. */
async function prepare(lab: Lab) {
  const network = await privateNetwork(lab, 'peer');
  const [peer] = network.machines;
  if (peer === undefined) throw new Error('no peer');
  const { control } = network;
  await control.rawCli('users', 'create', 'other');
  await control.rawCli('dns', 'set', '--magic-dns', 'on');
  const [v4] = await peer.addresses();
  const serving = peer.host.spawn({ name: 'reach', argv: [process.execPath, REACH, 'serve', v4, PORT] });
  await until('the echo server', () => serving.output.includes('ready'));
  await peer.host.exec(['sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']);
  await peer.cli(['set', '--advertise-exit-node']);
  await until('the exit node to be approved', async () => {
    const tried = await control.tryCli('nodes', 'approve-routes', 'peer', '--add', '0.0.0.0/0,::/0');
    return tried.code === 0;
  });
  return { network, peer: { name: 'peer', v4, port: PORT } };
}

const addressOf = async (cli: Cli): Promise<string> =>
  (await cli(['ip', '-4'], { mayFail: true })).stdout.trim();

test('the official command line drives rhumbd', { timeout: 240_000 }, async ({ skip, onTestFailed }) => {
  const reason = whyNoInterop('tailscale');
  if (reason !== undefined) skip(reason);
  await using lab = await Lab.open();
  onTestFailed(() => console.error(lab.report()));
  const { network, peer } = await prepare(lab);
  const host = await lab.addHost('driven', { on: [network.lan] });
  const daemon = await Daemon.start(host);
  const other: Cli = (args, options) => asked(host, [RHUMB, '--socket', daemon.socket, ...args], options);
  const failed = await drive({
    title: 'The official `tailscale` on rhumbd',
    tested: (args, options) =>
      asked(host, [pathOf('tailscale'), `--socket=${daemon.socket}`, ...args], options),
    other,
    world: {
      server: network.control.url,
      authKey: await network.control.authKey({ reusable: true }),
      otherKey: await network.control.authKey({ user: 'other' }),
      peer,
      own4: '',
      folder: host.folder,
    },
    afterLogin: async () => {
      await daemon.peer('peer', ({ ExitNodeOption }) => ExitNodeOption);
      return { own4: await addressOf(other) };
    },
  });
  expect(failed).toEqual([]);
});

test('`rhumb` drives a stock tailscaled', { timeout: 240_000 }, async ({ skip, onTestFailed }) => {
  const reason = whyNoInterop('tailscaled', 'tailscale');
  if (reason !== undefined) skip(reason);
  await using lab = await Lab.open();
  onTestFailed(() => console.error(lab.report()));
  const { network, peer } = await prepare(lab);
  const host = await lab.addHost('driven', { on: [network.lan] });
  const official = await Official.start(host);
  const other: Cli = (args, options) =>
    asked(host, [pathOf('tailscale'), `--socket=${official.socket}`, ...args], options);
  const failed = await drive({
    title: '`rhumb` on a stock tailscaled',
    tested: (args, options) => asked(host, [RHUMB, '--socket', official.socket, ...args], options),
    other,
    world: {
      server: network.control.url,
      authKey: await network.control.authKey({ reusable: true }),
      otherKey: await network.control.authKey({ user: 'other' }),
      peer,
      own4: '',
      folder: host.folder,
    },
    afterLogin: async () => {
      await until('the peer to offer an exit', async () => (await official.peerNow('peer'))?.ExitNodeOption);
      return { own4: await addressOf(other) };
    },
  });
  expect(failed).toEqual([]);
});
