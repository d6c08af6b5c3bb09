/** Runs operations through `ip -batch` and says what of it failed, and which failures matter. */
import { RhumbError } from '#shared/errors.ts';
import { refused, type Tool } from '../firewall/tool.ts';
import { ROUTE_PROTOCOL, readFailures } from './ip-output.ts';
import { isIpv6, type RouterOp } from './plan.ts';
import { ROUTE_TABLE } from './policy.ts';
import type { RouterWarning } from './types.ts';

export interface Failure {
  readonly op: RouterOp;
  readonly reason: string;
}

export interface BatchResult {
  readonly failures: readonly Failure[];
  /** Of the processes that made the changes. */
  readonly pids: readonly number[];
}

/**
 * One process for everything but IPv6 rules, whose family a line of a batch can't name: those get one of their own,
 * before routes come and after routes go.
 */
export async function runBatches(ip: Tool, tunName: string, ops: readonly RouterOp[]): Promise<BatchResult> {
  const rules6 = ops.filter((op) => 'rule' in op && op.family === 6);
  const rest = ops.filter((op) => !('rule' in op && op.family === 6));
  const failures: Failure[] = [];
  const pids: number[] = [];
  for (const [flags, part] of [
    [['-6'], rules6.filter(({ op }) => op === 'rule-add')],
    [[], rest],
    [['-6'], rules6.filter(({ op }) => op === 'rule-del')],
  ] as const) {
    if (part.length === 0) continue;
    const { failed, pid } = await runBatch(ip, flags, tunName, part);
    failures.push(...failed);
    if (pid !== undefined) pids.push(pid);
  }
  return { failures, pids };
}

/** `-force` goes on after a failing line, so one refused route does not cost the others. */
async function runBatch(
  ip: Tool,
  flags: readonly string[],
  tunName: string,
  ops: readonly RouterOp[],
): Promise<{ readonly failed: readonly Failure[]; readonly pid: number | undefined }> {
  const lines = ops.map((op) => command(tunName, op));
  const result = await ip([...flags, '-force', '-batch', '-'], `${lines.join('\n')}\n`);
  const failed = readFailures(result.stderr);
  if (result.code !== 0 && failed.size === 0)
    throw new RhumbError('unavailable', `ip -batch: ${result.stderr.trim() || `exit status ${result.code}`}`);
  return {
    failed: [...failed].flatMap(([line, reason]) => {
      const op = ops[line];
      return op === undefined ? [] : [{ op, reason }];
    }),
    pid: result.pid,
  };
}

export function command(tunName: string, op: RouterOp): string {
  switch (op.op) {
    case 'mtu':
      return `link set dev ${tunName} mtu ${op.mtu}`;
    case 'up':
    case 'down':
      return `link set dev ${tunName} ${op.op}`;
    case 'address-add':
      return `address add ${op.prefix} dev ${tunName}${isIpv6(op.prefix) ? ' nodad' : ''}`;
    case 'address-del':
      return `address del ${op.prefix} dev ${tunName}`;
    case 'route-add':
    case 'route-del':
    case 'route-replace': {
      const way = op.to === 'throw' ? `throw ${op.prefix}` : `${op.prefix} dev ${tunName}`;
      return `route ${op.op.slice('route-'.length)} ${way} table ${ROUTE_TABLE} proto ${ROUTE_PROTOCOL}`;
    }
    case 'rule-add':
    case 'rule-del': {
      const { priority, selector, action } = op.rule;
      const words = [op.op === 'rule-add' ? 'add' : 'del', selector, 'pref', priority, action];
      return `rule ${words.filter((word) => word !== '').join(' ')} protocol ${ROUTE_PROTOCOL}`;
    }
    default:
      return op satisfies never;
  }
}

const EXISTS = /File exists|already assigned/;
const GONE =
  /No such process|No such device|Cannot find device|not found|Cannot assign requested address|No such file or directory|table does not exist/;
const NO_IPV6 = /IPv6 is disabled|Address family not supported|Permission denied/;

/** Failures that change nothing, those to warn of, and those to stop at. */
export function judge(tunName: string, failures: readonly Failure[], knowsNoIpv6: boolean): RouterWarning[] {
  const warnings: RouterWarning[] = [];
  let saidNoIpv6 = knowsNoIpv6;
  for (const { op, reason } of failures) {
    const isRemoval = op.op.endsWith('-del') || op.op === 'down';
    if (isRemoval && GONE.test(reason)) continue;
    // Of the rules of another daemon like us one is as good as two.
    if ((op.op === 'address-add' || op.op === 'rule-add') && EXISTS.test(reason)) continue;
    if (op.op === 'route-add' && EXISTS.test(reason)) warnings.push(routeTaken(op.prefix));
    else if (isOfIpv6(op) && NO_IPV6.test(reason)) {
      if (!saidNoIpv6) warnings.push(noIpv6(tunName));
      saidNoIpv6 = true;
    } else throw refused(`ip ${command(tunName, op)}`, reason);
  }
  return warnings;
}

const isOfIpv6 = (op: RouterOp): boolean =>
  'prefix' in op ? isIpv6(op.prefix) : 'rule' in op && op.family === 6;

export const noIpv6 = (tunName: string): RouterWarning => ({
  kind: 'no-ipv6',
  text: `IPv6 is disabled on this machine, so peers are reached by their IPv4 addresses only; to use it: sysctl net.ipv6.conf.${tunName}.disable_ipv6=0`,
});

const routeTaken = (prefix: string): RouterWarning => ({
  kind: 'route-taken',
  prefix,
  text: `another program has a route to ${prefix} in routing table ${ROUTE_TABLE}, which is kept, so what it leads to can't be reached through the network; to see it: ip route show table ${ROUTE_TABLE}`,
});
