/** How long joining takes: one real machine from `up` to the first ping, and many simulated ones at once. */
import { Control } from '../e2e/lab/control.ts';
import { Daemon } from '../e2e/lab/daemon.ts';
import type { Figures } from '../e2e/lab/figures.ts';
import { Lab } from '../e2e/lab/lab.ts';
import { privateNetwork } from '../e2e/lab/network.ts';
import { whyNot } from '../e2e/lab/scenario.ts';
import { clock, must } from '../e2e/lab/wait.ts';
import { adminSocketPath, connectAdmin } from '../src-control/admin/socket.ts';
import type { Benchmark, Measured } from './benchmark.ts';
import { cpuSeconds, residentMB } from './process-cost.ts';
import { simulate } from './simulated-machines.ts';

const MANY = 500;
/** Half as many tell whether the work for one machine grows with the network. */
const HALF = MANY / 2;
const TIMEOUT_MS = 180_000;

interface Crowd {
  readonly joinMs: number;
  readonly serverCpuS: number;
  readonly serverMB: number;
  readonly changeMs: number;
}

async function run(): Promise<Measured> {
  const one = await joinOne();
  const half = await joinMany(HALF);
  const many = await joinMany(MANY);
  return {
    figures: {
      ...one,
      join250Ms: half.joinMs,
      join500Ms: many.joinMs,
      serverCpu250S: half.serverCpuS,
      serverCpu500S: many.serverCpuS,
      server500MB: many.serverMB,
      change500Ms: many.changeMs,
    },
  };
}

/** One machine joins a network of one, and speaks to it as soon as it can. */
async function joinOne(): Promise<Figures> {
  await using lab = await Lab.open();
  const { machines, lan, control } = await privateNetwork(lab, 'alpha');
  const [alpha] = machines;
  must(alpha !== undefined, 'alpha is there');
  const [v4] = await alpha.addresses();
  const beta = await Daemon.start(await lab.addHost('beta', { on: [lan] }));
  const authKey = await control.authKey();
  const began = clock.monotonic();
  await beta.join({ server: control.url, authKey });
  const upMs = clock.monotonic() - began;
  const { received } = await beta.host.ping(v4, { waitMs: 10_000 });
  must(received === 1, 'the first ping is answered');
  return { upMs, upToPingMs: clock.monotonic() - began };
}

/** All at once, until every machine knows every other; then one change, until every machine knows of it. */
async function joinMany(count: number): Promise<Crowd> {
  await using lab = await Lab.open();
  const lan = await lab.addSwitch('lan');
  await lab.addThisMachine('here', lan);
  const control = await Control.start(await lab.addHost('control', { on: [lan] }));
  const authKey = await control.authKey({ reusable: true });
  const cpuBefore = cpuSeconds(control.process.pid);
  const began = clock.monotonic();
  await using machines = simulate(control.url, authKey, count);
  await machines.all('all others', (map) => map.peers.size === count - 1, TIMEOUT_MS);
  const joinMs = clock.monotonic() - began;
  const serverCpuS = cpuSeconds(control.process.pid) - cpuBefore;

  const id = await control.idOf('machine-0');
  // Straight to the server: the command line's own end would hide most of the time.
  await using admin = await connectAdmin(adminSocketPath(control.stateDir));
  must(admin !== undefined, 'the server answers on its admin socket');
  const changed = clock.monotonic();
  await admin.call('nodes.rename', { node: id, newName: 'renamed' });
  const isRenamed = (name: string): boolean => name.startsWith('renamed.');
  await machines.all(
    'the new name',
    ({ self, peers }) => isRenamed(self.Name ?? '') || isRenamed(peers.get(id)?.Name ?? ''),
    TIMEOUT_MS,
  );
  return {
    joinMs,
    serverCpuS,
    serverMB: residentMB(control.process.pid),
    changeMs: clock.monotonic() - changed,
  };
}

export const controlJoin: Benchmark = {
  name: 'control-join',
  what: `one machine from \`up\` to its first ping, and ${MANY} simulated machines joining at once`,
  whyNot: () => whyNot(['curl']),
  run,
};
