/** Several threads share the work of each way, as on machines with many cores, and TCP arrives in the order in which it left. */
import { loadEngine } from '../../../src-daemon/ffi/engine.ts';
import type { Host } from '../host.ts';
import type { Lab } from '../lab.ts';
import type { Scenario } from '../scenario.ts';
import { must } from '../wait.ts';
import { startWgPeer } from '../wg-peer.ts';
import { makeKeys } from '../wireguard-go.ts';

const PORT = 51_820;
const [NEAR, FAR] = ['10.0.0.1', '10.0.0.2'];
const SECONDS = 3;
const THREADS = { RHUMB_ENGINE: 'native', RHUMB_ENGINE_THREADS: '4' };
/** A queue that overflows loses segments, and what follows them comes early; threads in disorder do that all the time. */
const MAX_EARLY = 0.02;

async function run(lab: Lab): Promise<Record<string, number>> {
  const lan = await lab.addSwitch('lan');
  const near = await lab.addHost('near', { on: [lan] });
  const far = await lab.addHost('far', { on: [lan] });
  const [nearKeys, farKeys] = [await makeKeys(), await makeKeys()];
  const peerOf = (keys: typeof nearKeys, ip: string, endpoint: string) => ({
    publicKey: keys.publicKey,
    endpoint: `${endpoint}:${PORT}`,
    allowedIps: [`${ip}/32`],
  });
  const common = { port: PORT, mtu: 1_280 };
  const farPeers = [peerOf(nearKeys, NEAR, near.v4)];
  await startWgPeer(far, { ...common, keys: farKeys, addresses: [`${FAR}/32`], peers: farPeers }, THREADS);
  const nearPeers = [peerOf(farKeys, FAR, far.v4)];
  const { process } = await startWgPeer(
    near,
    { ...common, keys: nearKeys, addresses: [`${NEAR}/32`], peers: nearPeers },
    THREADS,
  );
  must((await near.ping(FAR, { waitMs: 5_000 })).received === 1, 'a first packet arrives');
  const { stdout } = await near.exec(['sh', '-c', `cat /proc/${process.pid}/task/*/comm`]);
  for (const name of ['pe-tx', 'pe-rx'])
    must(stdout.split(name).length === 5, `four threads are called ${name}: ${stdout}`);

  const before = await early(far);
  await using server = far.spawn({
    name: 'iperf3',
    argv: ['iperf3', '--server', '--one-off', '--forceflush'],
  });
  await server.says(/Server listening/);
  await near.exec(['iperf3', '--client', FAR, '--time', `${SECONDS}`, '--parallel', '4'], {
    timeoutMs: (SECONDS + 20) * 1_000,
  });
  const after = await early(far);
  const earlyShare = (after.early - before.early) / (after.all - before.all);
  must(earlyShare < MAX_EARLY, `${earlyShare} of the segments came before one that left earlier`);
  must((await near.ping(FAR, { count: 20 })).received === 20, 'pings still arrive');
  return { earlyShare };
}

/** TCP segments that a host received, and those that came before one that had left earlier. */
async function early(host: Host): Promise<{ readonly early: number; readonly all: number }> {
  const { stdout } = await host.exec(['sh', '-c', 'cat /proc/net/netstat /proc/net/snmp']);
  return { early: field(stdout, 'TcpExt', 'TCPOFOQueue'), all: field(stdout, 'Tcp', 'InSegs') };
}

/** Names in one line, numbers in the next (proc_pid_net(5)). */
function field(text: string, table: string, name: string): number {
  const [names = [], values = []] = text
    .split('\n')
    .filter((line) => line.startsWith(`${table}:`))
    .map((line) => line.split(' '));
  const value = Number(values[names.indexOf(name)]);
  must(Number.isFinite(value), `there is a ${table} ${name}`);
  return value;
}

export const engineThreads: Scenario = {
  name: 'engine-threads',
  what: 'four threads for each way carry four TCP streams in order',
  needs: ['iperf3', 'wg'],
  whyNot: () => {
    const engine = loadEngine();
    return engine.ok ? undefined : engine.why;
  },
  run,
};
