/** Name servers through openresolv: a configuration of ours that excludes all others (resolvconf(8) of openresolv). */
import { RhumbError } from '#shared/errors.ts';
import type { BaseDns } from '../compile.ts';
import type { SystemDns } from '../types.ts';
import { failed, mustRun, type RunProgram } from './program.ts';
import { asks, joined, readResolvConf, resolvConfLines, withoutUs } from './resolv-conf.ts';
import { RESOLV_FILES, readText } from './resolv-files.ts';
import type { SystemResolver } from './types.ts';

export interface OpenresolvDeps {
  readonly tunName: string;
  readonly run: RunProgram;
  readonly resolvConf?: string;
}

const MAX_NAMES = 64;

export class OpenresolvDns implements SystemResolver {
  readonly mode = 'openresolv';
  readonly canSplit = false;
  readonly #run: RunProgram;
  readonly #tunName: string;
  readonly #resolvConf: string;

  constructor({ run, tunName, resolvConf = RESOLV_FILES.resolvConf }: OpenresolvDeps) {
    this.#run = run;
    this.#tunName = tunName;
    this.#resolvConf = resolvConf;
  }

  /** Metric 0 goes before all others, and -x says that it is the only one. */
  async set({ nameservers, searchDomains }: SystemDns): Promise<void> {
    const input = resolvConfLines({ nameservers, searchDomains });
    const argv = ['resolvconf', '-m', '0', '-x', '-a', this.#tunName];
    await this.#change(argv, input, async () =>
      asks(readResolvConf((await readText(this.#resolvConf)) ?? ''), nameservers),
    ).catch(async (error: unknown) => {
      await this.restore().catch(() => false);
      throw error;
    });
  }

  async restore(): Promise<boolean> {
    if (!(await this.#names()).includes(this.#tunName)) return false;
    const argv = ['resolvconf', '-f', '-d', this.#tunName];
    await this.#change(argv, '', async () => !(await this.#names()).includes(this.#tunName));
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

  /** It fails when a script of another package does, after having done its own part: that is then looked at. */
  async #change(argv: readonly string[], input: string, isDone: () => Promise<boolean>): Promise<void> {
    const { code, stderr } = await this.#run(argv, { input });
    if (code !== 0 && !(await isDone())) throw failed(argv, code, stderr);
  }

  /** In the order in which they count. Without any it fails, saying nothing. */
  async #names(): Promise<readonly string[]> {
    const { code, stdout, stderr } = await this.#run(['resolvconf', '-i']);
    if (code !== 0 && stderr.trim() !== '')
      throw new RhumbError('unavailable', `resolvconf -i: ${stderr.trim().slice(0, 500)}`);
    return stdout.split(/\s+/).filter((name) => /^[A-Za-z0-9_@:.][A-Za-z0-9_@:.-]{0,100}$/.test(name));
  }
}
