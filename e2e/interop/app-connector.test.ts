/** Official clients use an app connector of our server: its domains, the addresses they lead to, and who may have them. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Control } from '../lab/control.ts';
import { Lab } from '../lab/lab.ts';
import { clock, until } from '../lab/wait.ts';
import { Official } from './official.ts';
import { whyNoInterop } from './programs.ts';

const NAMES = join(import.meta.dirname, '../lab/programs/name-server.ts');
const REACH = join(import.meta.dirname, '../lab/programs/reach.ts');
const PORT = '7001';
const PRESET = '203.0.113.0/24';
const PRESET_HOST = '203.0.113.9';

const policy = (apps: readonly object[]) => ({
  tagOwners: { 'tag:connector': ['lab@'] },
  acls: [{ action: 'accept', src: ['lab@'], dst: ['autogroup:internet:*'] }],
  nodeAttrs: [{ target: ['*'], attr: ['store-appc-routes'], app: { 'tailscale.com/app-connectors': apps } }],
});
const SHOP = {
  name: 'shop',
  connectors: ['tag:connector'],
  domains: ['shop.test', '*.wild.test'],
  routes: [PRESET],
};

const splitDns = async (one: Official): Promise<string> => (await one.cli(['dns', 'status', '--all'])).stdout;
const routesOf = async (one: Official): Promise<string> =>
  (await one.host.exec(['ip', 'route', 'show', 'table', '52'], { mayFail: true })).stdout;
const lookUp = async (one: Official, name: string): Promise<string> =>
  (await one.cli(['dns', 'query', name], { mayFail: true })).stdout;

async function reaches(from: Official, address: string): Promise<boolean> {
  const { stdout } = await from.host.exec([process.execPath, REACH, 'try', `tcp/${address}/${PORT}`]);
  return stdout.trim() === '[true]';
}

test('official clients reach the domains of an app through its connector', { timeout: 180_000 }, async ({
  skip,
  onTestFailed,
}) => {
  const reason = whyNoInterop('tailscaled', 'tailscale');
  if (reason !== undefined) skip(reason);
  await using lab = await Lab.open();
  onTestFailed(() => console.error(lab.report()));
  const lan = await lab.addSwitch('lan');
  const outside = await lab.addSwitch('outside', { v4: '198.51.100' });
  const control = await Control.start(await lab.addHost('control', { on: [lan] }));

  // A site that only the connector can reach, with the only name server that knows it.
  const site = await lab.addHost('site', { on: [outside] });
  await site.ip(`address add ${PRESET_HOST}/32 dev lo`);
  const names = site.spawn({
    name: 'names',
    argv: [process.execPath, NAMES, site.v4, `shop.test=${site.v4}`, `a.wild.test=${site.v4}`],
  });
  const echo = site.spawn({
    name: 'echo',
    argv: [process.execPath, REACH, 'serve', site.v4, PRESET_HOST, PORT],
  });
  await until('the site to be there', () => names.output.includes('ready') && echo.output.includes('ready'));

  const gate = await lab.addHost('gate', { on: [lan, outside] });
  await gate.forward();
  await gate.ip(`route add ${PRESET} via ${site.v4}`);
  const connector = await Official.start(gate, { nameserver: site.v4 });
  const clientHost = await lab.addHost('client', { on: [lan] });
  const client = await Official.start(clientHost, { nameserver: '127.0.0.9' });
  const strangerHost = await lab.addHost('stranger', { on: [lan] });
  const stranger = await Official.start(strangerHost, { nameserver: '127.0.0.9' });

  await control.setPolicy(policy([]));
  const key = await control.authKey({ reusable: true });
  await connector.join(control.url, key);
  await client.join(control.url, key);
  await control.rawCli('users', 'create', 'other');
  await stranger.join(control.url, await control.authKey({ user: 'other' }));
  await control.rawCli('nodes', 'tag', 'gate', '--tags', 'tag:connector');
  for (const one of [client, stranger]) await one.cli(['set', '--accept-dns', '--accept-routes']);
  expect(await splitDns(client)).not.toContain('shop.test');

  // The policy names it, and it offers itself.
  await connector.cli(['set', '--advertise-connector']);
  const began = clock.monotonic();
  await control.setPolicy(policy([SHOP]));
  await until('the client to ask the connector', async () => (await splitDns(client)).includes('/dns-query'));
  const tookMs = Math.round(clock.monotonic() - began);
  expect(await splitDns(client)).toMatch(/wild\.test\.? +-> http:\/\/100\.\d+\.\d+\.\d+:\d+\/dns-query/);
  await until('the route of the app', async () => (await routesOf(client)).includes(PRESET), {
    timeoutMs: 20_000,
  });
  await until('the preset address', () => reaches(client, PRESET_HOST), { timeoutMs: 20_000 });

  // A name: the connector looks it up, learns its address, and gets the route for it.
  expect(await routesOf(client)).not.toContain(site.v4);
  const asked = clock.monotonic();
  await until('the name', async () => (await lookUp(client, 'shop.test')).includes(site.v4));
  await until('the learned route', async () => (await routesOf(client)).includes(site.v4), {
    timeoutMs: 20_000,
  });
  const learnedMs = Math.round(clock.monotonic() - asked);
  expect(names.output).toContain('A shop.test');
  await until('the site', () => reaches(client, site.v4), { timeoutMs: 20_000 });
  expect(await lookUp(client, 'a.wild.test')).toContain(site.v4);
  expect((await connector.cli(['appc-routes'])).stdout).toContain('shop.test');

  // Who may not use the internet has neither the names nor the routes.
  expect(Object.keys((await stranger.status()).Peer ?? {})).toEqual([]);
  expect(await splitDns(stranger)).not.toContain('shop.test');
  expect(await routesOf(stranger)).not.toContain(site.v4);

  expect(await control.cli('nodes', 'show', 'gate')).toMatchObject({
    app_connector: { apps: [SHOP], learned_routes: [`${site.v4}/32`] },
  });

  // What the policy no longer says is gone, also at the connector; and nobody asks one that is away.
  await control.setPolicy(policy([{ ...SHOP, domains: ['wild.test'] }]));
  await until('the domain to be gone', async () => !(await splitDns(client)).includes('shop.test'));
  await until('its route to be gone', async () => !(await routesOf(client)).includes(site.v4));
  expect(await control.cli('nodes', 'show', 'gate')).toMatchObject({ approved_routes: [PRESET] });
  await connector.cli(['down']);
  // A connector counts as online for a while longer: most come back at once.
  await until('the client to ask nobody', async () => !(await splitDns(client)).includes('/dns-query'), {
    timeoutMs: 30_000,
  });
  console.info(`ms: ${JSON.stringify({ tookMs, learnedMs })}`);
});
