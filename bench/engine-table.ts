/** A table of many peers put into an engine, and what that takes. */
import { performance } from 'node:perf_hooks';
import { z } from 'zod';
import { wgConfig } from '../e2e/lab/wg-config.ts';
import { startWgEngine } from '../e2e/lab/wg-engine.ts';
import type { EngineOp, PacketEngine, PeerId, Route } from '../src-daemon/engine/types.ts';
import type { EngineStart } from './engine-process.ts';
import { median } from './turns.ts';

const config = z.strictObject({ wg: wgConfig, idlePeers: z.int().min(0).max(100_000) });

/** Of the busy one (wg-engine.ts). */
const BUSY: PeerId = 1;
const REPLACEMENTS = 5;

export interface Started {
  readonly start: EngineStart;
  end(): Promise<void>;
}

export async function startEngine(text: string, collect: () => void): Promise<Started> {
  const { wg, idlePeers } = config.parse(JSON.parse(text));
  collect();
  const loaded = process.memoryUsage();
  const running = await startWgEngine(wg, 'engine-program');
  const busyRoutes = (wg.peers[0]?.allowedIps ?? []).map((prefix): Route => ({ prefix, peer: BUSY }));
  const routes = [...busyRoutes, ...Array.from({ length: idlePeers }, (_, n) => routesOf(n)).flat()];
  const wanted = Array.from({ length: idlePeers }, (_, n) => setUp(n)).flat();
  const table: readonly EngineOp[] = [...wanted, { op: 'routes-set', routes }];
  const gone = Array.from({ length: idlePeers }, (_, n): EngineOp => ({ op: 'peer-del', peer: idOf(n) }));
  collect();
  const before = process.memoryUsage();
  const first = took(() => running.engine.apply(table));
  collect();
  const after = process.memoryUsage();
  const again = Array.from({ length: REPLACEMENTS }, () =>
    took(() => running.engine.apply([...gone, ...table])),
  );
  return {
    start: {
      loadedMB: loaded.rss / 2 ** 20,
      applyMs: first.ms,
      applyCpuMs: first.cpuMs,
      replaceMs: median(again.map(({ ms }) => ms)),
      changeOneMs: idlePeers === 0 ? 0 : median(again.map(() => changeOne(running.engine).ms)),
      idlePeerBytes: (after.rss - before.rss) / Math.max(1, idlePeers),
      idlePeerHeapBytes: (scriptBytes(after) - scriptBytes(before)) / Math.max(1, idlePeers),
    },
    end: async () => {
      await running[Symbol.asyncDispose]();
    },
  };
}

const scriptBytes = (of: NodeJS.MemoryUsage): number => of.heapUsed + of.external;

const idOf = (n: number): PeerId => BUSY + 1 + n;

function setUp(n: number): readonly EngineOp[] {
  const publicKey = new Uint8Array(32);
  new DataView(publicKey.buffer).setUint32(0, idOf(n));
  const direct = { ip: `198.18.${(n >> 8) & 255}.${n & 255}`, port: 41_641 };
  return [
    { op: 'peer-add', peer: idOf(n), publicKey },
    { op: 'path-set', peer: idOf(n), path: { mode: 'direct', direct } },
  ];
}

/** Both addresses that a machine of the private network has. */
const routesOf = (n: number): readonly Route[] => [
  { prefix: `100.${64 + ((n >> 16) & 63)}.${(n >> 8) & 255}.${n & 255}/32`, peer: idOf(n) },
  { prefix: `fd7a:115c:a1e0::${(n >> 16).toString(16)}:${(n & 0xffff).toString(16)}/128`, peer: idOf(n) },
];

/** What a network map that tells of one machine leads to. */
function changeOne(engine: PacketEngine): Took {
  const [own, ip] = [routesOf(0), routesOf(0).map(({ prefix }) => prefix)];
  const ops: readonly EngineOp[] = [
    { op: 'peer-del', peer: idOf(0) },
    ...setUp(0),
    { op: 'routes-change', remove: ip, add: own },
  ];
  return took(() => engine.apply(ops));
}

interface Took {
  readonly ms: number;
  /** Of all threads of the process. */
  readonly cpuMs: number;
}

function took(work: () => void): Took {
  const [began, cpu] = [performance.now(), process.cpuUsage()];
  work();
  const ms = performance.now() - began;
  const { user, system } = process.cpuUsage(cpu);
  return { ms, cpuMs: (user + system) / 1_000 };
}
