/** Congestion marks and the tunnel (RFC 6040): what says that it heeds them may be marked on the way, and hears of it inside. */
import { loadEngine } from '../../../src-daemon/ffi/engine.ts';
import type { Host } from '../host.ts';
import type { Lab } from '../lab.ts';
import type { Scenario } from '../scenario.ts';
import { must } from '../wait.ts';
import { startWgPeer } from '../wg-peer.ts';
import { makeKeys, type WireGuardKeys } from '../wireguard-go.ts';

const PORT = 51_820;
const PINGS = 5;
const TCP_BYTES = 50_000_000;
const TCP_TIMEOUT_MS = 30_000;

/** Counts what comes in from the wire and out of the tunnel, by congestion bits; marks on the wire come between. */
const TABLE = `
table inet marks {
  counter outer_ect { packets 0 bytes 0 }
  counter outer_not_ect { packets 0 bytes 0 }
  counter inner_ce { packets 0 bytes 0 }
  counter inner_not_ect { packets 0 bytes 0 }
  counter inner_cwr { packets 0 bytes 0 }
  chain wire {
    type filter hook prerouting priority -300
    udp dport ${PORT} ip ecn ect0 counter name outer_ect
    udp dport ${PORT} ip ecn not-ect counter name outer_not_ect
  }
  chain router {
    type filter hook prerouting priority -200
  }
  chain host {
    type filter hook input priority 0
    iifname rhumb0 meta l4proto { icmp, ipv6-icmp } ip ecn ce counter name inner_ce
    iifname rhumb0 meta l4proto { icmp, ipv6-icmp } ip6 ecn ce counter name inner_ce
    iifname rhumb0 meta l4proto icmp ip ecn not-ect counter name inner_not_ect
    iifname rhumb0 tcp flags & (syn | cwr) == cwr counter name inner_cwr
  }
}`;

interface Machine {
  readonly host: Host;
  readonly keys: WireGuardKeys;
  readonly n: number;
  readonly ecn: boolean;
}

const v4 = ({ n }: Machine): string => `10.0.0.${n}`;
const v6 = ({ n }: Machine): string => `fd00::${n}`;

async function run(lab: Lab): Promise<Record<string, number>> {
  const lan = await lab.addSwitch('lan');
  const machine = async (name: string, n: number, ecn: boolean): Promise<Machine> => {
    const host = await lab.addHost(name, { on: [lan] });
    await host.exec(['nft', '-f', '-'], { input: TABLE });
    return { host, keys: await makeKeys(), n, ecn };
  };
  const near = await machine('near', 1, true);
  const far = await machine('far', 2, true);
  const cautious = await machine('cautious', 3, false);
  const all = [near, far, cautious];
  for (const one of all) await start(one, all);
  for (const to of [far, cautious])
    must((await near.host.ping(v4(to), { waitMs: 5_000 })).received === 1, 'a first packet arrives');

  const unheeding = await growth(far, 'outer_ect', () => pings(near, v4(far), 'not-ect'));
  must(unheeding === 0, 'what does not heed marks leaves so');
  const heeding = await growth(far, 'outer_ect', async () => {
    await pings(near, v4(far), 'ect');
    await pings(near, v6(far), 'ect');
  });
  must(heeding === 2 * PINGS, `what heeds marks leaves so: ${heeding} of ${2 * PINGS}`);
  const hidden = await growth(near, 'outer_not_ect', () => pings(cautious, v4(near), 'ect'));
  must(hidden >= PINGS, `without being asked to, it does not say so: ${hidden} of ${PINGS}`);

  // A router that marks instead of dropping.
  await router(far, `udp dport ${PORT} ip ecn ect0 ip ecn set ce`);
  const marked = await growth(far, 'inner_ce', async () => {
    await pings(near, v4(far), 'ect');
    await pings(near, v6(far), 'ect');
  });
  must(marked === 2 * PINGS, `marks of the way arrive inside: ${marked} of ${2 * PINGS}`);

  // TCP is told by its receiver, and says that it goes slower: in large packets too.
  await router(far, `udp dport ${PORT} ip ecn ect0 numgen random mod 50 0 ip ecn set ce`);
  const reactions = await growth(far, 'inner_cwr', () => tcp(near, far));
  must(reactions > 0, 'TCP goes slower where it is marked');

  // A router that marks what it should have dropped.
  for (const host of [far, cautious]) await router(host, `udp dport ${PORT} ip ecn set ce`);
  const lost = await near.host.ping(v4(far), { count: PINGS });
  must(
    lost.received === 0,
    `what can't say inside that it was marked is dropped: ${lost.received} came back`,
  );
  const kept = await growth(cautious, 'inner_not_ect', () => pings(near, v4(cautious), 'not-ect'));
  must(kept === PINGS, `unless that is nobody's business: ${kept} of ${PINGS}`);
  return { reactions };
}

async function start({ host, keys, n, ecn }: Machine, all: readonly Machine[]): Promise<void> {
  const peers = all
    .filter((other) => other.n !== n)
    .map((other) => ({
      publicKey: other.keys.publicKey,
      endpoint: `${other.host.v4}:${PORT}`,
      allowedIps: [`${v4(other)}/32`, `${v6(other)}/128`],
    }));
  const addresses = [`10.0.0.${n}/32`, `fd00::${n}/128`];
  await startWgPeer(
    host,
    { keys, port: PORT, mtu: 1_280, addresses, peers, ecn },
    { RHUMB_ENGINE: 'native' },
  );
}

async function pings({ host }: Machine, to: string, mark: 'ect' | 'not-ect'): Promise<void> {
  const tos = mark === 'ect' ? '2' : '0';
  await host.exec(['ping', '-n', '-q', '-c', `${PINGS}`, '-i', '0.02', '-W', '1', '-Q', tos, to]);
}

async function tcp(from: Machine, to: Machine): Promise<void> {
  for (const { host } of [from, to]) await host.exec(['sysctl', '-qw', 'net.ipv4.tcp_ecn=1']);
  await using server = to.host.spawn({
    name: 'iperf3',
    argv: ['iperf3', '--server', '--one-off', '--forceflush'],
  });
  await server.says(/Server listening/);
  const sent = ['iperf3', '--client', v4(to), '--bytes', `${TCP_BYTES}`];
  await from.host.exec(sent, { timeoutMs: TCP_TIMEOUT_MS });
}

async function router({ host }: Machine, rule: string): Promise<void> {
  const input = `flush chain inet marks router\nadd rule inet marks router ${rule}\n`;
  await host.exec(['nft', '-f', '-'], { input });
}

/** By how much a counter grows meanwhile. */
async function growth({ host }: Machine, counter: string, work: () => Promise<void>): Promise<number> {
  const read = async (): Promise<number> => {
    const { stdout } = await host.exec(['nft', 'list', 'counter', 'inet', 'marks', counter]);
    return Number(/packets (\d+)/.exec(stdout)?.[1]);
  };
  const before = await read();
  await work();
  return (await read()) - before;
}

export const ecn: Scenario = {
  name: 'ecn',
  what: 'marks of congestion pass into and out of the tunnel as RFC 6040 says',
  needs: ['iperf3', 'nft', 'wg'],
  whyNot: () => {
    const engine = loadEngine();
    return engine.ok ? undefined : engine.why;
  },
  run,
};
