/** Official clients on our server follow what administrators change: policy, names, routes, tags, approval, expiry. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Control } from '../lab/control.ts';
import { LAB_PROVIDER, startProvider } from '../lab/identity.ts';
import { Lab } from '../lab/lab.ts';
import { whyNot } from '../lab/scenario.ts';
import { clock, until } from '../lab/wait.ts';
import { Official } from './official.ts';
import { whyNoInterop } from './programs.ts';

const VISITOR = join(import.meta.dirname, '../lab/programs/console-visitor.ts');
const REACH = join(import.meta.dirname, '../lab/programs/reach.ts');
const PORT = '7001';
const PREFIX = '192.168.77.0/24';

const peersOf = async (official: Official): Promise<readonly string[]> =>
  Object.values((await official.status()).Peer ?? {})
    .map(({ DNSName }) => DNSName.split('.')[0] ?? '')
    .sort();

async function reaches(from: Official, address: string): Promise<boolean> {
  const { stdout } = await from.host.exec([process.execPath, REACH, 'try', `tcp/${address}/${PORT}`]);
  return stdout.trim() === '[true]';
}

test('official clients follow every change of the server live', { timeout: 180_000 }, async ({
  skip,
  onTestFailed,
}) => {
  const reason = whyNoInterop('tailscaled', 'tailscale');
  if (reason !== undefined) skip(reason);
  await using lab = await Lab.open();
  onTestFailed(() => console.error(lab.report()));
  const took: Record<string, number> = {};
  const timed = async (what: string, change: () => Promise<unknown>, holds: () => Promise<boolean>) => {
    await change();
    const began = clock.monotonic();
    await until(what, holds, { timeoutMs: 20_000 });
    took[what] = Math.round(clock.monotonic() - began);
  };
  const lan = await lab.addSwitch('lan');
  const control = await Control.start(await lab.addHost('control', { on: [lan] }));
  const start = async (name: string) => Official.start(await lab.addHost(name, { on: [lan] }));
  const [alpha, beta, gamma] = [await start('alpha'), await start('beta'), await start('gamma')];
  const key = await control.authKey({ reusable: true });
  for (const one of [alpha, beta, gamma]) await one.join(control.url, key);
  const [beta4] = await beta.addresses();
  const [alpha4] = await alpha.addresses();
  for (const one of [alpha, beta]) {
    const address = (await one.addresses())[0];
    const serving = one.host.spawn({
      name: 'reach',
      argv: [process.execPath, REACH, 'serve', address, PORT],
    });
    await until('the echo server', () => serving.output.includes('ready'));
  }
  await until('alpha to reach beta', () => reaches(alpha, beta4), { timeoutMs: 20_000 });
  expect(await peersOf(alpha)).toEqual(['beta', 'gamma']);

  // Policy: one way, one port; gamma sees nobody.
  const oneWay = {
    hosts: { alpha: alpha4, beta: beta4 },
    acls: [{ action: 'accept', proto: 'tcp', src: ['alpha'], dst: [`beta:${PORT}`] }],
  };
  await timed(
    'policy: gamma is alone',
    () => control.setPolicy(oneWay),
    async () => (await peersOf(gamma)).length === 0,
  );
  expect(await peersOf(alpha)).toEqual(['beta']);
  expect(await reaches(alpha, beta4)).toBe(true);
  expect(await reaches(beta, alpha4)).toBe(false);
  await timed(
    'policy: nobody reaches anybody',
    () => control.setPolicy({ acls: [] }),
    async () => (await peersOf(alpha)).length === 0 && !(await reaches(alpha, beta4)),
  );
  await timed(
    'policy: everybody again',
    () =>
      control.setPolicy({
        tagOwners: { 'tag:router': ['lab@'] },
        acls: [{ action: 'accept', src: ['*'], dst: ['*:*'] }],
      }),
    async () => (await peersOf(gamma)).length === 2 && (await reaches(alpha, beta4)),
  );

  // Names.
  await timed(
    'rename',
    () => control.rawCli('nodes', 'rename', 'gamma', 'delta'),
    async () => (await peersOf(alpha)).includes('delta'),
  );
  await control.rawCli('dns', 'set', '--magic-dns', 'on');
  await timed(
    'dns record',
    () => control.rawCli('dns', 'records', 'add', 'wiki.lab.rhumb.net', '10.9.9.9'),
    async () => {
      const { stdout } = await alpha.cli(['dns', 'query', 'wiki.lab.rhumb.net'], { mayFail: true });
      return stdout.includes('10.9.9.9');
    },
  );

  // Routes: approval, then the other router when the first goes.
  for (const router of [beta, gamma]) {
    await router.host.exec(['sysctl', '-qw', 'net.ipv4.ip_forward=1']);
    await router.cli(['set', `--advertise-routes=${PREFIX}`]);
  }
  await alpha.cli(['set', '--accept-routes']);
  const routed = async (): Promise<string> =>
    (await alpha.host.exec(['ip', 'route', 'show', 'table', '52'])).stdout;
  expect(await routed()).not.toContain(PREFIX);
  await timed(
    'route approved',
    () => control.rawCli('nodes', 'approve-routes', 'beta', '--routes', PREFIX),
    async () => (await routed()).includes(PREFIX),
  );
  await control.rawCli('nodes', 'approve-routes', 'delta', '--routes', PREFIX);
  const carrier = async (): Promise<string | undefined> => {
    for (const name of ['beta', 'delta'])
      if ((await alpha.peerNow(name))?.PrimaryRoutes?.includes(PREFIX) === true) return name;
    return undefined;
  };
  await until('beta to carry the prefix', async () => (await carrier()) === 'beta');
  await timed(
    'router gone: the other carries',
    () => beta.cli(['down']),
    async () => (await carrier()) === 'delta',
  );
  await beta.cli([
    'up',
    '--accept-dns=false',
    `--login-server=${control.url}`,
    '--hostname=beta',
    `--advertise-routes=${PREFIX}`,
  ]);
  await until('beta to be back', async () => (await peersOf(alpha)).includes('beta'));
  expect(await carrier()).toBe('delta');
  await beta.cli(['set', `--advertise-routes=${PREFIX},0.0.0.0/0,::/0`]);
  await timed(
    'exit node approved',
    () => control.rawCli('nodes', 'approve-routes', 'beta', '--add', '0.0.0.0/0'),
    async () => (await alpha.peerNow('beta'))?.ExitNodeOption === true,
  );

  // Tags and expiry.
  await timed(
    'tagged',
    () => control.rawCli('nodes', 'tag', 'delta', '--tags', 'tag:router'),
    async () => (await alpha.peerNow('delta'))?.Tags?.includes('tag:router') === true,
  );
  await timed(
    'disabled',
    () => control.rawCli('nodes', 'disable', 'delta'),
    async () => !(await peersOf(alpha)).includes('delta'),
  );
  await timed(
    'enabled',
    () => control.rawCli('nodes', 'enable', 'delta'),
    async () => (await peersOf(alpha)).includes('delta'),
  );
  await timed(
    'expired',
    () => control.rawCli('nodes', 'expire', 'beta'),
    async () => (await beta.status()).BackendState === 'NeedsLogin',
  );
  await timed(
    'deleted',
    () => control.rawCli('nodes', 'delete', 'delta'),
    async () => !(await peersOf(alpha)).includes('delta'),
  );
  console.info(`ms until it held: ${JSON.stringify(took)}`);
});

test('an official client is let in by its person, at a provider in a browser', { timeout: 120_000 }, async ({
  skip,
  onTestFailed,
}) => {
  const reason = whyNoInterop('tailscaled', 'tailscale') ?? whyNot(['chromium']);
  if (reason !== undefined) skip(reason);
  await using lab = await Lab.open();
  onTestFailed(() => console.error(lab.report()));
  const lan = await lab.addSwitch('lan');
  const server = await lab.addHost('control', { on: [lan] });
  await startProvider(server, `http://${server.v4}:8080/oidc/callback`);
  const config = join(server.folder, 'config.json');
  writeFileSync(config, JSON.stringify({ oidc: LAB_PROVIDER }), { mode: 0o600 });
  const control = await Control.start(server, { config });
  const official = await Official.start(await lab.addHost('laptop', { on: [lan] }));
  const up = official.spawnCli(['up', `--login-server=${control.url}`, '--accept-dns=false']);
  const address = await until(
    'the client to show where to sign in',
    () => new RegExp(`${control.url}/register/\\S+`).exec(up.output)?.[0] ?? false,
  );
  await server.exec([process.execPath, VISITOR, 'add', address, 'ann'], { env: { HOME: server.folder } });
  await until('the client to be in', async () => (await official.status()).BackendState === 'Running');
  const users = JSON.stringify(await control.cli('users', 'list'));
  expect(users).toContain('ann@example.com');
});
