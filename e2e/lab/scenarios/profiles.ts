/** Two accounts on one machine, at two servers: switched, left, taken up again after a crash, and deleted. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Control } from '../control.ts';
import { Daemon } from '../daemon.ts';
import type { Lab } from '../lab.ts';
import { reachEachOther } from '../network.ts';
import type { Scenario } from '../scenario.ts';
import { clock, must, until } from '../wait.ts';

const SWITCH_MS = 10_000;

/** What a switch is: `up` within that account, its peer reached, the other account's peer and address gone. */
interface Account {
  readonly peer: Daemon;
  readonly address: string;
}

async function secondServer(lab: Lab, lan: Parameters<Lab['addHost']>[1]): Promise<Control> {
  const host = await lab.addHost('control2', lan);
  const config = join(host.folder, 'config.json');
  const addresses = { v4: '100.80.0.0/16', v6: 'fd7a:115c:a1e0:77::/64' };
  writeFileSync(config, JSON.stringify({ addresses }), { mode: 0o600 });
  return await Control.start(host, { config });
}

/** Ids of the profiles by name, in the order of `switch --list`. */
async function profiles(machine: Daemon): Promise<{ readonly id: string; readonly isCurrent: boolean }[]> {
  const { stdout } = await machine.cli(['switch', '--list']);
  const rows = stdout
    .split('\n')
    .slice(1)
    .filter((line) => line.trim() !== '');
  return rows.map((row) => ({ id: row.split(/\s+/)[0] ?? '', isCurrent: row.trimEnd().endsWith('*') }));
}

async function addressOf(machine: Daemon): Promise<string> {
  const { TailscaleIPs } = await machine.running();
  return TailscaleIPs?.[0] ?? '';
}

/** Both ways, and nothing of the other account is left. */
async function isIn(machine: Daemon, { peer, address }: Account, other: Account): Promise<number> {
  must((await addressOf(machine)) === address, 'the account has its address again');
  const firstMs = await reachEachOther(machine, peer);
  const [away] = await other.peer.addresses();
  const reply = await machine.host.ping(away, { waitMs: 500 });
  must(reply.received === 0, `the other account’s peer ${away} is out of reach`);
  const { stdout } = await machine.host.exec(['ip', '-o', 'address']);
  must(!stdout.includes(` ${other.address}/`), 'the other account’s address is gone from the machine');
  const { stdout: routes } = await machine.host.exec(['ip', 'route', 'show', 'table', 'all']);
  must(!routes.includes(away), 'the other account’s peer is gone from the routes');
  return firstMs;
}

async function run(lab: Lab): Promise<Record<string, number>> {
  const lan = await lab.addSwitch('lan');
  const on = { on: [lan] };
  const home = await Control.start(await lab.addHost('control', on));
  const work = await secondServer(lab, on);
  const peers: Daemon[] = [];
  for (const [name, server] of [
    ['alpha', home],
    ['beta', work],
  ] as const) {
    const peer = await Daemon.start(await lab.addHost(name, on));
    await peer.join({ server: server.url, authKey: await server.authKey() });
    peers.push(peer);
  }
  const [alpha, beta] = peers as [Daemon, Daemon];

  const laptop = await Daemon.start(await lab.addHost('laptop', on));
  await laptop.join({ server: home.url, authKey: await home.authKey() });
  const atHome = { peer: alpha, address: await addressOf(laptop) };
  await reachEachOther(laptop, alpha);

  const login = ['login', '--login-server', work.url, '--auth-key', await work.authKey()];
  await laptop.cli([...login, '--hostname', 'laptop', '--nickname', 'work']);
  const atWork = { peer: beta, address: await addressOf(laptop) };
  must(atWork.address !== atHome.address, `the accounts have addresses of their own: ${atWork.address}`);
  await isIn(laptop, atWork, atHome);
  const both = await profiles(laptop);
  must(both.length === 2 && both[1]?.isCurrent === true, `both accounts are listed: ${JSON.stringify(both)}`);
  const [first, second] = both.map(({ id }) => id) as [string, string];

  const began = clock.monotonic();
  await laptop.cli(['switch', first], { timeoutMs: SWITCH_MS });
  const switchMs = clock.monotonic() - began;
  const firstPingMs = await isIn(laptop, atHome, atWork);

  await laptop.cli(['switch', 'work'], { timeoutMs: SWITCH_MS });
  await isIn(laptop, atWork, atHome);
  must((await laptop.status()).Self.DNSName.startsWith('laptop.'), 'it is the same machine there');

  // The account in use outlives a crash, and the other one is still there.
  await laptop.process.kill();
  await laptop.run();
  await isIn(laptop, atWork, atHome);
  must((await profiles(laptop)).length === 2, 'both accounts outlive a crash');

  // Signing in to an account that is there goes on with it.
  await laptop.cli([
    'login',
    '--login-server',
    home.url,
    '--auth-key',
    await home.authKey(),
    '--hostname',
    'laptop',
  ]);
  must((await profiles(laptop)).length === 2, 'no third account comes of signing in again');
  await isIn(laptop, atHome, atWork);

  await laptop.cli(['switch', 'remove', second]);
  must((await profiles(laptop)).map(({ id }) => id).join() === first, 'the other account is deleted');
  // The command line removes only an account that is not in use, as the official one does.
  await laptop.api.deleteProfile(first);
  await until('nobody to be signed in', async () => (await laptop.status()).BackendState === 'NeedsLogin');
  must((await profiles(laptop)).length === 0, 'no account is left');
  const { stdout } = await laptop.host.exec(['ip', '-o', 'address']);
  must(!stdout.includes(` ${atHome.address}/`), 'nor its address');
  return { switchMs, firstPingMs };
}

export const profilesScenario: Scenario = {
  name: 'profiles',
  what: 'two accounts of one machine at two servers: switching takes everything of the one away and brings back the other, also after a crash',
  run,
};
