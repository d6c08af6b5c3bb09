/** Keeps this machine's names as the network wants them: our resolver first, then the system's, each failure a warning and tried again. */
import { backoffMs } from '#shared/async/backoff.ts';
import type { Clock, Random } from '#shared/async/clock.ts';
import { toRhumbError } from '#shared/errors.ts';
import type { Log } from '#shared/log/log.ts';
import { type Base, type BaseDns, type Compiled, compile, type SystemFacts } from './compile.ts';
import type { DnsResolver, ResolverConfig } from './resolver/types.ts';
import type { Mode, SystemEvents, SystemResolver } from './system/types.ts';
import type { DnsWish, SystemDns } from './types.ts';

/** Health codes (localapi-and-daemon.md §2.9). */
export type DnsTrouble =
  | 'dns-read-os-config-failed'
  | 'dns-set-os-config-failed'
  | 'resolv-conf-overwritten'
  | 'dns-manager';

export interface DnsManagerDeps {
  readonly resolver: Pick<DnsResolver, 'configure' | 'flush'>;
  /** Finds out who is in charge of names here; asked anew after a failure. */
  readonly openSystem: (
    events: SystemEvents,
  ) => Promise<{ readonly system: SystemResolver; readonly isMiswired: boolean }>;
  /** The servers in the system's files, for as long as nobody was asked. */
  readonly fileNameservers: () => Promise<readonly string[]>;
  readonly hasIpv6: () => Promise<boolean>;
  readonly isHttpsOnly: SystemFacts['isHttpsOnly'];
  /** Undefined = that trouble is over. */
  readonly trouble: (what: DnsTrouble, error: string | undefined) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

interface Wanted {
  readonly wish: DnsWish;
  readonly inside: ResolverConfig['inside'];
}

/** The first retries come within a second: services start and interfaces appear. */
const FIRST_ATTEMPT = 8;
/** By then whoever was told before is not there any more. */
const GIVE_UP_ATTEMPT = 5;
const MISWIRED =
  'systemd-resolved and NetworkManager do not know of each other, so names of the network may not resolve; let NetworkManager use systemd-resolved (dns=systemd-resolved in NetworkManager.conf)';

export class DnsManager implements AsyncDisposable {
  readonly #deps: DnsManagerDeps;
  #wanted: Wanted | undefined;
  #system: SystemResolver | undefined;
  /** What the system was told last. */
  #set: SystemDns | undefined;
  /** What was set may be gone. */
  #isStale = false;
  /** As read last, unless something may have changed since. */
  #base: Base | undefined;
  #attempt = 0;
  #cancelRetry: (() => void) | undefined;
  /** Changes run one after the other. */
  #last: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(deps: DnsManagerDeps) {
    this.#deps = deps;
  }

  /** Undefined = as before us. Resolves after the first attempt; what fails is shown as a warning and tried again. */
  configure(wish: DnsWish | undefined, inside: ResolverConfig['inside']): Promise<void> {
    this.#wanted = wish === undefined ? undefined : { wish, inside };
    this.#attempt = 0;
    return this.#run();
  }

  /** The network under us is another: other servers may count, and what was cached may be wrong. */
  networkChanged(): void {
    this.#deps.resolver.flush();
    if (this.#wanted !== undefined) this.#again('the network has changed');
  }

  get mode(): Mode {
    return this.#system?.mode ?? 'none';
  }

  /** What the system was told to use; undefined = nothing by us. */
  systemDns(): SystemDns | undefined {
    return this.#set;
  }

  /** What the system uses apart from us. */
  async osConfig(): Promise<BaseDns> {
    const base = await this.#system?.base();
    if (base !== undefined && base !== 'unsupported') return base;
    return { nameservers: await this.baseNameservers(), searchDomains: [] };
  }

  /** The servers that this machine asks apart from us; at any time, since the daemon itself needs them to begin. */
  async baseNameservers(): Promise<readonly string[]> {
    try {
      const known = (await this.#system?.baseNameservers()) ?? [];
      if (known.length > 0) return known;
    } catch (error) {
      this.#deps.log('debug', 'dns.base-unknown', { error: toRhumbError(error).message });
    }
    return await this.#deps.fileNameservers();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#wanted = undefined;
    await this.#run();
    this.#isClosed = true;
    this.#cancelRetry?.();
    await this.#close();
  }

  #again(why: string): void {
    this.#deps.log('info', 'dns.again', { why });
    this.#run('all anew').catch((error: unknown) => this.#deps.log('error', 'dns.bug', { error }));
  }

  #run(how: 'what changed' | 'all anew' = 'what changed'): Promise<void> {
    this.#last = this.#last.then(async () => {
      if (this.#isClosed) return;
      // Not before its turn: a change under way may have read what was there before the news.
      if (how === 'all anew') {
        this.#isStale = true;
        this.#base = undefined;
      }
      this.#cancelRetry?.();
      this.#cancelRetry = undefined;
      if (await this.#attemptIt()) this.#attempt = 0;
      else this.#retryLater();
    });
    return this.#last;
  }

  async #attemptIt(): Promise<boolean> {
    const wanted = this.#wanted;
    if (wanted === undefined) return await this.#takeBack();
    const compiled = await this.#compile(wanted);
    if (compiled === undefined) return false;
    // First: the system is about to send questions here.
    const { wish, inside } = wanted;
    this.#deps.resolver.configure({ ...compiled.resolver, acceptsDns: wish.configuresSystem, inside });
    return await this.#tellSystem(compiled.system);
  }

  /** The system first: until it asks others again, our resolver has to answer. */
  async #takeBack(): Promise<boolean> {
    const isDone = await this.#tellSystem(undefined);
    if (this.#wanted === undefined) this.#deps.resolver.configure(undefined);
    return isDone;
  }

  /** Undefined when the system has to be read and can't. */
  async #compile({ wish }: Wanted): Promise<Compiled | undefined> {
    const { hasIpv6, isHttpsOnly, trouble } = this.#deps;
    try {
      const canSplit = wish.configuresSystem && (await this.#opened()).canSplit;
      const facts = { canSplit, hasIpv6: await hasIpv6(), isHttpsOnly };
      let compiled = compile(wish, facts);
      if (compiled === 'needs-base') {
        this.#base ??= await (await this.#opened()).base();
        compiled = compile(wish, facts, this.#base);
      }
      trouble('dns-read-os-config-failed', undefined);
      return compiled === 'needs-base' ? undefined : compiled;
    } catch (error) {
      await this.#failed('dns-read-os-config-failed', error);
      return undefined;
    }
  }

  async #tellSystem(wanted: SystemDns | undefined): Promise<boolean> {
    const { trouble, log } = this.#deps;
    // While we leave it alone it may change without our hearing of it.
    if (wanted === undefined) this.#base = undefined;
    const isSame = JSON.stringify(wanted) === JSON.stringify(this.#set) && !this.#isStale;
    if (isSame) {
      trouble('dns-set-os-config-failed', undefined);
      return true;
    }
    this.#isStale = false;
    try {
      if (wanted !== undefined) await (await this.#opened()).set(wanted);
      // What was set before the last failures is there still, whoever is in charge by now.
      else await (this.#set === undefined ? this.#system : await this.#opened())?.restore();
      this.#set = wanted;
      if (wanted === undefined) trouble('resolv-conf-overwritten', undefined);
      trouble('dns-set-os-config-failed', undefined);
      log('info', 'dns.set', { mode: this.mode, ...wanted });
      return true;
    } catch (error) {
      await this.#failed('dns-set-os-config-failed', error);
      return false;
    }
  }

  /** Another program may be in charge by now: found out anew, unless what we did must still be undone there. */
  async #failed(what: DnsTrouble, error: unknown): Promise<void> {
    const { message } = toRhumbError(error);
    this.#deps.log('warn', 'dns.failed', { what, error: message, attempt: this.#attempt });
    this.#deps.trouble(what, message);
    this.#isStale = true;
    this.#base = undefined;
    if (this.#set === undefined || this.#attempt >= GIVE_UP_ATTEMPT) await this.#close();
  }

  async #opened(): Promise<SystemResolver> {
    if (this.#system !== undefined) return this.#system;
    const { openSystem, trouble } = this.#deps;
    const { system, isMiswired } = await openSystem({
      stale: (why) => this.#again(why),
      overwritten: (isSo) => trouble('resolv-conf-overwritten', isSo ? '' : undefined),
    });
    this.#system = system;
    trouble('dns-manager', isMiswired ? MISWIRED : undefined);
    return system;
  }

  async #close(): Promise<void> {
    const system = this.#system;
    this.#system = undefined;
    await system?.[Symbol.asyncDispose]();
  }

  #retryLater(): void {
    const { clock, random } = this.#deps;
    this.#cancelRetry?.();
    const waitMs = backoffMs(FIRST_ATTEMPT + this.#attempt, random);
    this.#attempt++;
    this.#cancelRetry = clock.after(waitMs, () => this.#again('the last attempt failed'));
  }
}
