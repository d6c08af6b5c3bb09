/** Name servers by writing /etc/resolv.conf ourselves, where no program is in charge of it. */
import { basename, dirname } from 'node:path';
import type { Clock } from '#shared/async/clock.ts';
import { RhumbError } from '#shared/errors.ts';
import type { Log } from '#shared/log/log.ts';
import type { BaseDns } from '../compile.ts';
import type { SystemDns } from '../types.ts';
import { pointsToResolved, readResolvConf, withoutUs, writeResolvConf } from './resolv-conf.ts';
import { giveBack, ownTun, type ResolvFiles, readText, takeOver } from './resolv-files.ts';
import { Tramples } from './tramples.ts';
import type { SystemEvents, SystemResolver } from './types.ts';

/** Then it is tried once more whether the other program has given up, too. */
const TRUCE_MS = 60_000;
/** Ours for as long again: the fight is over. */
const CALM_MS = 5_000;
/** An empty file is most often one that is just being written. */
const HALF_WRITTEN_MS = 50;

export interface DirectDeps {
  readonly tunName: string;
  readonly files: ResolvFiles;
  /** Whom systemd-resolved asks, where the file only names its stub. */
  readonly resolvedServers: string;
  readonly hasInterface: (name: string) => boolean;
  /** Gives a file that was put in place the label that SELinux expects there. */
  readonly relabel: (path: string) => Promise<void>;
  /** If it runs: it reads resolv.conf when it starts. */
  readonly restartResolved: () => Promise<void>;
  /** Calls `changed` when a file of that name in the folder, or the file itself, may have changed. */
  readonly watch: (folder: string, name: string, changed: () => void) => () => void;
  readonly events: SystemEvents;
  readonly clock: Clock;
  readonly log: Log;
}

export class DirectDns implements SystemResolver {
  readonly mode = 'direct';
  readonly canSplit = false;
  readonly #deps: DirectDeps;
  readonly #tramples = new Tramples();
  /** What the file shall say; undefined = that is none of our business. */
  #wanted: string | undefined;
  #unwatch: (() => void) | undefined;
  #cancelTruce: (() => void) | undefined;
  #cancelWait: (() => void) | undefined;
  #hasWaited = false;
  /** What names fall back on, as it was told last. */
  #toldBase: string | undefined;
  #looking: Promise<void> | undefined;
  /** Something happened since the last look. */
  #hasNews = false;

  constructor(deps: DirectDeps) {
    this.#deps = deps;
  }

  async set({ nameservers, searchDomains }: SystemDns): Promise<void> {
    const { files, tunName, hasInterface, log } = this.#deps;
    const other = await ownTun(files);
    if (other !== undefined && other !== tunName && hasInterface(other))
      throw new RhumbError(
        'conflict',
        `${files.resolvConf} belongs to the rhumbd of ${other}: only one can set it; give this machine's names to one of them with rhumb set --accept-dns=false for the other`,
      );
    const text = writeResolvConf(tunName, { nameservers, searchDomains });
    this.#wanted = undefined;
    this.#endWait();
    if ((await readText(files.resolvConf)) !== text || other === undefined) {
      await takeOver(files, text);
      await this.#changed();
      log('info', 'dns.resolv-conf-written', { nameservers, searchDomains });
    }
    this.#wanted = text;
    this.#watch();
    // Another program may have written it before it was watched anew.
    this.#noteNews();
  }

  async restore(): Promise<boolean> {
    this.#wanted = undefined;
    this.#unwatch?.();
    this.#unwatch = undefined;
    this.#endWait();
    this.#endTruce();
    this.#tramples.tryAgain();
    const own = await ownTun(this.#deps.files);
    if (own !== undefined && own !== this.#deps.tunName && this.#deps.hasInterface(own)) return false;
    if (!(await giveBack(this.#deps.files))) return false;
    await this.#changed();
    this.#deps.log('info', 'dns.resolv-conf-restored');
    return true;
  }

  async base(): Promise<BaseDns> {
    const base = await this.#readBase();
    this.#toldBase = JSON.stringify(base);
    return base;
  }

  async baseNameservers(): Promise<readonly string[]> {
    return (await this.#readBase()).nameservers;
  }

  /** Resolves when nothing is being looked at. */
  async settled(): Promise<void> {
    await this.#looking;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#wanted = undefined;
    this.#unwatch?.();
    this.#endTruce();
    this.#endWait();
    await this.settled();
  }

  async #readBase(): Promise<BaseDns> {
    const { files } = this.#deps;
    const path = (await ownTun(files)) === undefined ? files.resolvConf : files.backup;
    return await this.#baseOf(await readText(path));
  }

  async #baseOf(text = ''): Promise<BaseDns> {
    const { resolvedServers } = this.#deps;
    const found = readResolvConf(text);
    if (!pointsToResolved(found)) return withoutUs(found);
    // Its stub would ask resolv.conf, and so us.
    const servers = readResolvConf((await readText(resolvedServers)) ?? '');
    return withoutUs({ nameservers: servers.nameservers, searchDomains: found.searchDomains });
  }

  /** For the rest of a file that is empty; false when that has taken long enough. */
  #waits(): boolean {
    if (this.#hasWaited) return false;
    this.#cancelWait ??= this.#deps.clock.after(HALF_WRITTEN_MS, () => {
      this.#hasWaited = true;
      this.#noteNews();
    });
    return true;
  }

  #endWait(): void {
    this.#cancelWait?.();
    this.#cancelWait = undefined;
    this.#hasWaited = false;
  }

  #endTruce(): void {
    this.#cancelTruce?.();
    this.#cancelTruce = undefined;
  }

  async #changed(): Promise<void> {
    const { files, relabel, restartResolved, log } = this.#deps;
    for (const [what, help] of [
      ['relabel', () => relabel(files.resolvConf)],
      ['restart-resolved', restartResolved],
    ] as const)
      await help().catch((error: unknown) => log('warn', `dns.${what}-failed`, { error }));
  }

  #watch(): void {
    const { files, watch, log } = this.#deps;
    const { resolvConf } = files;
    this.#unwatch?.();
    this.#unwatch = undefined;
    try {
      this.#unwatch = watch(dirname(resolvConf), basename(resolvConf), () => this.#noteNews());
    } catch (error) {
      // It is ours all the same, and has to be given back.
      log('warn', 'dns.watch-failed', { error });
    }
  }

  #noteNews(): void {
    this.#hasNews = true;
    this.#looking ??= this.#lookAll().finally(() => {
      this.#looking = undefined;
    });
  }

  async #lookAll(): Promise<void> {
    while (this.#hasNews) {
      this.#hasNews = false;
      await this.#look();
    }
  }

  async #look(): Promise<void> {
    const { clock, events, files, log } = this.#deps;
    const wanted = this.#wanted;
    if (wanted === undefined) return;
    const text = await readText(files.resolvConf).catch(() => undefined);
    if (this.#wanted !== wanted) return;
    if (text === wanted) {
      await this.#lookAtBase(wanted);
      return;
    }
    if (text === '' && this.#waits()) return;
    this.#endWait();
    const verdict = this.#tramples.note(clock.monotonic());
    if (verdict === 'ignore') return;
    log('warn', 'dns.resolv-conf-overwritten', { verdict });
    // Until it is set again: what is heard of the same writing once more counts as one.
    this.#wanted = undefined;
    if (verdict === 'rewrite') {
      events.stale('another program wrote resolv.conf');
      return;
    }
    events.overwritten(true);
    this.#endTruce();
    this.#cancelTruce = clock.after(TRUCE_MS, () => {
      this.#tramples.tryAgain();
      events.stale('another program may have left resolv.conf alone by now');
      this.#cancelTruce = clock.after(CALM_MS, () => {
        if (!this.#tramples.hasGivenUp) events.overwritten(false);
      });
    });
  }

  /** Another program may have written while what it wrote was being kept: what was read before that is not what is kept. */
  async #lookAtBase(wanted: string): Promise<void> {
    const { events, files } = this.#deps;
    const kept = await readText(files.backup).catch(() => undefined);
    if (this.#wanted !== wanted || (kept === '' && this.#waits())) return;
    this.#endWait();
    if (this.#toldBase === undefined) return;
    const base = await this.#baseOf(kept).catch(() => undefined);
    if (base === undefined || this.#wanted !== wanted || JSON.stringify(base) === this.#toldBase) return;
    this.#toldBase = undefined;
    events.stale('another program wrote what names fall back on');
  }
}
