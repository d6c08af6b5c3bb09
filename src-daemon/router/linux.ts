/** Applies router plans on Linux through `ip`: one batch per change, only differences, and everything taken back. */
import { readFile } from 'node:fs/promises';
import { RhumbError } from '#shared/errors.ts';
import type { Log } from '#shared/log/log.ts';
import { ROUTE_PROTOCOL, readFailures, readLink, readRoutes } from './ip-output.ts';
import { type IpTool, systemIp } from './ip-tool.ts';
import { hostPrefix, type InterfaceState, isIpv6, plan, type RouterOp } from './plan.ts';
import { INTERFACE_NAME, type RouterRecord, readRecord, removeRecord, writeRecord } from './record.ts';
import type { Router, RouterConfig, RouterWarning } from './types.ts';

export interface RouterDeps {
  readonly tunName: string;
  /** File that outlives a crash. */
  readonly recordPath: string;
  readonly log: Log;
  readonly ip?: IpTool;
  /** Whether the interface takes IPv6; the default asks the kernel. */
  readonly hasIpv6?: (tunName: string) => Promise<boolean>;
}

export class LinuxRouter implements Router {
  readonly #deps: RouterDeps;
  readonly #ip: IpTool;
  #record: RouterRecord | undefined;
  /** Changes run one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(deps: RouterDeps) {
    checkName(deps.tunName);
    this.#deps = deps;
    this.#ip = deps.ip ?? systemIp;
  }

  apply(config: RouterConfig): Promise<readonly RouterWarning[]> {
    return this.#queue(() => this.#apply(config));
  }

  clear(_options: { readonly keepKillSwitch: boolean }): Promise<void> {
    return this.#queue(() => this.#clear());
  }

  /** The kill switch stays: who ends the daemon has not said that packets may go around the tunnel. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.clear({ keepKillSwitch: true });
  }

  async #apply(config: RouterConfig): Promise<readonly RouterWarning[]> {
    const { tunName, log } = this.#deps;
    const current = await readInterface(this.#ip, tunName);
    if (current === undefined)
      throw new RhumbError(
        'not-found',
        `the interface ${tunName} does not exist: restart rhumbd to make it again`,
      );
    const hasIpv6 = await (this.#deps.hasIpv6 ?? kernelHasIpv6)(tunName);
    const mine = new Set([...(this.#record?.addresses ?? []), ...config.addresses.map(hostPrefix)]);
    // Addresses that we did not put there are not ours to take away.
    const ours = current.addresses.filter((prefix) => mine.has(prefix));
    const { ops, withoutIpv6 } = plan(config, { ...current, addresses: ours }, hasIpv6);
    const warnings: RouterWarning[] = [];
    if (withoutIpv6.length > 0) warnings.push(noIpv6(tunName));
    if (ops.length === 0) return warnings;
    await this.#remember(current, ops);
    const failures = await runBatch(this.#ip, tunName, ops);
    log('info', 'router.applied', { tun: tunName, changes: ops.length, failed: failures.length });
    return [...warnings, ...judge(tunName, failures, warnings.length > 0)];
  }

  async #clear(): Promise<void> {
    const record = this.#record;
    if (record === undefined) return;
    await undo(this.#ip, record, this.#deps.log);
    this.#record = undefined;
    await removeRecord(this.#deps.recordPath);
  }

  /** Before the change, so that a crash in the middle of it can be undone. */
  async #remember(current: InterfaceState, ops: readonly RouterOp[]): Promise<void> {
    const before = this.#record?.before ?? { mtu: current.mtu, isUp: current.isUp };
    const addresses = new Set(this.#record?.addresses);
    const known = addresses.size;
    for (const op of ops) if (op.op === 'address-add') addresses.add(op.prefix);
    if (this.#record !== undefined && addresses.size === known) return;
    const record = { version: 1, tunName: this.#deps.tunName, addresses: [...addresses], before } as const;
    await writeRecord(this.#deps.recordPath, record);
    this.#record = record;
  }

  #queue<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#last.then(run);
    this.#last = result.catch(() => undefined);
    return result;
  }
}

/**
 * Undoes what a crashed daemon left on an interface, if there is one and `hold` lets us have it: what another process
 * holds is in use, by a daemon with another state perhaps. Returns what was done, for people.
 */
export async function cleanup(options: {
  readonly tunName: string;
  readonly recordPath: string;
  readonly log: Log;
  readonly ip?: IpTool;
  /** Takes the interface for as long as the work lasts; throws when it is another's. */
  readonly hold: (tunName: string) => Disposable;
}): Promise<readonly string[]> {
  const { tunName, recordPath, log, hold, ip = systemIp } = options;
  checkName(tunName);
  const record = await readRecord(recordPath);
  let done: readonly string[] = [];
  if ((await readInterface(ip, tunName)) !== undefined) {
    using _held = hold(tunName);
    const own = record?.tunName === tunName ? record : { tunName, addresses: [], before: undefined };
    done = await undo(ip, own, log);
  }
  await removeRecord(recordPath);
  return done.map((command) => `ip ${command}`);
}

function checkName(tunName: string): void {
  if (!INTERFACE_NAME.test(tunName))
    throw new RhumbError(
      'bad-argument',
      `not an interface name: ${tunName} (up to 15 letters, digits, - _ .)`,
    );
}

type Undo = Pick<RouterRecord, 'tunName' | 'addresses'> & {
  readonly before: RouterRecord['before'] | undefined;
};

async function undo(ip: IpTool, record: Undo, log: Log): Promise<readonly string[]> {
  const { tunName, before } = record;
  const current = await readInterface(ip, tunName);
  if (current === undefined) return [];
  const here = new Set(current.addresses);
  const ops: RouterOp[] = [
    ...current.routes.map((prefix) => ({ op: 'route-del', prefix }) as const),
    ...record.addresses
      .filter((prefix) => here.has(prefix))
      .map((prefix) => ({ op: 'address-del', prefix }) as const),
  ];
  if (before !== undefined && before.mtu !== current.mtu) ops.push({ op: 'mtu', mtu: before.mtu });
  if (before !== undefined && !before.isUp && current.isUp) ops.push({ op: 'down' });
  const failures = await runBatch(ip, tunName, ops);
  log('info', 'router.cleared', { tun: tunName, changes: ops.length, failed: failures.length });
  judge(tunName, failures, true);
  return ops.map((op) => command(tunName, op));
}

async function readInterface(ip: IpTool, tunName: string): Promise<InterfaceState | undefined> {
  const shown = await ip(['-j', 'addr', 'show', 'dev', tunName]);
  if (shown.code !== 0 && /does not exist|Cannot find device/.test(shown.stderr)) return undefined;
  const link = readLink(must(shown, `ip addr show dev ${tunName}`));
  if (link === undefined) return undefined;
  const routes: string[] = [];
  for (const family of [4, 6] as const) {
    const args = ['-j', `-${family}`, 'route', 'show', 'dev', tunName];
    const listed = await ip(args);
    // A kernel without IPv6 has no IPv6 routes to show.
    if (family === 6 && listed.code !== 0) continue;
    routes.push(...readRoutes(must(listed, `ip ${args.slice(1).join(' ')}`), family));
  }
  return { ...link, routes };
}

function must(
  result: { readonly code: number; readonly stdout: string; readonly stderr: string },
  what: string,
): string {
  if (result.code !== 0)
    throw new RhumbError('unavailable', `${what}: ${result.stderr.trim() || `exit status ${result.code}`}`);
  return result.stdout;
}

interface Failure {
  readonly op: RouterOp;
  readonly reason: string;
}

/** `-force` goes on after a failing line, so one refused route does not cost the others. */
async function runBatch(ip: IpTool, tunName: string, ops: readonly RouterOp[]): Promise<readonly Failure[]> {
  if (ops.length === 0) return [];
  const lines = ops.map((op) => command(tunName, op));
  const result = await ip(['-force', '-batch', '-'], `${lines.join('\n')}\n`);
  const failed = readFailures(result.stderr);
  if (result.code !== 0 && failed.size === 0)
    throw new RhumbError('unavailable', `ip -batch: ${result.stderr.trim() || `exit status ${result.code}`}`);
  return [...failed].flatMap(([line, reason]) => {
    const op = ops[line];
    return op === undefined ? [] : [{ op, reason }];
  });
}

function command(tunName: string, op: RouterOp): string {
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
      return `route add ${op.prefix} dev ${tunName} proto ${ROUTE_PROTOCOL}`;
    case 'route-del':
      return `route del ${op.prefix} dev ${tunName} proto ${ROUTE_PROTOCOL}`;
    default:
      return op satisfies never;
  }
}

const EXISTS = /File exists|already assigned/;
const GONE = /No such process|No such device|Cannot find device|not found|Cannot assign requested address/;
const NO_IPV6 = /IPv6 is disabled|Address family not supported|Permission denied/;

/** Failures that change nothing, those to warn of, and those to stop at. */
function judge(tunName: string, failures: readonly Failure[], knowsNoIpv6: boolean): RouterWarning[] {
  const warnings: RouterWarning[] = [];
  let saidNoIpv6 = knowsNoIpv6;
  for (const { op, reason } of failures) {
    const isRemoval = op.op === 'address-del' || op.op === 'route-del' || op.op === 'down';
    if (isRemoval && GONE.test(reason)) continue;
    if (op.op === 'address-add' && EXISTS.test(reason)) continue;
    if (op.op === 'route-add' && EXISTS.test(reason)) warnings.push(routeTaken(tunName, op.prefix));
    else if ('prefix' in op && isIpv6(op.prefix) && NO_IPV6.test(reason)) {
      if (!saidNoIpv6) warnings.push(noIpv6(tunName));
      saidNoIpv6 = true;
    } else throw refused(`ip ${command(tunName, op)}`, reason);
  }
  return warnings;
}

function refused(what: string, reason: string): RhumbError {
  if (/Operation not permitted/.test(reason))
    return new RhumbError('not-allowed', `${what}: not permitted; run rhumbd as root or with CAP_NET_ADMIN`);
  return new RhumbError('unavailable', `${what}: ${reason}`);
}

const noIpv6 = (tunName: string): RouterWarning => ({
  kind: 'no-ipv6',
  text: `IPv6 is disabled on this machine, so peers are reached by their IPv4 addresses only; to use it: sysctl net.ipv6.conf.${tunName}.disable_ipv6=0`,
});

const routeTaken = (tunName: string, prefix: string): RouterWarning => ({
  kind: 'route-taken',
  prefix,
  text: `another route to ${prefix} exists and is kept, so that peer can't be reached; to see it: ip route get ${prefix.replace(/\/\d+$/, '')} (ours would go to ${tunName})`,
});

/** Absent when the kernel has no IPv6 at all; 1 when it is switched off for the interface. */
async function kernelHasIpv6(tunName: string): Promise<boolean> {
  try {
    const text = await readFile(`/proc/sys/net/ipv6/conf/${tunName}/disable_ipv6`, 'latin1');
    return text.trim() === '0';
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return false;
    throw error;
  }
}
