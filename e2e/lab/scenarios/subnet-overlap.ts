/** Networks that overlap: the nearer one wins, a second router takes over, and absurd ones are refused. */
import type { Daemon } from '../daemon.ts';
import type { Figures } from '../figures.ts';
import type { Host } from '../host.ts';
import type { Lab } from '../lab.ts';
import type { Scenario } from '../scenario.ts';
import { allReach, announce, answer, isSeenAs, networksOf, subnetWorld } from '../subnet-world.ts';
import { clock, must, until } from '../wait.ts';

/** Addresses that both routers have on themselves, so that who answers tells which way was taken. */
const IN_NARROW = ['10.50.1.1', 'fd50:1::1'] as const;
const IN_WIDE = ['10.50.2.1', 'fd50:2::1'] as const;
const NARROW = ['10.50.1.0/24', 'fd50:1::/64'] as const;
const WIDE = ['10.50.0.0/16', 'fd50::/16'] as const;

async function run(lab: Lab): Promise<Figures> {
  const { network, site, printer, client, routers } = await subnetWorld(lab, 'wide', 'narrow');
  const [wide, narrow] = routers;
  must(wide !== undefined && narrow !== undefined, 'there are two routers');
  for (const { host } of routers) await own(host);
  await client.cli(['set', '--accept-routes']);

  await announce(network, wide, WIDE);
  await answeredBy(client, IN_NARROW, wide);
  await announce(network, narrow, NARROW);
  await answeredBy(client, IN_NARROW, narrow);
  await answeredBy(client, IN_WIDE, wide);
  await network.control.rawCli(
    'nodes',
    'approve-routes',
    await network.control.idOf('narrow'),
    '--remove',
    NARROW.join(','),
  );
  await answeredBy(client, IN_NARROW, wide);

  const failedOverMs = await failOver(network, client, printer, site, [wide, narrow]);

  // As with the official client: what is accepted comes before the network that a machine is attached to itself.
  await lab.plug(client.host, site);
  const attached = client.host.links[1];
  const gate = narrow.host.links[1];
  must(attached?.v4 !== undefined && gate?.v4 !== undefined, 'the client is attached to the network');
  await isSeenAs(client.host, printer.v4, gate.v4);
  await client.cli(['set', '--accept-routes=false']);
  await isSeenAs(client.host, printer.v4, attached.v4);

  const refused = await absurd(wide);
  return { failedOverMs, refused };
}

/** Gives a router the addresses of both networks and something that answers there with its name. */
async function own(host: Host): Promise<void> {
  const all = [...IN_NARROW, ...IN_WIDE];
  await host.ip(...all.map((ip) => `address add ${ip}/${ip.includes(':') ? '128 nodad' : '32'} dev lo`));
  await answer(host, IN_NARROW);
}

/** The counter of packets that came to an address tells who was asked. */
async function answeredBy(client: Daemon, addresses: readonly string[], by: Daemon): Promise<void> {
  for (const address of addresses) {
    await until(
      `${by.host.name} to be asked at ${address}`,
      async () => {
        const before = await echoes(by.host, address);
        const { received } = await client.host.ping(address);
        return received === 1 && (await echoes(by.host, address)) > before;
      },
      { timeoutMs: 15_000, everyMs: 200 },
    );
  }
}

async function echoes(host: Host, address: string): Promise<number> {
  const table = address.includes(':') ? '/proc/net/snmp6' : '/proc/net/snmp';
  const { stdout } = await host.exec(['cat', table]);
  if (address.includes(':')) return Number(/Icmp6InEchos\s+(\d+)/.exec(stdout)?.[1] ?? 0);
  const [names = '', values = ''] = stdout.split('\n').filter((line) => line.startsWith('Icmp:'));
  return Number(values.split(' ')[names.split(' ').indexOf('InEchos')] ?? 0);
}

async function failOver(
  network: Parameters<typeof announce>[0],
  client: Daemon,
  printer: Host,
  site: Parameters<typeof networksOf>[0],
  [first, second]: readonly [Daemon, Daemon],
): Promise<number> {
  for (const router of [first, second]) await announce(network, router, networksOf(site));
  await allReach(client.host, printer, 'one of two routers carries it', true);
  await isSeenAs(client.host, printer.v4, first.host.links[1]?.v4);
  const began = clock.monotonic();
  await first.process.kill();
  await until(
    'the second router to take over',
    async () => (await client.host.ping(printer.v4)).received === 1,
    { timeoutMs: 60_000 },
  );
  const tookMs = Math.round(clock.monotonic() - began);
  await allReach(client.host, printer, 'the second router carries it', true);
  await isSeenAs(client.host, printer.v4, second.host.links[1]?.v4);
  await first.run();
  await first.running();
  return tookMs;
}

const ABSURD = ['10.0.0.1/8', 'not-a-network', '10.0.0.0/33', '0.0.0.0/0'] as const;

/** Refused by the daemon, and nothing of it is announced. */
async function absurd(router: Daemon): Promise<number> {
  const before = JSON.stringify((await router.status()).Self?.AllowedIPs);
  let refused = 0;
  for (const route of ABSURD) {
    const tried = await router.cli(['set', `--advertise-routes=${route}`], { mayFail: true });
    must(tried.code !== 0, `${route} is refused`);
    must(tried.stderr.trim().length > 0, `it is said why ${route} is refused`);
    refused += 1;
  }
  must(JSON.stringify((await router.status()).Self?.AllowedIPs) === before, 'nothing of it is announced');
  return refused;
}

export const subnetOverlap: Scenario = {
  name: 'subnet-overlap',
  what: 'the more specific route wins, a second router takes over, an accepted route beats the network beside the machine, absurd ones are refused',
  needs: ['curl', 'nft'],
  run,
};
