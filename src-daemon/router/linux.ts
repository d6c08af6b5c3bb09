/** Applies router plans on Linux: one batch per change, only differences, and everything taken back. */
import { existsSync } from 'node:fs';
import type { Clock } from '#shared/async/clock.ts';
import { RhumbError } from '#shared/errors.ts';
import type { Log } from '#shared/log/log.ts';
import { Firewall, type FirewallWarning } from '../firewall/firewall.ts';
import type { Tool } from '../firewall/tool.ts';
import type { FirewallConfig } from '../firewall/types.ts';
import { judge, noIpv6, runBatches } from './batch.ts';
import { undo } from './cleanup.ts';
import { systemIp } from './ip-tool.ts';
import { type KernelFacts, kernelHasIpv6, readKernel } from './kernel.ts';
import {
  hostPrefix,
  type KernelState,
  performed,
  plan,
  type RouterOp,
  type Wanted,
  wantedOf,
} from './plan.ts';
import { POLICY_SPAN, type PolicyStyle, policyRules, policyStyle, ROUTE_TABLE } from './policy.ts';
import { INTERFACE_NAME, type RouterRecord, removeRecord, writeRecord } from './record.ts';
import { type Deletion, Restorer } from './restorer.ts';
import { type KillSwitch, NO_FIREWALL, type Router, type RouterConfig, type RouterWarning } from './types.ts';

export interface RouterDeps {
  readonly tunName: string;
  /** File that outlives a crash. */
  readonly recordPath: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly ip?: Tool;
  readonly firewall?: Firewall;
  /** Whether the interface takes IPv6; the default asks the kernel. */
  readonly hasIpv6?: (tunName: string) => Promise<boolean>;
  readonly hasFile?: (path: string) => boolean;
  /** Tells what others took away from under us until aborted; without it nothing comes back by itself. */
  readonly watch?:
    | ((onDeletion: (deletion: Deletion) => void, signal: AbortSignal) => Promise<void>)
    | undefined;
}

export class LinuxRouter implements Router {
  readonly #deps: RouterDeps;
  readonly #ip: Tool;
  readonly #firewall: Firewall;
  readonly #restorer: Restorer;
  #record: RouterRecord | undefined;
  #style: PolicyStyle | undefined;
  /** As of the last look and what was done since; undefined = to be looked at. */
  #known: KernelFacts | undefined;
  #config: RouterConfig | undefined;
  /** What holds while nothing is applied. */
  #closed: { readonly killSwitch: KillSwitch; readonly kind: FirewallConfig['kind'] } | undefined;
  #srcValidMark: string | undefined;
  /** What the firewall was last told, with nothing to warn of; undefined = to be told again. */
  #firewallText: string | undefined;
  #firewallWarnings: readonly FirewallWarning[] = [];
  /** Of the interface. */
  #index: number | undefined;
  /** Changes run one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(deps: RouterDeps) {
    if (!INTERFACE_NAME.test(deps.tunName))
      throw new RhumbError(
        'bad-argument',
        `not an interface name: ${deps.tunName} (up to 15 letters, digits, - _ .)`,
      );
    this.#deps = deps;
    this.#ip = deps.ip ?? systemIp;
    this.#firewall = deps.firewall ?? new Firewall(deps.log);
    this.#restorer = new Restorer({
      clock: deps.clock,
      log: deps.log,
      watch: deps.watch,
      concerns: (deletion) => this.#concerns(deletion),
      restore: (what) => this.#queue(() => this.#restore(what)),
    });
  }

  apply(config: RouterConfig): Promise<readonly RouterWarning[]> {
    return this.#queue(async () => {
      try {
        return await this.#apply(config);
      } finally {
        this.#restorer.own(this.#firewall.takePids());
      }
    });
  }

  clear({ killSwitch }: { readonly killSwitch: KillSwitch | undefined }): Promise<void> {
    return this.#queue(async () => {
      if (killSwitch !== undefined) return await this.#hold(killSwitch);
      this.#closed = undefined;
      try {
        await this.#clear();
      } finally {
        // Whoever gave the exit node up must not stay shut in because something else can't be taken back.
        await this.#firewall.clearKillSwitch();
      }
    });
  }

  /** Nothing is applied, and nothing leaves: by the firewall where that may be, by routes into nowhere where it may not. */
  async #hold(killSwitch: KillSwitch): Promise<void> {
    const kind = this.#config?.firewall.kind ?? '';
    try {
      if (killSwitch.byRoutesOnly === true) await this.#apply(nowhere(killSwitch, NO_FIREWALL));
      else {
        this.#closed = { killSwitch, kind };
        await this.#close();
        await this.#clear();
      }
    } catch (error) {
      if (killSwitch.byRoutesOnly !== true && this.#config === undefined)
        await this.#apply(nowhere(killSwitch, { ...NO_FIREWALL, mode: 'on', kind, killSwitch }));
      throw error;
    } finally {
      this.#restorer.own(this.#firewall.takePids());
    }
  }

  /** Without a tunnel there is nobody to forward for. */
  async #close(): Promise<void> {
    if (this.#closed === undefined) return;
    const { killSwitch, kind } = this.#closed;
    this.#restorer.start();
    await this.#firewall.setKillSwitch(killSwitch, { kind, forwards: false }, this.#deps.tunName);
    this.#restorer.own(this.#firewall.takePids());
  }

  /** The kill switch stays: who ends the daemon has not said that packets may go around the tunnel. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#restorer[Symbol.asyncDispose]();
    await this.#queue(() => this.#clear());
  }

  async #apply(config: RouterConfig): Promise<readonly RouterWarning[]> {
    const { tunName, log } = this.#deps;
    const { firewall } = config;
    const isFirst = this.#config === undefined;
    // Also when this attempt fails: what others take away meanwhile must not bring back what was wanted before.
    this.#config = config;
    const firewallText = JSON.stringify([firewall, config.addresses]);
    const isFirewallKnown = this.#restorer.isWatching && this.#firewallText === firewallText;
    const refusal = isFirewallKnown ? undefined : await this.#shut(firewall);
    if (!this.#restorer.isWatching) this.#known = undefined;
    const known = this.#known ?? (await readKernel(this.#ip, tunName));
    if (known === undefined)
      throw new RhumbError(
        'not-found',
        `the interface ${tunName} does not exist: restart rhumbd to make it again`,
      );
    this.#index = known.index;
    const hasIpv6 = await (this.#deps.hasIpv6 ?? kernelHasIpv6)(tunName);
    this.#style ??= policyStyle({ hasFile: this.#deps.hasFile ?? existsSync, rules: known.state.rules });
    const wanted = wantedOf(config, policyRules(this.#style), hasIpv6);
    const ops = plan(wanted, this.#withoutOthers(known.state, config));
    // On disk before anything changes, so that a crash in the middle can be undone.
    await this.#remember(known.state, ops, firewall.mode !== 'off');
    this.#restorer.start();
    const warnings = wanted.withoutIpv6.length > 0 ? [noIpv6(tunName)] : [];
    const failed = await this.#change(known, ops, wanted);
    warnings.push(...failed);
    if (!isFirewallKnown) await this.#applyFirewall(firewall, [...wanted.addresses]);
    const isDone = this.#firewallWarnings.length === 0 && refusal === undefined;
    this.#firewallText = isDone ? firewallText : undefined;
    warnings.push(...this.#firewallWarnings);
    if (isFirst || ops.length > 0)
      log('info', 'router.applied', { tun: tunName, changes: ops.length, warnings: warnings.length });
    this.#closed = undefined;
    // Not before the routes are there: they hold most of what a kill switch would.
    if (refusal !== undefined) throw refusal.error;
    return warnings;
  }

  /** Before anything that can fail: whatever does must find the way closed. What is wrong when it is not. */
  async #shut(firewall: FirewallConfig): Promise<{ readonly error: unknown } | undefined> {
    const killSwitch = killSwitchOf(firewall);
    if (killSwitch === undefined) return undefined;
    this.#restorer.start();
    try {
      await this.#firewall.setKillSwitch(killSwitch, firewall, this.#deps.tunName);
      return undefined;
    } catch (error) {
      return { error };
    }
  }

  async #applyFirewall(firewall: FirewallConfig, addresses: readonly string[]): Promise<void> {
    this.#firewallText = undefined;
    this.#firewallWarnings = await this.#firewall.apply(firewall, { tunName: this.#deps.tunName, addresses });
    if (killSwitchOf(firewall) === undefined) await this.#firewall.clearKillSwitch();
  }

  async #change(
    known: KernelFacts,
    ops: readonly RouterOp[],
    { withoutIpv6 }: Wanted,
  ): Promise<readonly RouterWarning[]> {
    const { tunName } = this.#deps;
    this.#known = undefined;
    const { failures, pids } = await runBatches(this.#ip, tunName, ops);
    this.#restorer.own(pids);
    if (failures.length === 0) this.#known = { ...known, state: performed(known.state, ops) };
    return judge(tunName, failures, withoutIpv6.length > 0);
  }

  /** Addresses that we did not put there are not ours to take away. */
  #withoutOthers(state: KernelState, config: RouterConfig): KernelState {
    const mine = new Set([...(this.#record?.addresses ?? []), ...config.addresses.map(hostPrefix)]);
    return { ...state, addresses: state.addresses.intersection(mine) };
  }

  async #restore(what: ReadonlySet<Deletion['what']>): Promise<void> {
    if (this.#config === undefined) {
      await this.#close();
      return;
    }
    // Most news are of firewalls that containers come and go with: those say nothing of routes.
    if (what.size > 1 || !what.has('firewall')) this.#known = undefined;
    if (what.has('firewall') || what.has('all')) this.#firewallText = undefined;
    const warnings = await this.#apply(this.#config);
    this.#restorer.own(this.#firewall.takePids());
    for (const { kind, text } of warnings) this.#deps.log('warn', 'router.warning', { kind, text });
  }

  #concerns(deletion: Deletion): boolean {
    if (this.#config === undefined)
      return this.#closed !== undefined && (deletion.what === 'firewall' || deletion.what === 'all');
    switch (deletion.what) {
      case 'rule': {
        const base = this.#style?.base ?? 0;
        return deletion.priority >= base && deletion.priority < base + POLICY_SPAN;
      }
      case 'route':
        return deletion.table === ROUTE_TABLE;
      case 'address':
        return deletion.index === this.#index;
      case 'firewall':
        return this.#config.firewall.mode !== 'off';
      case 'all':
        return true;
      default:
        return deletion satisfies never;
    }
  }

  async #clear(): Promise<void> {
    const record = this.#record;
    this.#firewallText = undefined;
    this.#config = undefined;
    this.#known = undefined;
    if (record !== undefined) {
      const { pids } = await undo({ ...this.#deps, ip: this.#ip, firewall: this.#firewall }, record);
      this.#restorer.own(pids);
      this.#record = undefined;
      this.#srcValidMark = undefined;
      await removeRecord(this.#deps.recordPath);
    }
  }

  async #remember(current: KernelState, ops: readonly RouterOp[], hasFirewall: boolean): Promise<void> {
    const old = this.#record;
    const before = old?.before ?? { mtu: current.mtu, isUp: current.isUp };
    const addresses = new Set(old?.addresses);
    for (const op of ops) if (op.op === 'address-add') addresses.add(op.prefix);
    const marks = hasFirewall && this.#srcValidMark === undefined ? this.#firewall.marksBefore() : undefined;
    this.#srcValidMark ??= marks;
    const firewall = this.#firewallRecord(hasFirewall);
    const isKnown =
      old !== undefined &&
      addresses.size === old.addresses.length &&
      old.firewall?.srcValidMark === firewall?.srcValidMark &&
      (old.firewall === undefined) === (firewall === undefined);
    if (isKnown || (old === undefined && ops.length === 0 && firewall === undefined)) return;
    const record: RouterRecord = {
      version: 1,
      tunName: this.#deps.tunName,
      addresses: [...addresses],
      before,
      ...(firewall === undefined ? {} : { firewall }),
    };
    await writeRecord(this.#deps.recordPath, record);
    this.#record = record;
    if (marks !== undefined) this.#firewall.lookAtMarks();
  }

  #firewallRecord(hasFirewall: boolean): RouterRecord['firewall'] {
    if (!hasFirewall) return this.#record?.firewall;
    return this.#srcValidMark === undefined ? {} : { srcValidMark: this.#srcValidMark };
  }

  #queue<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#last.then(run);
    this.#last = result.catch(() => undefined);
    return result;
  }
}

/** Who wants the firewall left alone has none. */
const killSwitchOf = ({ mode, killSwitch }: FirewallConfig): KillSwitch | undefined =>
  mode === 'off' ? undefined : killSwitch;

/** Into a tunnel without peers. */
const nowhere = ({ lan }: KillSwitch, firewall: FirewallConfig): RouterConfig => ({
  addresses: [],
  mtu: 1_280,
  routes: ['0.0.0.0/0', '::/0'],
  localRoutes: lan,
  firewall,
});
