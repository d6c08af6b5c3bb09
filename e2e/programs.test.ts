/** The programs as their users meet them: a client library of somebody else's, what the command line prints, exit codes. */
import { Client } from 'tslocal';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { bothAddresses, Daemon } from './lab/daemon.ts';
import { Lab } from './lab/lab.ts';
import { type Network, privateNetwork, reachEachOther } from './lab/network.ts';
import { whyNot } from './lab/scenario.ts';

const reason = whyNot(['curl']);
let lab: Lab;
let network: Network;
let alpha: Daemon;
let beta: Daemon;

beforeAll(async () => {
  if (reason !== undefined) return;
  lab = await Lab.open();
  network = await privateNetwork(lab, 'alpha', 'beta');
  const [first, second] = network.machines;
  if (first === undefined || second === undefined) throw new Error('two machines are there');
  [alpha, beta] = [first, second];
  await reachEachOther(alpha, beta);
});

afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

beforeEach(({ onTestFailed }) => {
  onTestFailed(() => console.error(lab?.report()));
});

test('the npm package tslocal reads our status and whois', async ({ skip }) => {
  if (reason !== undefined) skip(reason);
  const client = new Client({ socketPath: alpha.socket });
  try {
    const status = await client.status();
    expect(status.BackendState).toBe('Running');
    expect(status.Self?.HostName).toBe('alpha');
    const [v4] = bothAddresses(await beta.status());
    expect(Object.values(status.Peer ?? {}).map((peer) => peer?.TailscaleIPs?.[0])).toContain(v4);
    const who = await client.whoIs(v4);
    expect(who.Node?.Name).toMatch(/^beta\./);
    expect(who.UserProfile?.LoginName).toContain('lab');
    const alone = await client.statusWithoutPeers();
    expect(Object.keys(alone.Peer ?? {})).toEqual([]);
  } finally {
    client.destroy();
  }
});

test('status shows every machine on a line, and how it is reached', async ({ skip }) => {
  if (reason !== undefined) skip(reason);
  const { stdout } = await alpha.cli(['status']);
  const [own4] = await alpha.addresses();
  const [peer4] = await beta.addresses();
  const lines = stdout.trimEnd().split('\n');
  expect(lines[0]).toMatch(new RegExp(`^${own4.replaceAll('.', '\\.')}\\s+alpha\\s+\\S+\\s+linux\\s+-`));
  expect(lines.find((line) => line.startsWith(peer4))).toMatch(
    /beta\s+\S+\s+linux\s+.*direct 10\.77\.\d+\.\d+:\d+/,
  );
});

test('ip prints both addresses, and one with a flag', async ({ skip }) => {
  if (reason !== undefined) skip(reason);
  const [v4, v6] = await alpha.addresses();
  expect((await alpha.cli(['ip'])).stdout).toBe(`${v4}\n${v6}\n`);
  expect((await alpha.cli(['ip', '-4'])).stdout).toBe(`${v4}\n`);
  expect((await alpha.cli(['ip', '-6', 'beta'])).stdout).toBe(`${(await beta.addresses())[1]}\n`);
});

test('ping by name answers over a direct path', async ({ skip }) => {
  if (reason !== undefined) skip(reason);
  const { stdout } = await alpha.cli(['ping', '--c', '2', 'beta']);
  expect(stdout).toMatch(/pong from beta \(100\.\d+\.\d+\.\d+\) via 10\.77\.\d+\.\d+:\d+ in (?:0|\d+m)s/);
  const tsmp = await alpha.cli(['ping', '--tsmp', '--c', '1', 'beta']);
  expect(tsmp.stdout).toMatch(/pong from beta .* via TSMP in (?:0|\d+m)s/);
  const icmp = await alpha.cli(['ping', '--icmp', '--c', '1', 'beta']);
  // Rounded to milliseconds and written as Go does, less than half of one is "0s".
  expect(icmp.stdout).toMatch(/pong from beta .* in (?:0|\d+m)s/);
});

test('whois knows whose an address is', async ({ skip }) => {
  if (reason !== undefined) skip(reason);
  const { stdout } = await alpha.cli(['whois', (await beta.addresses())[0]]);
  expect(stdout).toMatch(/Name:\s+beta\./);
});

test('down and up keep the machine, and status says which', async ({ skip }) => {
  if (reason !== undefined) skip(reason);
  const before = await beta.addresses();
  await beta.cli(['down']);
  const down = await beta.cli(['status'], { mayFail: true });
  expect(down.code).toBe(1);
  expect(`${down.stdout}${down.stderr}`).toMatch(/stopped/i);
  await beta.cli(['up']);
  expect(bothAddresses(await beta.running())).toEqual(before);
});

test('a machine without a key waits for approval, and joins once it is given', async ({ skip }) => {
  if (reason !== undefined) skip(reason);
  const gamma = await Daemon.start(await lab.addHost('gamma', { on: [network.lan] }));
  const up = gamma.spawnCli('up', '--login-server', network.control.url, '--hostname', 'gamma');
  const [url] = await up.says(/http:\/\/\S+/);
  expect(url.startsWith(network.control.url)).toBe(true);
  await network.control.rawCli('nodes', 'approve', url, '--user', 'lab');
  expect((await up.ended()).code).toBe(0);
  await reachEachOther(alpha, gamma);
});
