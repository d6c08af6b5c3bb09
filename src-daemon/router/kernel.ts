/** What the kernel holds for the tunnel now, asked of `ip`. */
import { readFile } from 'node:fs/promises';
import { must, type Tool } from '../firewall/tool.ts';
import { readLink, readRoutes, readRules } from './ip-output.ts';
import type { KernelState, RouteTo } from './plan.ts';
import { ROUTE_TABLE } from './policy.ts';

export interface KernelFacts {
  readonly state: KernelState;
  /** Of the interface. */
  readonly index: number | undefined;
  /** Other programs have routes in our table, too. */
  readonly hasOtherRoutes: boolean;
}

/** Undefined when the interface does not exist. */
export async function readKernel(ip: Tool, tunName: string): Promise<KernelFacts | undefined> {
  const shown = await ip(['-j', 'addr', 'show', 'dev', tunName]);
  if (shown.code !== 0 && /does not exist|Cannot find device/.test(shown.stderr)) return undefined;
  const link = readLink(must(shown, `ip addr show dev ${tunName}`));
  if (link === undefined) return undefined;
  const { routes, hasOtherRoutes } = await readTable(ip, tunName);
  const rules = [...(await rulesOf(ip, 4)), ...(await rulesOf(ip, 6))];
  const { index, ...rest } = link;
  return { state: { ...rest, routes, rules }, index, hasOtherRoutes };
}

export async function readTable(
  ip: Tool,
  tunName: string,
): Promise<{ readonly routes: ReadonlyMap<string, RouteTo>; readonly hasOtherRoutes: boolean }> {
  const routes = new Map<string, RouteTo>();
  let hasOtherRoutes = false;
  for (const family of [4, 6] as const) {
    const args = [`-${family}`, 'route', 'show', 'table', String(ROUTE_TABLE)];
    const listed = await ip(['-j', ...args]);
    // A table without routes is none to the kernel; one without IPv6 has no such routes to show.
    if (listed.code !== 0 && (family === 6 || /table does not exist/.test(listed.stderr))) continue;
    const found = readRoutes(must(listed, `ip ${args.join(' ')}`), family, tunName);
    for (const [prefix, to] of found.ours) routes.set(prefix, to);
    hasOtherRoutes ||= found.hasOthers;
  }
  return { routes, hasOtherRoutes };
}

export async function rulesOf(ip: Tool, family: 4 | 6): Promise<KernelState['rules']> {
  const args = [`-${family}`, 'rule', 'show'];
  const listed = await ip(['-j', ...args]);
  if (family === 6 && listed.code !== 0) return [];
  return readRules(must(listed, `ip ${args.join(' ')}`), family);
}

/** Absent when the kernel has no IPv6 at all; 1 when it is switched off for the interface. */
export async function kernelHasIpv6(tunName: string): Promise<boolean> {
  try {
    const text = await readFile(`/proc/sys/net/ipv6/conf/${tunName}/disable_ipv6`, 'latin1');
    return text.trim() === '0';
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return false;
    throw error;
  }
}
