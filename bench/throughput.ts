/** TCP through two engines of ours, in turns with wireguard-go on the same machine: throughput, processor time, ping. */
import { exec } from '../e2e/lab/exec.ts';
import type { Figures } from '../e2e/lab/figures.ts';
import type { Host } from '../e2e/lab/host.ts';
import { Lab } from '../e2e/lab/lab.ts';
import { whyNot } from '../e2e/lab/scenario.ts';
import { must } from '../e2e/lab/wait.ts';
import { startWgPeer } from '../e2e/lab/wg-peer.ts';
import { makeKeys, startWireGuardGo, type WireGuardOptions } from '../e2e/lab/wireguard-go.ts';
import type { Benchmark, Measured } from './benchmark.ts';
import { tcpThroughput } from './iperf.ts';

/** Turns of each, and how long one takes: neighbours and the host's clock change between minutes (data-plane.md §5.6). */
const ROUNDS = 5;
const SECONDS = 4;
/** What a network of this kind uses (data-plane.md §2.13). */
const MTU = 1_280;
const PORT = 51_820;
const PINGS = 100;
const NEEDED = ['iperf3', 'wireguard-go', 'wg'];
const NEAR = '10.0.0.1';
const FAR = '10.0.0.2';

type Start = (host: Host, options: WireGuardOptions) => Promise<unknown>;

interface Link {
  readonly from: Host;
  readonly to: Host;
  readonly rounds: Figures[];
}

async function run(): Promise<Measured> {
  await using lab = await Lab.open();
  const ours = await makeLink(lab, 'ours', startWgPeer);
  const theirs = await makeLink(lab, 'theirs', startWireGuardGo);
  for (let round = 0; round < ROUNDS; round++) for (const link of [ours, theirs]) await measure(link);
  const { stdout } = await exec(['wireguard-go', '--version'], { mayFail: true });
  const version = /v?(0\.0\.[0-9]+)/.exec(stdout)?.[1] ?? 'unknown';
  return { figures: medians(ours), peers: { [`wireguard-go ${version}`]: medians(theirs) } };
}

async function makeLink(lab: Lab, name: string, start: Start): Promise<Link> {
  const lan = await lab.addSwitch(name);
  const from = await lab.addHost(`${name}-a`, { on: [lan] });
  const to = await lab.addHost(`${name}-b`, { on: [lan] });
  const [keysA, keysB] = [await makeKeys(), await makeKeys()];
  const common = { port: PORT, mtu: MTU };
  await start(to, {
    ...common,
    keys: keysB,
    addresses: [`${FAR}/32`],
    peers: [{ publicKey: keysA.publicKey, allowedIps: [`${NEAR}/32`] }],
  });
  await start(from, {
    ...common,
    keys: keysA,
    addresses: [`${NEAR}/32`],
    peers: [{ publicKey: keysB.publicKey, endpoint: `${to.v4}:${PORT}`, allowedIps: [`${FAR}/32`] }],
  });
  must((await from.ping(FAR, { waitMs: 5_000 })).received === 1, `${from.name} reaches ${FAR}`);
  return { from, to, rounds: [] };
}

async function measure({ from, to, rounds }: Link): Promise<void> {
  const rawMs = (await from.ping(to.v4, { count: PINGS })).averageMs ?? 0;
  const pingMs = (await from.ping(FAR, { count: PINGS })).averageMs ?? 0;
  const there = await tcpThroughput(from, to, FAR, SECONDS);
  const back = await tcpThroughput(to, from, NEAR, SECONDS);
  rounds.push({
    tcp1GbitPerS: there.gbitPerS,
    tcp1BackGbitPerS: back.gbitPerS,
    cpuSecondsPerGB: (there.cpuSecondsPerGB + back.cpuSecondsPerGB) / 2,
    pingAddedMs: Math.max(0, pingMs - rawMs),
  });
}

function medians({ rounds }: Link): Figures {
  const names = Object.keys(rounds[0] ?? {});
  return Object.fromEntries(names.map((name) => [name, median(rounds.map((round) => round[name] ?? 0))]));
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

export const throughput: Benchmark = {
  name: 'throughput',
  what: 'one TCP stream through two engines, in turns with wireguard-go',
  whyNot: () => whyNot(NEEDED),
  run,
};
