/** Which routers of the network answer now (localapi-and-daemon.md §2.1, `routecheck`). */
import type { Clock } from '#shared/async/clock.ts';
import { goTime } from '#shared/localapi/struct.ts';
import type { Node } from '#shared/wire/node.ts';
import type { Backend } from '../backend/backend.ts';

/** So many are asked at the same time. */
const AT_ONCE = 32;

const withoutBits = (prefix: string): string => prefix.slice(0, prefix.indexOf('/'));

/** Addresses beyond a node's own: what it carries for others. */
export function carriedBy(node: Node): readonly string[] {
  const own = new Set(node.Addresses ?? []);
  return (node.AllowedIPs ?? []).filter((prefix) => !own.has(prefix));
}

export interface RouteReport {
  readonly done: string;
  readonly reachable: readonly {
    readonly id: number | bigint;
    readonly name: string;
    readonly addr: string;
    readonly routes: readonly string[];
  }[];
}

type Prober = Pick<Backend, 'map' | 'ping'>;

/** Pings every router at once and waits for their answers, never longer than asked. */
export async function probeRoutes(
  backend: Prober,
  clock: Clock,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<RouteReport> {
  const routers = [...(backend.map?.peers.values() ?? [])].filter((node) => carriedBy(node).length > 0);
  const late = new AbortController();
  const cancel = clock.after(timeoutMs, () => late.abort());
  const limit = AbortSignal.any([signal, late.signal]);
  const reachable: RouteReport['reachable'][number][] = [];
  const waiting = routers[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (const node of waiting) {
      if (limit.aborted) return;
      const addr = withoutBits(node.Addresses?.[0] ?? '');
      if (await answers(backend, addr, limit))
        reachable.push({ id: node.ID, name: node.Name, addr, routes: carriedBy(node) });
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  } finally {
    cancel();
  }
  signal.throwIfAborted();
  reachable.sort((a, b) => (a.name < b.name ? -1 : 1));
  return { done: goTime(clock.now()), reachable };
}

async function answers(backend: Prober, ip: string, signal: AbortSignal): Promise<boolean> {
  try {
    return (await backend.ping({ ip, kind: 'TSMP', size: 0 }, signal)).Err === '';
  } catch {
    return false; // not in time, or no tunnel: both mean that nothing gets there now
  }
}
