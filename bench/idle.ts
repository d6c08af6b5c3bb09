/** What a machine costs that does nothing, in a network of a hundred others that do nothing. */
import { z } from 'zod';
import { Official } from '../e2e/interop/official.ts';
import { whyNoInterop } from '../e2e/interop/programs.ts';
import { Control } from '../e2e/lab/control.ts';
import { Daemon } from '../e2e/lab/daemon.ts';
import type { Figures, Skipped } from '../e2e/lab/figures.ts';
import type { Host } from '../e2e/lab/host.ts';
import { Lab } from '../e2e/lab/lab.ts';
import { whyNot } from '../e2e/lab/scenario.ts';
import { clock, until } from '../e2e/lab/wait.ts';
import type { Benchmark, Measured } from './benchmark.ts';
import { cpuSeconds, residentMB } from './process-cost.ts';
import { simulate } from './simulated-machines.ts';

const PEERS = 100;
/** Joining and the first checks are over. */
const SETTLE_MS = 30_000;
const MEASURE_MS = 240_000;
const HOUR_MS = 3_600_000;
const JOIN_MS = 120_000;
/** design.md §6 */
const GOAL_CPU_PERCENT = 0.5;
const GOAL_MB = 100;

interface Idler {
  readonly host: Host;
  readonly pid: number;
  countPeers(): Promise<number>;
}

async function run(signal: AbortSignal): Promise<Measured> {
  await using lab = await Lab.open();
  const lan = await lab.addSwitch('lan');
  await lab.addThisMachine('here', lan);
  const control = await Control.start(await lab.addHost('control', { on: [lan] }));
  const authKey = await control.authKey({ reusable: true });
  await using machines = simulate(control.url, authKey, PEERS);
  await machines.all('all others', (map) => map.peers.size >= PEERS - 1, JOIN_MS);

  const ours = await Daemon.start(await lab.addHost('ours', { on: [lan] }));
  await ours.join({ server: control.url, authKey });
  const idlers: Idler[] = [
    {
      host: ours.host,
      pid: ours.process.pid,
      countPeers: async () => Object.keys((await ours.status()).Peer ?? {}).length,
    },
  ];
  const skipped: Skipped[] = [];
  const why = whyNoInterop('tailscaled', 'tailscale');
  let version = '';
  if (why !== undefined) skipped.push({ what: 'the official client', why });
  else {
    const theirs = await Official.start(await lab.addHost('theirs', { on: [lan] }));
    await theirs.join(control.url, authKey);
    version = (await theirs.status()).Version.split('-')[0] ?? '';
    idlers.push({
      host: theirs.host,
      pid: theirs.process.pid,
      countPeers: async () => Object.keys((await theirs.status()).Peer ?? {}).length,
    });
  }
  for (const idler of idlers)
    await until(`${idler.host.name} to know everybody`, async () => (await idler.countPeers()) >= PEERS, {
      timeoutMs: JOIN_MS,
    });
  await clock.sleep(SETTLE_MS, signal);
  const before = await Promise.all(idlers.map(used));
  const began = clock.monotonic();
  await clock.sleep(MEASURE_MS, signal);
  const after = await Promise.all(idlers.map(used));
  const perHour = HOUR_MS / (clock.monotonic() - began);
  const figures = idlers.map((idler, n): Figures => {
    const spent = (of: keyof Used): number => ((after[n]?.[of] ?? 0) - (before[n]?.[of] ?? 0)) * perHour;
    return {
      packetsPerHour: spent('packets'),
      bytesPerHour: spent('bytes'),
      cpuSecondsPerHour: spent('cpuSeconds'),
      residentMB: residentMB(idler.pid),
    };
  });
  const [own = {}, official] = figures;
  return {
    figures: own,
    missed: missedGoals(own, official),
    skipped,
    ...(official === undefined ? {} : { peers: { [`tailscaled ${version}`]: official } }),
  };
}

function missedGoals(ours: Figures, official: Figures | undefined): string[] {
  const { cpuSecondsPerHour = 0, residentMB: resident = 0, packetsPerHour = 0 } = ours;
  const percent = cpuSecondsPerHour / 36;
  const theirPackets = official?.['packetsPerHour'];
  return [
    ...(percent <= GOAL_CPU_PERCENT ? [] : [`${GOAL_CPU_PERCENT} % of a core: ${percent.toFixed(2)} %`]),
    ...(resident <= GOAL_MB ? [] : [`${GOAL_MB} MB resident: ${Math.round(resident)} MB`]),
    ...(theirPackets === undefined || packetsPerHour <= theirPackets
      ? []
      : [`at most the official client's ${Math.round(theirPackets)} packets: ${Math.round(packetsPerHour)}`]),
  ];
}

interface Used {
  readonly packets: number;
  readonly bytes: number;
  readonly cpuSeconds: number;
}

const counted = z.object({ packets: z.number(), bytes: z.number() });
const shown = z.array(z.object({ stats64: z.object({ rx: counted, tx: counted }) })).length(1);

async function used({ host, pid }: Idler): Promise<Used> {
  const { stdout } = await host.exec(['ip', '-s', '-j', 'link', 'show', 'dev', 'eth0']);
  const [link] = shown.parse(JSON.parse(stdout));
  const { rx, tx } = link?.stats64 ?? { rx: { packets: 0, bytes: 0 }, tx: { packets: 0, bytes: 0 } };
  return { packets: rx.packets + tx.packets, bytes: rx.bytes + tx.bytes, cpuSeconds: cpuSeconds(pid) };
}

export const idle: Benchmark = {
  name: 'idle',
  what: `packets, bytes and processor time per hour of a machine with ${PEERS} idle peers, from four minutes`,
  whyNot: () => whyNot(['curl']),
  run,
};
