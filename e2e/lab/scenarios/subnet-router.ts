/** A machine routes into the network beside it, for hosts that know nothing of the private network, whatever firewall is there. */
import type { Figures } from '../figures.ts';
import type { Host } from '../host.ts';
import type { Lab } from '../lab.ts';
import type { Scenario } from '../scenario.ts';
import { allReach, announce, isSeenAs, networksOf, seenAs, subnetWorld, traces } from '../subnet-world.ts';
import { clock, must, until } from '../wait.ts';

interface Neighbour {
  readonly name: string;
  readonly program: string;
  readonly up: string;
  readonly down: string;
}

/** Firewalls as other programs make them, reduced to what decides about forwarded packets. */
const NEIGHBOURS: readonly Neighbour[] = [
  {
    name: "Docker's FORWARD that drops",
    program: 'iptables',
    up: 'for t in iptables ip6tables; do $t -N DOCKER-USER; $t -A DOCKER-USER -j RETURN; $t -N DOCKER-FORWARD; $t -A DOCKER-FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT; $t -A FORWARD -j DOCKER-USER; $t -A FORWARD -j DOCKER-FORWARD; $t -P FORWARD DROP; done',
    down: 'for t in iptables ip6tables; do $t -P FORWARD ACCEPT; $t -F; $t -X; done',
  },
  {
    name: "ufw's policies that drop, with its own chains",
    program: 'iptables',
    up: 'for t in iptables ip6tables; do $t -N ufw-before-forward; $t -N ufw-reject-forward; $t -A ufw-reject-forward -j REJECT; $t -A ufw-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT; $t -A FORWARD -j ufw-before-forward; $t -A FORWARD -j ufw-reject-forward; $t -P FORWARD DROP; done',
    down: 'for t in iptables ip6tables; do $t -P FORWARD ACCEPT; $t -F; $t -X; done',
  },
  {
    name: "firewalld's table of its own that rejects",
    program: 'nft',
    up: 'nft "add table inet firewalld; add chain inet firewalld filter_FORWARD { type filter hook forward priority 10; policy accept; }; add rule inet firewalld filter_FORWARD ct state { established, related } accept; add rule inet firewalld filter_FORWARD reject with icmpx admin-prohibited"',
    down: 'nft delete table inet firewalld',
  },
  {
    name: "a FORWARD that drops in the kernel's old tables",
    program: 'iptables-legacy',
    up: 'for t in iptables-legacy ip6tables-legacy; do $t -P FORWARD DROP; done',
    down: 'for t in iptables-legacy ip6tables-legacy; do $t -P FORWARD ACCEPT; done',
  },
];

async function run(lab: Lab): Promise<Figures> {
  const world = await subnetWorld(lab, 'gate');
  const { network, site, printer, client } = world;
  const [gate] = world.routers;
  must(gate !== undefined, 'there is a router');
  const behind = gate.host.links[1];
  must(behind?.v4 !== undefined && behind.v6 !== undefined, 'the router has both addresses behind it');
  await allReach(client.host, printer, 'nothing is announced', false);

  const began = clock.monotonic();
  await announce(network, gate, networksOf(site));
  await allReach(client.host, printer, 'announced, but not accepted', false);
  await client.cli(['set', '--accept-routes']);
  await allReach(client.host, printer, 'announced and accepted', true);
  const reachedMs = Math.round(clock.monotonic() - began);
  await isSeenAs(client.host, printer.v4, behind.v4);
  await isSeenAs(client.host, printer.v6, behind.v6);

  const neighbours = await withFirewalls(world.routers.map(({ host }) => host)[0] as Host, async (name) => {
    await allReach(client.host, printer, name, true);
  });
  await rulesComeBack(client.host, printer);
  await forwardingIsToldOf(gate.host, async () => (await gate.status()).Health ?? []);

  await client.cli(['set', '--accept-routes=false']);
  await allReach(client.host, printer, 'accepted no more', false);
  await client.cli(['set', '--accept-routes']);
  await allReach(client.host, printer, 'accepted again', true);

  const before = await traces(gate.host);
  must(before.includes('table ip rhumb'), `the firewall is in force: ${before}`);
  await gate.process.kill();
  must((await seenAs(client.host, printer.v4)) === undefined, 'without the router there is no way');
  must((await traces(gate.host)).includes('rhumb'), 'a killed daemon leaves its rules');
  const cleaned = await gate.tryDaemon(['--cleanup']);
  must(cleaned.code === 0, `--cleanup works: ${cleaned.stderr}`);
  const left = await traces(gate.host);
  must(left === '', `nothing is left: ${left}`);
  await gate.run();
  await gate.running();
  await allReach(client.host, printer, 'the router is back', true);
  await gate.process.stop(5_000);
  const after = await traces(gate.host);
  must(after === '', `a daemon that ends leaves nothing: ${after}`);
  return { reachedMs, neighbours };
}

async function withFirewalls(host: Host, check: (name: string) => Promise<void>): Promise<number> {
  let count = 0;
  for (const { name, program, up, down } of NEIGHBOURS) {
    const has = await host.exec(['sh', '-c', `command -v ${program}`], { mayFail: true });
    if (has.code !== 0) continue;
    await host.exec(['sh', '-c', up]);
    await check(name);
    await host.exec(['sh', '-c', down]);
    count += 1;
  }
  return count;
}

/** As NetworkManager and systemd-networkd do when they tidy up. */
async function rulesComeBack(host: Host, printer: Host): Promise<void> {
  const rules = async (): Promise<number> => {
    const { stdout } = await host.exec(['sh', '-c', 'ip -4 rule; ip -6 rule']);
    return stdout.split('\n').filter((line) => line.includes('proto 82')).length;
  };
  must((await rules()) === 8, 'there are four rules in each family');
  await host.exec(['sh', '-c', 'for f in -4 -6; do while ip $f rule del protocol 82; do :; done; done'], {
    mayFail: true,
  });
  await host.exec(['sh', '-c', 'ip -4 route flush table 52; ip -6 route flush table 52']);
  await until('the rules to come back', async () => (await rules()) === 8, { timeoutMs: 5_000 });
  await allReach(host, printer, 'rules and routes are back', true);
}

async function forwardingIsToldOf(host: Host, health: () => Promise<readonly string[]>): Promise<void> {
  const off = async (): Promise<boolean> =>
    (await health()).some((text) => text.includes('announces routes, but does not forward'));
  must(!(await off()), 'forwarding is on and nothing is said');
  await host.exec(['sysctl', '-qw', 'net.ipv4.ip_forward=0', 'net.ipv6.conf.all.forwarding=0']);
  await until('it to be said that forwarding is off', off, { timeoutMs: 75_000, everyMs: 500 });
  await host.forward();
}

export const subnetRouter: Scenario = {
  name: 'subnet-router',
  what: 'a subnet router carries every protocol of both families, past the firewalls of others, and leaves nothing behind',
  needs: ['curl', 'nft'],
  isSlow: true,
  run,
};
