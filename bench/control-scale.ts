/** How a coordination server does with many machines: joining, memory, idling, and one change until the last one knows. */
import type { Figures, Skipped } from '../e2e/lab/figures.ts';
import { clock } from '../e2e/lab/wait.ts';
import type { Benchmark, Measured } from './benchmark.ts';
import type { Wanted } from './control-scale-machine.ts';
import { machinePlans, type NetworkPlan, planNetwork, ROUTERS, SUBNET } from './control-scale-network.ts';
import { type CoordinationServer, startHeadscale, startOurs } from './control-scale-servers.ts';
import { Swarm } from './control-scale-swarm.ts';
import { cpuSeconds, residentMB } from './process-cost.ts';

/** For a quick look at one of them: `RHUMB_BENCH_SHAPE=groups`. */
const ONLY = process.env['RHUMB_BENCH_SHAPE'];
const SHAPES = (['groups', 'mesh'] as const).filter((shape) => ONLY === undefined || ONLY === shape);
const SMALL = 100;
const LARGE = 1_000;
const CHANGES = 20;
const IDLE_MS = 10_000;
/** Until what a join leaves behind is done: lazy writes, batches. */
const SETTLE_MS = 3_000;
/** Between two changes, so that each finds a quiet network. */
const PAUSE_MS = 250;
/** The goal for a change of 1 000 machines. */
const GOAL_P99_MS = 300;

async function run(signal: AbortSignal): Promise<Measured> {
  const figures = await measureAll(startOurs, signal);
  const missed = SHAPES.map((shape) => `${shape}${LARGE}OnlineP99Ms`)
    .filter((name) => (figures[name] ?? 0) > GOAL_P99_MS)
    .map((name) => `${name} is ${figures[name]}, the goal ${GOAL_P99_MS}`);
  const program = process.env['RHUMB_INTEROP_HEADSCALE'];
  if (program === undefined) {
    const skipped: Skipped = {
      what: 'Headscale',
      why: 'RHUMB_INTEROP_HEADSCALE does not give the path of the program',
    };
    return { figures, missed, skipped: [skipped] };
  }
  const theirs = await measureAll(() => startHeadscale(program), signal);
  const behind = Object.entries(theirs)
    .filter(([name, value]) => (figures[name] ?? 0) > value)
    .map(([name, value]) => `${name} is ${figures[name]}, Headscale's ${value}`);
  return { figures, peers: { headscale: theirs }, missed: [...missed, ...behind] };
}

async function measureAll(start: () => Promise<CoordinationServer>, signal: AbortSignal): Promise<Figures> {
  const all: Record<string, number> = {};
  for (const shape of SHAPES) {
    const small = await measure(start, planNetwork(shape, SMALL), signal);
    const large = await measure(start, planNetwork(shape, LARGE), signal);
    for (const [name, value] of Object.entries(small)) all[`${shape}${SMALL}${name}`] = value;
    for (const [name, value] of Object.entries(large)) all[`${shape}${LARGE}${name}`] = value;
    report(`${shape}: growth from ${SMALL} to ${LARGE} machines`, growth(small, large));
  }
  return all;
}

const growth = (small: Figures, large: Figures): Figures =>
  Object.fromEntries(
    Object.entries(large).map(([name, value]) => [name, Number((value / (small[name] || 1)).toPrecision(3))]),
  );

/** To standard error: the result is one line on standard output. */
const report = (what: string, figures: Figures): void => {
  process.stderr.write(`${what}: ${JSON.stringify(figures)}\n`);
};

async function measure(
  start: () => Promise<CoordinationServer>,
  network: NetworkPlan,
  signal: AbortSignal,
): Promise<Figures> {
  await using server = await start();
  const keys = new Map<string, string>();
  for (const user of network.users) {
    await server.addUser(user);
    keys.set(user, await server.authKey(user));
  }
  if (network.policy !== undefined) await server.setPolicy(network.policy);
  using swarm = new Swarm(machinePlans(network, keys), signal);
  const scene: Scene = { server, swarm, network, signal };
  let figures: Figures = {};
  for (const part of [join, idle, online, failover, policyEdit]) {
    const found = await part(scene);
    report(`${server.name}, ${network.shape} of ${network.size}`, found);
    figures = { ...figures, ...found };
  }
  return figures;
}

interface Scene {
  readonly server: CoordinationServer;
  readonly swarm: Swarm;
  readonly network: NetworkPlan;
  readonly signal: AbortSignal;
}

const peerCounts = (counts: readonly number[]): Wanted[] => counts.map((count) => ({ kind: 'peers', count }));

/** All at once, until every machine knows all those that it should. */
async function join({ server, swarm, network, signal }: Scene): Promise<Figures> {
  const [memory, cpu] = [residentMB(server.pid), cpuSeconds(server.pid)];
  const began = clock.monotonic();
  await swarm.join(server.url);
  const at = await swarm.watch(peerCounts(network.peerCounts));
  const JoinMs = Math.max(...at) - began;
  const JoinCpuMs = (cpuSeconds(server.pid) - cpu) * 1_000;
  await clock.sleep(SETTLE_MS, signal);
  const PerNodeBytes = ((residentMB(server.pid) - memory) * 2 ** 20) / network.size;
  const { bytes } = await swarm.state();
  return { JoinMs, JoinCpuMs, JoinPerNodeBytes: bytes / network.size, PerNodeBytes };
}

async function idle({ server, signal }: Scene): Promise<Figures> {
  const before = cpuSeconds(server.pid);
  await clock.sleep(IDLE_MS, signal);
  return { IdleCpuPerSecondMs: ((cpuSeconds(server.pid) - before) * 1_000) / (IDLE_MS / 1_000) };
}

/** Machines that were away come back one after the other. */
async function online(scene: Scene): Promise<Figures> {
  const { swarm, network, signal } = scene;
  const { ids } = await swarm.state();
  // Not the routers, whose coming and going is another change.
  const gone = Array.from({ length: CHANGES }, (_, n) => 2 + Math.floor((n * (network.size - 2)) / CHANGES));
  for (const index of gone) await swarm.leave(index);
  for (const index of gone) await swarm.watchViewers(ids[index] ?? 0, online_(ids[index] ?? 0, false));
  await clock.sleep(SETTLE_MS, signal);
  return changes('Online', scene, async (n) => {
    const index = gone[n] ?? 0;
    const watching = swarm.watchViewers(ids[index] ?? 0, online_(ids[index] ?? 0, true));
    return { began: await swarm.return(index), at: await watching };
  });
}

const online_ = (peer: number, isOnline: boolean): Wanted => ({ kind: 'online', peer, isOnline });

/** Of two routers to one subnet, the one that carries it loses the permission, and the other takes over. */
async function failover(scene: Scene): Promise<Figures> {
  const { server, swarm, signal } = scene;
  const { ids } = await swarm.state();
  const routers = ROUTERS.map((index) => ids[index] ?? 0);
  for (const router of routers) await server.approveRoutes(router, [SUBNET]);
  const carriedBy = (router: number): Promise<readonly number[]> =>
    swarm.watchViewers(router, { kind: 'route', peer: router, prefix: SUBNET });
  await carriedBy(routers[0] ?? 0);
  await clock.sleep(SETTLE_MS, signal);
  return changes('Failover', scene, async (n) => {
    const [from, to] = n % 2 === 0 ? [routers[0] ?? 0, routers[1] ?? 0] : [routers[1] ?? 0, routers[0] ?? 0];
    const watching = carriedBy(to);
    const began = clock.monotonic();
    await server.approveRoutes(from, []);
    const at = await watching;
    // The other stays; this one is ready to take over the next time.
    await server.approveRoutes(from, [SUBNET]);
    return { began, at };
  });
}

async function policyEdit(scene: Scene): Promise<Figures> {
  const { server, swarm, network, signal } = scene;
  const { edit } = network;
  const { ids } = await swarm.state();
  if (network.policy === undefined) await server.setPolicy(edit.off);
  await clock.sleep(SETTLE_MS, signal);
  return changes('Policy', scene, async (n) => {
    const isOn = n % 2 === 0;
    const began = clock.monotonic();
    const set = server.setPolicy(isOn ? edit.on : edit.off);
    const counts = isOn ? edit.peerCounts : network.peerCounts;
    const wanted =
      edit.peerCounts === undefined
        ? ids.map((): Wanted => ({ kind: 'filter', text: edit.filterText, has: isOn }))
        : peerCounts(counts ?? []);
    const at = await swarm.watch(wanted);
    await set;
    return { began, at };
  });
}

interface Change {
  readonly began: number;
  /** When each machine that it concerns knew. */
  readonly at: readonly number[];
}

/** The same change again and again: how long until the last machine knew, and what was sent. */
async function changes(
  name: string,
  { server, swarm, signal }: Scene,
  change: (n: number) => Promise<Change>,
): Promise<Figures> {
  const before = await swarm.state();
  const cpu = cpuSeconds(server.pid);
  const took: number[] = [];
  for (let n = 0; n < CHANGES; n += 1) {
    signal.throwIfAborted();
    const { began, at } = await change(n);
    took.push(Math.max(...at) - began);
    await clock.sleep(PAUSE_MS, signal);
  }
  await clock.sleep(SETTLE_MS, signal);
  const { bytes } = await swarm.state();
  return {
    [`${name}P50Ms`]: quantile(took, 0.5),
    [`${name}P99Ms`]: quantile(took, 0.99),
    [`${name}Bytes`]: (bytes - before.bytes) / CHANGES,
    [`${name}CpuMs`]: ((cpuSeconds(server.pid) - cpu) * 1_000) / CHANGES,
  };
}

function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0;
}

export const controlScale: Benchmark = {
  name: 'control-scale',
  what: `${SMALL} and ${LARGE} machines on the real protocol: joining, memory, idling, one change until the last one knows`,
  run,
};
