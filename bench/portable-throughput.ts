/** One TCP stream through two portable daemons, beside wireguard-go in the same lab on the same machine. */
import { exec } from '../e2e/lab/exec.ts';
import type { Figures } from '../e2e/lab/figures.ts';
import type { Host } from '../e2e/lab/host.ts';
import { Lab } from '../e2e/lab/lab.ts';
import { privateNetwork, reachEachOther } from '../e2e/lab/network.ts';
import { whyNot } from '../e2e/lab/scenario.ts';
import { must } from '../e2e/lab/wait.ts';
import { makeKeys, startWireGuardGo } from '../e2e/lab/wireguard-go.ts';
import type { Benchmark, Measured } from './benchmark.ts';
import { tcpThroughput } from './iperf.ts';

const SECONDS = 10;
/** What a network of this kind uses (data-plane.md §1); the same for both, or the comparison is none. */
const MTU = 1_280;
const NEEDED = ['iperf3', 'wireguard-go', 'wg', 'curl'];
const PINGS = 100;

async function run(): Promise<Measured> {
  // Of all programs that are started from here.
  process.env['RHUMB_ENGINE'] = 'portable';
  await using lab = await Lab.open();
  const { machines, lan } = await privateNetwork(lab, 'alpha', 'beta');
  const [alpha, beta] = machines;
  must(alpha !== undefined && beta !== undefined, 'alpha and beta are there');
  await reachEachOther(alpha, beta);
  const rawMs = (await alpha.host.ping(beta.host.v4, { count: PINGS })).averageMs ?? 0;
  const figures = await measure(alpha.host, beta.host, (await beta.addresses())[0], rawMs);
  await Promise.all([alpha.process.stop(), beta.process.stop()]);

  const [c, d] = [await lab.addHost('gamma', { on: [lan] }), await lab.addHost('delta', { on: [lan] })];
  await wireGuardGoPair(c, d);
  const theirs = await measure(c, d, '10.0.0.2', rawMs);
  const { stdout } = await exec(['wireguard-go', '--version'], { mayFail: true });
  const version = /v?(0\.0\.[0-9]+)/.exec(stdout)?.[1] ?? 'unknown';
  return { figures, peers: { [`wireguard-go ${version}`]: theirs } };
}

async function measure(from: Host, to: Host, address: string, rawMs: number): Promise<Figures> {
  must((await from.ping(address, { waitMs: 5_000 })).received === 1, `${from.name} reaches ${address}`);
  const pinged = await from.ping(address, { count: PINGS });
  const { gbitPerS, cpuSecondsPerGB } = await tcpThroughput(from, to, address, { seconds: SECONDS });
  return {
    tcp1GbitPerS: gbitPerS,
    cpuSecondsPerGB,
    pingAddedMs: Math.max(0, (pinged.averageMs ?? 0) - rawMs),
  };
}

async function wireGuardGoPair(c: Host, d: Host): Promise<void> {
  const [keysC, keysD] = [await makeKeys(), await makeKeys()];
  const common = { port: 51820, mtu: MTU };
  await startWireGuardGo(d, {
    ...common,
    keys: keysD,
    addresses: ['10.0.0.2/32'],
    peers: [{ publicKey: keysC.publicKey, allowedIps: ['10.0.0.1/32'] }],
  });
  await startWireGuardGo(c, {
    ...common,
    keys: keysC,
    addresses: ['10.0.0.1/32'],
    peers: [{ publicKey: keysD.publicKey, endpoint: `${d.v4}:51820`, allowedIps: ['10.0.0.2/32'] }],
  });
}

export const portableThroughput: Benchmark = {
  name: 'portable-throughput',
  what: 'one TCP stream through two daemons with the portable engine, beside wireguard-go',
  whyNot: () => whyNot(NEEDED),
  run,
};
