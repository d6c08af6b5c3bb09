/** Names: machines' own, records, other people's; by every protocol, through every server, and when servers fail. */
import { join } from 'node:path';
import { bothAddresses, type Daemon } from '../daemon.ts';
import { type Dug, dig } from '../dig.ts';
import type { Figures } from '../figures.ts';
import type { Host } from '../host.ts';
import type { Lab } from '../lab.ts';
import { type Network, privateNetwork } from '../network.ts';
import type { LabProcess } from '../process.ts';
import type { Scenario } from '../scenario.ts';
import { clock, must, until } from '../wait.ts';

const UPSTREAM = join(import.meta.dirname, '../programs/dns-upstream.ts');
const BASE = 'lab.rhumb.net';
/** One hop of the event loop and the kernel beside it; the machines that run this share two processors. */
const KNOWN_NAME_MS = 20;
/** As curl ends when it is refused; 28 would be a timeout. */
const COULD_NOT_CONNECT = 7;

interface World {
  readonly network: Network;
  readonly alpha: Daemon;
  readonly beta: Daemon;
  /** Name servers: two beside the machines, one that only beta's subnet route leads to. */
  readonly first: LabProcess;
  readonly second: LabProcess;
  readonly inner: LabProcess;
  readonly firstHost: Host;
  readonly secondHost: Host;
  readonly innerHost: Host;
}

async function upstream(host: Host, mood: string, ...names: readonly string[]): Promise<LabProcess> {
  const argv = [process.execPath, UPSTREAM, host.v4, mood, ...names];
  const child = host.spawn({ name: `dns-${mood}`, argv });
  await until(`the name server on ${host.name}`, () => child.tail(50).includes('ready'));
  return child;
}

async function open(lab: Lab): Promise<World> {
  const network = await privateNetwork(lab, 'alpha', 'beta');
  const [alpha, beta] = network.machines as [Daemon, Daemon];
  const site = await lab.addSwitch('site');
  await lab.plug(beta.host, site);
  const innerHost = await lab.addHost('inner', { on: [site] });
  const behind = beta.host.links.find(({ name }) => name !== beta.host.links[0]?.name)?.v4;
  must(behind !== undefined, 'beta is in both networks');
  await innerHost.routeBy({ v4: behind });
  await beta.host.forward();
  const firstHost = await lab.addHost('ns1', { on: [network.lan] });
  const secondHost = await lab.addHost('ns2', { on: [network.lan] });
  const first = await upstream(firstHost, 'well', 'www.example.com=192.0.2.10', 'host.lan.test=192.0.2.11');
  const second = await upstream(
    secondHost,
    'well',
    'www.example.com=192.0.2.10',
    'later.example.com=192.0.2.12',
  );
  const inner = await upstream(innerHost, 'well', 'host.corp.test=192.0.2.20');
  return { network, alpha, beta, first, second, inner, firstHost, secondHost, innerHost };
}

/** Of all answers so far to questions for that name. */
const heard = (server: LabProcess, name: string): number =>
  server
    .tail(500)
    .split('\n')
    .filter((line) => line.endsWith(` ${name}`)).length;

async function expectDig(host: Host, args: readonly string[], want: Partial<Dug>): Promise<Dug> {
  const got = await dig(host, ...args);
  for (const [key, value] of Object.entries(want)) {
    const real = JSON.stringify(Reflect.get(got, key));
    must(
      real === JSON.stringify(value),
      `dig ${args.join(' ')}: ${key} is ${real} instead of ${JSON.stringify(value)}`,
    );
  }
  return got;
}

/** A machine's names and addresses, over each protocol and from each of the resolver's addresses. */
async function knownNames({ alpha, beta }: World): Promise<number> {
  const { host } = alpha;
  const [v4, v6] = bothAddresses((await beta.status()).Self ?? {});
  const name = `beta.${BASE}`;
  let slowest = 0;
  for (const how of ['+notcp', '+tcp', '+vc'] as const)
    for (const server of ['@100.100.100.100', '@fd7a:115c:a1e0::53']) {
      const found = await expectDig(host, [server, name, 'A', how], { status: 'NOERROR', data: [v4] });
      must(found.flags.includes('aa'), 'the answer is authoritative');
      slowest = Math.max(slowest, found.ms);
      await expectDig(host, [server, name, 'AAAA', how], { status: 'NOERROR', data: [], authority: ['SOA'] });
      await expectDig(host, [server, `nobody.${BASE}`, 'A', how], { status: 'NXDOMAIN', authority: ['SOA'] });
      await expectDig(host, [server, '-x', v4, how], { status: 'NOERROR', data: [`${name}.`] });
      await expectDig(host, [server, '-x', v6, how], { status: 'NOERROR', data: [`${name}.`] });
      await expectDig(host, [server, '-x', '100.127.255.254', how], { status: 'NXDOMAIN' });
      await expectDig(host, [server, 'secret.onion', 'A', how], { status: 'NXDOMAIN' });
      await expectDig(host, [server, '10-1-1-5-via-7', 'AAAA', how], {
        data: ['fd7a:115c:a1e0:b1a:0:7:a01:105'],
      });
    }
  await expectDig(host, [name, 'A', '+bufsize=1232'], { udpSize: 4_095 });
  await expectDig(host, [name, 'A', '+noedns'], { udpSize: undefined, data: [v4] });
  await expectDig(host, [name.toUpperCase(), 'A'], { data: [v4] });
  for (const where of ['100.100.100.100:80', '[fd7a:115c:a1e0::53]:54']) {
    const { code } = await host.exec(['curl', '-s', '-m', '5', `http://${where}/`], { mayFail: true });
    must(code === COULD_NOT_CONNECT, `${where} is closed, and says so at once: curl ends with ${code}`);
  }
  for (const address of ['100.100.100.100', 'fd7a:115c:a1e0::53'])
    must((await host.ping(address)).received === 1, `${address} answers echo requests`);
  return slowest;
}

/** What our server says of records, and of the names of machines when they change. */
async function recordsAndRenames({ network, alpha, beta }: World): Promise<number> {
  const { control } = network;
  const { host } = alpha;
  await control.rawCli('dns', 'records', 'add', `wiki.${BASE}`, '192.0.2.80');
  await control.rawCli('dns', 'records', 'add', `git.${BASE}`, `beta.${BASE}`, '--type', 'CNAME');
  await control.rawCli('dns', 'records', 'add', 'intra.example.org', '2001:db8::80');
  const [v4] = bothAddresses((await beta.status()).Self ?? {});
  await until(
    'the records',
    async () => (await dig(host, 'intra.example.org', 'AAAA')).data[0] === '2001:db8::80',
  );
  await expectDig(host, [`wiki.${BASE}`, 'A'], { data: ['192.0.2.80'] });
  await expectDig(host, [`git.${BASE}`, 'A'], { data: [v4] });
  await expectDig(host, [`wiki.${BASE}`, 'AAAA'], { status: 'NOERROR', data: [] });
  await control.rawCli('nodes', 'rename', await control.idOf('beta'), 'delta');
  const began = clock.monotonic();
  await until('the new name', async () => (await dig(host, `delta.${BASE}`, 'A')).data[0] === v4, {
    everyMs: 10,
  });
  const renamedMs = clock.monotonic() - began;
  await expectDig(host, [`beta.${BASE}`, 'A'], { status: 'NXDOMAIN' });
  await expectDig(host, ['-x', v4], { data: [`delta.${BASE}.`] });
  await control.rawCli('nodes', 'rename', await control.idOf('delta'), 'beta');
  await until('the old name', async () => (await dig(host, `beta.${BASE}`, 'A')).data[0] === v4);
  return renamedMs;
}

/** Through the system's own resolver: search paths, and domains that go to different servers. */
async function systemResolver({ alpha, beta, inner, first }: World): Promise<void> {
  const { host } = alpha;
  const [v4] = bothAddresses((await beta.status()).Self ?? {});
  const looked = async (name: string): Promise<string> =>
    (await host.exec(['getent', 'ahostsv4', name], { mayFail: true })).stdout.split(/\s/)[0] ?? '';
  await until('the system to ask us', async () => (await looked(`beta.${BASE}`)) === v4);
  must((await looked('beta')) === v4, 'the base domain is searched');
  must((await looked('www.example.com')) === '192.0.2.10', 'other names are found');
  must((await looked('host.corp.test')) === '192.0.2.20', 'names behind the subnet route are found');
  must((await looked('host')) === '192.0.2.20', 'the other domain is searched too');
  must(heard(inner, 'host.corp.test') > 0, 'the server behind the route was asked');
  must(heard(first, 'host.corp.test') === 0, 'and no other heard of it');
  must((await looked('host.lan.test')) === '192.0.2.11', 'a domain with a server beside us is found');
}

/** Long answers: cut for whoever takes less, whole for whoever takes more or comes by TCP. */
async function longAnswers({ alpha }: World): Promise<void> {
  const { host } = alpha;
  const cut = await expectDig(host, ['big.example.com', 'TXT', '+noedns'], { status: 'NOERROR' });
  must(cut.flags.includes('tc') && cut.bytes <= 512, 'without EDNS the answer is cut');
  const half = await dig(host, 'big.example.com', 'TXT', '+bufsize=1232');
  must(half.flags.includes('tc') && half.bytes <= 1_232, 'with little room it is cut');
  const whole = await dig(host, 'big.example.com', 'TXT', '+bufsize=4000');
  must(!whole.flags.includes('tc') && whole.data.length === 8, 'with room it is whole');
  const tcp = await dig(host, 'big.example.com', 'TXT', '+tcp');
  must(tcp.data.length === 8, 'over TCP it is whole');
}

/** One of two servers is silent, broken or gone. */
async function failures(world: World): Promise<Figures> {
  const { alpha, firstHost, secondHost } = world;
  const { host } = alpha;
  await world.first.kill();
  const goneMs = (await expectDig(host, ['later.example.com', 'A'], { data: ['192.0.2.12'] })).ms;
  const silent = await upstream(firstHost, 'silent');
  await clock.sleep(5_500); // what was kept has run out
  const silentMs = (await expectDig(host, ['later.example.com', 'A'], { data: ['192.0.2.12'] })).ms;
  await silent.kill();
  const broken = await upstream(firstHost, 'broken');
  await clock.sleep(5_500);
  await expectDig(host, ['later.example.com', 'A'], { data: ['192.0.2.12'] });
  await world.second.kill();
  await clock.sleep(5_500);
  await expectDig(host, ['later.example.com', 'A'], { status: 'SERVFAIL' });
  await broken.kill();
  const none = await dig(host, 'later.example.com', 'A');
  must(none.status === 'SERVFAIL', 'with nobody there the answer is SERVFAIL');
  await expectDig(host, [`beta.${BASE}`, 'A'], { status: 'NOERROR' });
  await upstream(secondHost, 'well', 'later.example.com=192.0.2.13');
  await expectDig(host, ['later.example.com', 'A'], { data: ['192.0.2.13'] });
  return { secondAfterGoneMs: goneMs, secondAfterSilentMs: silentMs, allGoneMs: none.ms };
}

async function run(lab: Lab): Promise<Figures> {
  const world = await open(lab);
  const { network, alpha, beta, firstHost, secondHost, innerHost } = world;
  const { control } = network;
  const subnet = `${innerHost.v4.replace(/\d+$/, '0')}/24`;
  await beta.cli(['set', `--advertise-routes=${subnet}`]);
  await alpha.cli(['set', '--accept-routes']);
  await control.rawCli('nodes', 'approve-routes', await control.idOf('beta'), '--routes', subnet);
  await control.rawCli(
    ...['dns', 'set', '--magic-dns', 'on', '--nameservers', `${firstHost.v4},${secondHost.v4}`],
    ...['--split', `corp.test=${innerHost.v4}`, '--split', `lan.test=${firstHost.v4}`],
    ...['--search-domains', 'corp.test'],
  );
  await alpha.peer('beta');
  await until('the first name', async () => (await dig(alpha.host, `beta.${BASE}`, 'A')).data.length === 1);
  await until(
    'the server behind the subnet route',
    async () => (await dig(alpha.host, 'host.corp.test', 'A')).data[0] === '192.0.2.20',
  );
  const knownMs = await knownNames(world);
  must(knownMs <= KNOWN_NAME_MS, `a known name took ${knownMs} ms`);
  await systemResolver(world);
  const renamedMs = await recordsAndRenames(world);
  await longAnswers(world);
  const failed = await failures(world);
  await alpha.cli(['down']);
  await until('the system to ask whom it asked before', async () => {
    const { stdout } = await alpha.host.exec(['cat', '/etc/resolv.conf']);
    return stdout !== '' && !stdout.includes('100.100.100.100');
  });
  return { knownMs, renamedMs: Math.round(renamedMs), ...failed };
}

export const dns: Scenario = {
  name: 'dns',
  what: 'machines and records have names over UDP and TCP, other names find their servers, and servers may fail',
  needs: ['dig', 'curl', 'getent'],
  isSlow: true,
  run,
};
