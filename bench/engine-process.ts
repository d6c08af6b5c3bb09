/** An engine of ours in a host of the lab, joined to another that has it as its only peer. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { ROOT } from '../e2e/lab/figures.ts';
import type { Host } from '../e2e/lab/host.ts';
import type { Lab } from '../e2e/lab/lab.ts';
import type { LabProcess } from '../e2e/lab/process.ts';
import { must, until } from '../e2e/lab/wait.ts';
import { startWgPeer } from '../e2e/lab/wg-peer.ts';
import { makeKeys } from '../e2e/lab/wireguard-go.ts';
import { addHosts, type Link, MTU } from './contestants.ts';

const PROGRAM = join(ROOT, 'bench/engine-program.ts');
/** As bin/rhumbd has it. */
const FLAGS = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=2', '--expose-gc'];
export const ENGINE_PORT = 51_820;
const NEAR = '10.0.0.1';
const FAR = '10.0.0.2';

const engineStart = z.object({
  /** With all modules, before the engine's library is loaded. */
  loadedMB: z.number(),
  /** The whole table into an empty engine, and what processors spent on it in all threads. */
  applyMs: z.number(),
  applyCpuMs: z.number(),
  /** The table in place of the same table. */
  replaceMs: z.number(),
  /** One peer of it. */
  changeOneMs: z.number(),
  /** What the process grew by for each, and how much of it is JavaScript's. */
  idlePeerBytes: z.number(),
  idlePeerHeapBytes: z.number(),
});
export type EngineStart = z.infer<typeof engineStart>;

const engineNow = z.object({ residentMB: z.number(), loopP99Ms: z.number() });
type EngineNow = z.infer<typeof engineNow>;

export interface MeasuredProcess {
  readonly process: LabProcess;
  /** Asks it; delays of the event loop are those since the last question. */
  now(): Promise<EngineNow>;
}

export interface EngineProcess extends MeasuredProcess {
  readonly link: Link;
  readonly start: EngineStart;
}

/** The engine with `idlePeers` besides the busy one is at the far end, on processor 1. */
export async function startEngineProcess(
  lab: Lab,
  name: string,
  { idlePeers }: { readonly idlePeers: number },
): Promise<EngineProcess> {
  const [from, to] = await addHosts(lab, name, await lab.addSwitch(name));
  const [nearKeys, farKeys] = [await makeKeys(), await makeKeys()];
  const wg = {
    tun: 'rhumb0',
    port: ENGINE_PORT,
    mtu: MTU,
    privateKey: farKeys.privateKey,
    addresses: [`${FAR}/32`],
    peers: [{ publicKey: nearKeys.publicKey, allowedIps: [`${NEAR}/32`] }],
  };
  const file = join(to.folder, 'engine.json');
  writeFileSync(file, JSON.stringify({ wg, idlePeers }), { mode: 0o600 });
  const measured = await startMeasured(to, file);
  const near = await startWgPeer(from, {
    port: ENGINE_PORT,
    mtu: MTU,
    keys: nearKeys,
    addresses: [`${NEAR}/32`],
    peers: [{ publicKey: farKeys.publicKey, endpoint: `${to.v4}:${ENGINE_PORT}`, allowedIps: [`${FAR}/32`] }],
  });
  must((await from.ping(FAR, { waitMs: 5_000 })).received === 1, `${from.name} reaches ${FAR}`);
  const start = engineStart.parse(JSON.parse(lastLine(measured.process, '{"loadedMB"') ?? ''));
  const pids = [near.process.pid, measured.process.pid];
  return { ...measured, start, link: { from, to, near: NEAR, far: FAR, pids } };
}

/** A Node that does nothing. */
export const startBare = (host: Host): Promise<MeasuredProcess> => startMeasured(host, 'bare');

async function startMeasured(host: Host, what: string): Promise<MeasuredProcess> {
  const child = host.spawn({
    name: 'engine-program',
    argv: [process.execPath, ...FLAGS, PROGRAM, what],
    env: { RHUMB_ENGINE: 'native' },
  });
  await child.says(/^ready$/m, 30_000);
  const answers = (): readonly string[] =>
    child.output.split('\n').filter((one) => one.startsWith('{"residentMB"') && one.endsWith('}'));
  return {
    process: child,
    now: async () => {
      const before = answers().length;
      child.signal('SIGUSR2');
      await until(`${child.name} to answer`, () => answers().length > before);
      return engineNow.parse(JSON.parse(answers().at(-1) ?? ''));
    },
  };
}

const lastLine = (child: LabProcess, beginning: string): string | undefined =>
  child.output.split('\n').findLast((one) => one.startsWith(beginning));
