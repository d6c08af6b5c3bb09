/** A private network whose machines route into a network beside them, and a host in there that knows nothing of it. */
import { join } from 'node:path';
import { z } from 'zod';
import { canonicalIp } from '#shared/ip/address.ts';
import type { Daemon } from './daemon.ts';
import type { Host } from './host.ts';
import type { Lab, Switch } from './lab.ts';
import { type Network, privateNetwork } from './network.ts';
import { must, until } from './wait.ts';

const REACH = join(import.meta.dirname, 'programs/reach.ts');
const WITNESS = join(import.meta.dirname, 'programs/witness.ts');
const PORT = 7_001;
const CHANGE_MS = 15_000;

export const networksOf = ({ v4, v6 }: Switch): readonly [string, string] => [`${v4}.0/24`, `${v6}:/64`];

export interface SubnetWorld {
  readonly network: Network;
  readonly site: Switch;
  /** Answers, and tells who asked. */
  readonly printer: Host;
  readonly client: Daemon;
  readonly routers: readonly Daemon[];
}

/** Nothing is advertised or accepted yet; the routers' kernels forward. */
export async function subnetWorld(lab: Lab, ...names: readonly string[]): Promise<SubnetWorld> {
  const network = await privateNetwork(lab, 'client');
  const site = await lab.addSwitch('site');
  const printer = await lab.addHost('printer', { on: [site] });
  await answer(printer, [printer.v4, printer.v6]);
  const routers: Daemon[] = [];
  for (const name of names) {
    const router = await network.add(name);
    await lab.plug(router.host, site);
    await router.host.forward();
    routers.push(router);
  }
  const [client] = network.machines;
  must(client !== undefined, 'the client has joined');
  return { network, site, printer, client, routers };
}

/** Echoes TCP and UDP, and says over HTTP from which address it is asked. */
export async function answer(host: Host, addresses: readonly [string, string]): Promise<void> {
  const echo = host.spawn({
    name: 'echo',
    argv: [process.execPath, REACH, 'serve', ...addresses, String(PORT)],
  });
  const witness = host.spawn({ name: 'witness', argv: [process.execPath, WITNESS, ...addresses] });
  await Promise.all([echo.says(/^ready$/m), witness.says(/^ready$/m)]);
}

/** Announces networks and has the server agree. */
export async function announce(
  { control }: Network,
  router: Daemon,
  networks: readonly string[],
): Promise<void> {
  await router.cli(['set', `--advertise-routes=${networks.join(',')}`]);
  const id = await control.idOf(router.host.name);
  await control.rawCli('nodes', 'approve-routes', id, '--add', networks.join(','));
}

export interface Reached {
  readonly icmp: boolean;
  readonly tcp: boolean;
  readonly udp: boolean;
}

export async function reach(from: Host, to: string): Promise<Reached> {
  const targets = ['tcp', 'udp'].map((protocol) => `${protocol}/${to}/${PORT}`);
  const { stdout } = await from.exec([process.execPath, REACH, 'try', ...targets]);
  const [tcp, udp] = z.tuple([z.boolean(), z.boolean()]).parse(JSON.parse(stdout));
  return { icmp: (await from.ping(to)).received === 1, tcp, udp };
}

/** Every protocol over both families, or none of them. */
export async function allReach(from: Host, to: Host, what: string, wanted: boolean): Promise<void> {
  for (const address of [to.v4, to.v6]) {
    const check = async (): Promise<boolean> => {
      const { icmp, tcp, udp } = await reach(from, address);
      return [icmp, tcp, udp].every((got) => got === wanted);
    };
    await until(`${from.name} ${wanted ? '' : 'not '}to reach ${address} by every protocol: ${what}`, check, {
      timeoutMs: CHANGE_MS,
    });
  }
}

/** The address from which `at` sees who asks; undefined when nothing comes back. */
export async function seenAs(from: Host, at: string): Promise<string | undefined> {
  const where = at.includes(':') ? `[${at}]` : at;
  const got = await from.exec(['curl', '-s', '-g', '-m', '3', `http://${where}/`], { mayFail: true });
  return got.code === 0 ? canonicalIp(got.stdout.trim()) : undefined;
}

export async function isSeenAs(from: Host, at: string, wanted: string | undefined): Promise<void> {
  await until(
    `${at} to see ${from.name} as ${wanted ?? 'nobody'}`,
    async () => (await seenAs(from, at)) === (wanted === undefined ? undefined : canonicalIp(wanted)),
    { timeoutMs: CHANGE_MS },
  );
}

/** What of ours there is in a host's kernel: rules, routes of table 52, tables and rules of the firewall. */
export async function traces(host: Host): Promise<string> {
  const { stdout } = await host.exec(
    [
      'sh',
      '-c',
      'ip -4 rule; ip -6 rule; ip -4 route show table 52; ip -6 route show table 52; nft list ruleset',
    ],
    { mayFail: true },
  );
  return stdout
    .split('\n')
    .filter((line) => /proto 82|rhumb/.test(line))
    .join('\n');
}
