/** Undoes what the router did, at its end or after a crash. */
import { RhumbError } from '#shared/errors.ts';
import type { Log } from '#shared/log/log.ts';
import { Firewall } from '../firewall/firewall.ts';
import type { Tool } from '../firewall/tool.ts';
import { command, judge, runBatches } from './batch.ts';
import { systemIp } from './ip-tool.ts';
import { readKernel, readTable, rulesOf } from './kernel.ts';
import { isIpv6, type KernelState, type RouterOp } from './plan.ts';
import { INTERFACE_NAME, type RouterRecord, readRecord, removeRecord } from './record.ts';

interface UndoDeps {
  readonly ip: Tool;
  readonly firewall: Firewall;
  readonly log: Log;
}

type Undo = Pick<RouterRecord, 'tunName' | 'addresses' | 'firewall'> & {
  readonly before: RouterRecord['before'] | undefined;
};

/** Everything but the kill switch; returns what was done, for people. The interface may be gone already. */
export async function undo(
  { ip, firewall, log }: UndoDeps,
  record: Undo,
): Promise<{ readonly done: readonly string[]; readonly pids: readonly number[] }> {
  const { tunName } = record;
  const ops = await undoOps(ip, record);
  const { failures, pids } = await runBatches(ip, tunName, ops);
  log('info', 'router.cleared', { tun: tunName, changes: ops.length, failed: failures.length });
  judge(tunName, failures, true);
  const done = ops.map((op) => `ip ${isV6Rule(op) ? '-6 ' : ''}${command(tunName, op)}`);
  if (record.firewall !== undefined) {
    if (await firewall.clear()) done.push('rules of the firewall');
    if (record.firewall.srcValidMark !== undefined) firewall.restoreMarks(record.firewall.srcValidMark);
  }
  return { done, pids };
}

async function undoOps(ip: Tool, { tunName, addresses, before }: Undo): Promise<readonly RouterOp[]> {
  const here = await readKernel(ip, tunName);
  const state = here?.state;
  const table = here ?? (await readTable(ip, tunName));
  const routes = state?.routes ?? ('routes' in table ? table.routes : new Map());
  const rules: KernelState['rules'] = state?.rules ?? [...(await rulesOf(ip, 4)), ...(await rulesOf(ip, 6))];
  const ops: RouterOp[] = [...routes].map(([prefix, to]) => ({ op: 'route-del', prefix, to }));
  // While somebody else like us has routes there, the rules that lead to them stay.
  if (!table.hasOtherRoutes)
    for (const { family, isOurs, ...rule } of rules) if (isOurs) ops.push({ op: 'rule-del', family, rule });
  if (state === undefined) return ops;
  for (const prefix of addresses) if (state.addresses.has(prefix)) ops.push({ op: 'address-del', prefix });
  if (before !== undefined && before.mtu !== state.mtu) ops.push({ op: 'mtu', mtu: before.mtu });
  if (before !== undefined && !before.isUp && state.isUp) ops.push({ op: 'down' });
  return ops;
}

const isV6Rule = (op: RouterOp): boolean =>
  'rule' in op ? op.family === 6 : 'prefix' in op && isIpv6(op.prefix) && op.op !== 'address-del';

export interface CleanupOptions {
  readonly tunName: string;
  readonly recordPath: string;
  readonly log: Log;
  readonly keepKillSwitch: boolean;
  readonly ip?: Tool;
  readonly firewall?: Firewall;
  /** Takes the interface for as long as the work lasts; throws when it is another's. */
  readonly hold: (tunName: string) => Disposable;
}

/**
 * Undoes what a crashed daemon left, if `hold` lets us have the interface: what another process holds is in use, by a
 * daemon with another state perhaps. Routes and rules are found by our protocol number; firewall rules only when the
 * record says that there may be some. Returns what was done, for people.
 */
export async function cleanup(options: CleanupOptions): Promise<readonly string[]> {
  const { tunName, recordPath, log, keepKillSwitch, hold, ip = systemIp } = options;
  const firewall = options.firewall ?? new Firewall(log);
  if (!INTERFACE_NAME.test(tunName))
    throw new RhumbError(
      'bad-argument',
      `not an interface name: ${tunName} (up to 15 letters, digits, - _ .)`,
    );
  const record = await readRecord(recordPath);
  const own: Undo =
    record?.tunName === tunName
      ? record
      : { tunName, addresses: [], before: undefined, firewall: record?.firewall };
  // A person who asks wants everything gone, also when the record is.
  const all: Undo = keepKillSwitch || own.firewall !== undefined ? own : { ...own, firewall: {} };
  let isOthers = false;
  try {
    const exists = (await readKernel(ip, tunName)) !== undefined;
    isOthers = exists;
    using _held = exists ? hold(tunName) : undefined;
    isOthers = false;
    const { done } = await undo({ ip, firewall, log }, all);
    const opened = keepKillSwitch ? [] : await openWay(firewall);
    await removeRecord(recordPath);
    return [...done, ...opened];
  } catch (error) {
    // Whoever asks for the way out gets it, also where `ip` is missing.
    if (!keepKillSwitch && !isOthers) await openWay(firewall);
    throw error;
  }
}

/** Takes the kill switch away, whoever made it; returns what was done, for people. */
export const openWay = async (firewall: Firewall): Promise<readonly string[]> =>
  (await firewall.clearKillSwitch()) ? ['the kill switch: packets may leave outside the tunnel again'] : [];
