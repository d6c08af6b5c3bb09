/** The firewall by `iptables-restore` and `ip6tables-restore`, where there is no `nft`; one transaction per table and family. */
import { RhumbError } from '#shared/errors.ts';
import {
  hasJumps,
  hasKillSwitch,
  iptablesGone,
  iptablesText,
  type Jumps,
  killSwitchLines,
  killSwitchTables,
  killSwitchTablesGone,
  readJumps,
} from './iptables-text.ts';
import type { KillSwitchWish } from './kill-switch-text.ts';
import type { FirewallPlan } from './rules.ts';
import { isMissing, must, type Tool } from './tool.ts';

/** One family's programs. */
export interface Iptables {
  readonly family: 4 | 6;
  readonly name: string;
  readonly save: Tool;
  readonly restore: Tool;
}

/** Waits this long for another program that changes rules now. */
const WAIT = ['-w', '10'];

/** With `isSame` only what somebody took away is made again. True when there was something to do. */
export async function applyIptables(
  tools: readonly Iptables[],
  plan: Partial<FirewallPlan>,
  { diverts, isSame }: { readonly diverts: boolean; readonly isSame: boolean },
): Promise<boolean> {
  let changed = false;
  for (const tool of tools) {
    const now = await jumps(tool);
    if (isSame && hasJumps(plan, diverts, now)) continue;
    changed = true;
    await restore(tool, iptablesText(plan, tool.family, diverts, now));
  }
  return changed;
}

/** True when there was something. */
export async function clearIptables(tools: readonly Iptables[]): Promise<boolean> {
  let found = false;
  for (const tool of tools) {
    const text = iptablesGone(await jumps(tool));
    if (text !== '') found = true;
    await restore(tool, text);
  }
  return found;
}

/** IPv4 and IPv6 or none: half a kill switch is none. */
export async function setIptablesKillSwitch(tools: readonly Iptables[], wish: KillSwitchWish): Promise<void> {
  const before: [Iptables, string][] = [];
  for (const tool of tools) before.push([tool, killSwitchTables(wish, tool.family, await jumps(tool))]);
  for (const [tool, text] of before) await restore(tool, text);
}

/** The lines of it that are there, and whatever comes before it; empty when there are none. */
export async function shownIptablesKillSwitch(tools: readonly Iptables[]): Promise<string> {
  const shown: string[] = [];
  for (const tool of tools) shown.push(...killSwitchLines(must(await tool.save([]), `${tool.name}-save`)));
  return shown.join('\n');
}

export async function clearIptablesKillSwitch(tools: readonly Iptables[]): Promise<boolean> {
  let found = false;
  for (const tool of tools) {
    const now = await jumps(tool);
    if (hasKillSwitch(now)) found = true;
    await restore(tool, killSwitchTablesGone(now));
  }
  return found;
}

async function jumps(tool: Iptables): Promise<Jumps> {
  return readJumps(must(await tool.save([]), `${tool.name}-save`));
}

async function restore(tool: Iptables, text: string): Promise<void> {
  if (text === '') return;
  const result = await tool.restore([...WAIT, '--noflush'], text);
  if (result.code === 0) return;
  const [first = ''] = result.stderr.split('\n').filter((line) => line.trim() !== '');
  throw new RhumbError(
    /Operation not permitted|you must be root/.test(result.stderr) ? 'not-allowed' : 'unavailable',
    `${tool.name}-restore: ${first.trim() || `exit status ${result.code}`}`,
  );
}

/** Which families' programs are there and work. */
export async function usableIptables(tools: readonly Iptables[]): Promise<Iptables[]> {
  const usable: Iptables[] = [];
  for (const tool of tools) {
    try {
      if ((await tool.save([])).code === 0) usable.push(tool);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
  return usable;
}
