/** Name servers through openresolv: a configuration of ours that excludes all others (resolvconf(8) of openresolv). */
import { RhumbError } from '#shared/errors.ts';
import type { BaseDns } from '../compile.ts';
import type { SystemDns } from '../types.ts';
import { mustRun, type RunProgram } from './program.ts';
import { joined, readResolvConf, resolvConfLines, withoutUs } from './resolv-conf.ts';
import type { SystemResolver } from './types.ts';

export interface OpenresolvDeps {
  readonly tunName: string;
  readonly run: RunProgram;
}

const MAX_NAMES = 64;

export class OpenresolvDns implements SystemResolver {
  readonly mode = 'openresolv';
  readonly canSplit = false;
  readonly #run: RunProgram;
  readonly #tunName: string;

  constructor({ run, tunName }: OpenresolvDeps) {
    this.#run = run;
    this.#tunName = tunName;
  }

  /** Metric 0 goes before all others, and -x says that it is the only one. */
  async set({ nameservers, searchDomains }: SystemDns): Promise<void> {
    const input = resolvConfLines({ nameservers, searchDomains });
    await mustRun(this.#run, ['resolvconf', '-m', '0', '-x', '-a', this.#tunName], { input });
  }

  async restore(): Promise<boolean> {
    if (!(await this.#names()).includes(this.#tunName)) return false;
    await mustRun(this.#run, ['resolvconf', '-f', '-d', this.#tunName]);
    return true;
  }

  async base(): Promise<BaseDns> {
    const others = (await this.#names()).filter((name) => name !== this.#tunName);
    // Without a name it would list ours, too.
    if (others.length === 0) return { nameservers: [], searchDomains: [] };
    const text = await mustRun(this.#run, ['resolvconf', '-l', ...others.slice(0, MAX_NAMES)]);
    return withoutUs(joined(text.split(/^# resolv.conf from .*$/m).map(readResolvConf)));
  }

  async baseNameservers(): Promise<readonly string[]> {
    return (await this.base()).nameservers;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Nothing is open.
  }

  /** In the order in which they count. Without any it fails, saying nothing. */
  async #names(): Promise<readonly string[]> {
    const { code, stdout, stderr } = await this.#run(['resolvconf', '-i']);
    if (code !== 0 && stderr.trim() !== '')
      throw new RhumbError('unavailable', `resolvconf -i: ${stderr.trim().slice(0, 500)}`);
    return stdout.split(/\s+/).filter((name) => /^[A-Za-z0-9_@:.][A-Za-z0-9_@:.-]{0,100}$/.test(name));
  }
}
