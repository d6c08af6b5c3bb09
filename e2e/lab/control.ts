/** A coordination server (rhumb-control) in a host of the lab, and its command line. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { z } from 'zod';
import type { ExecResult } from './exec.ts';
import { ROOT } from './figures.ts';
import type { Host } from './host.ts';
import type { LabProcess } from './process.ts';
import { must, until } from './wait.ts';

const BIN = join(ROOT, 'bin/rhumb-control');
/** In a host of its own nobody else has it. */
const PORT = 8080;

const createdKey = z.object({ key: z.string() });

const listedNode = z.object({
  id: z.union([z.number(), z.string()]),
  /** The name that the network knows it by. */
  given_name: z.string(),
  online: z.boolean().optional(),
});
export type ListedNode = z.infer<typeof listedNode>;

export interface AuthKeyOptions {
  readonly user?: string;
  readonly reusable?: boolean;
  readonly ephemeral?: boolean;
  /** As the command line takes it: `1h`, `2s`. */
  readonly expiration?: string;
}

export interface ControlOptions {
  /** Where it serves: the first address of the host, unless told. */
  readonly listen?: string;
  /** Where it is reached; derived from `listen`, unless told. */
  readonly url?: string;
  /** A configuration file in JSON. */
  readonly config?: string;
}

export class Control {
  readonly host: Host;
  readonly stateDir: string;
  readonly url: string;
  readonly #address: string;
  readonly #config: readonly string[];
  #process: LabProcess | undefined;

  private constructor(host: Host, address: string, { url, config }: ControlOptions) {
    this.host = host;
    this.#address = address;
    this.stateDir = join(host.folder, 'control');
    this.url = url ?? `http://${address}`;
    this.#config = config === undefined ? [] : ['--config', config];
  }

  /** Serves on a host, with one user called `lab`. */
  static async start(host: Host, options: ControlOptions = {}): Promise<Control> {
    const port = host.netns === undefined ? await freePort(host.v4) : PORT;
    const control = new Control(host, options.listen ?? `${host.v4}:${port}`, options);
    mkdirSync(control.stateDir, { mode: 0o700 });
    await control.serve();
    await control.cli('users', 'create', 'lab');
    return control;
  }

  async serve(): Promise<void> {
    const flags = ['--listen', this.#address, '--server-url', this.url, '--base-domain', 'lab.rhumb.net'];
    const argv = [BIN, 'serve', '--state-dir', this.stateDir, ...this.#config, ...flags];
    const child = this.host.spawn({ name: 'rhumb-control', argv });
    this.#process = child;
    await until(`${this.url} to answer`, async () => !child.running || (await this.answers()));
    must(child.running, `rhumb-control ended: ${child.tail(20)}`);
  }

  async answers(): Promise<boolean> {
    const url = `http://${this.#address.replace('[::]', this.host.v4)}/key?v=130`;
    if (this.host.netns === undefined) return (await fetch(url, { signal: AbortSignal.timeout(2_000) })).ok;
    return (await this.host.exec(['curl', '-sf', '-m', '2', url], { mayFail: true })).code === 0;
  }

  get process(): LabProcess {
    if (this.#process === undefined) throw new Error('the coordination server was never started');
    return this.#process;
  }

  /** `rhumb-control ARGS --output json`, parsed. */
  async cli(...args: readonly string[]): Promise<unknown> {
    const { stdout } = await this.rawCli(...args, '--output', 'json');
    return JSON.parse(stdout);
  }

  rawCli(...args: readonly string[]): Promise<ExecResult> {
    return this.host.exec([BIN, ...args, '--state-dir', this.stateDir]);
  }

  /** A command that is expected to be refused. */
  tryCli(...args: readonly string[]): Promise<ExecResult> {
    return this.host.exec([BIN, ...args, '--state-dir', this.stateDir], { mayFail: true });
  }

  async authKey(options: AuthKeyOptions = {}): Promise<string> {
    const { user = 'lab', reusable = false, ephemeral = false, expiration = '1h' } = options;
    const flags = [...(reusable ? ['--reusable'] : []), ...(ephemeral ? ['--ephemeral'] : [])];
    const made = await this.cli(
      'preauthkeys',
      'create',
      '--user',
      user,
      '--expiration',
      expiration,
      ...flags,
    );
    return createdKey.parse(made).key;
  }

  async expireKey(key: string): Promise<void> {
    await this.rawCli('preauthkeys', 'expire', key);
  }

  /** Puts a policy in force, also one that lets nobody reach anybody. */
  async setPolicy(policy: object): Promise<void> {
    const file = join(this.host.folder, 'policy.hujson');
    writeFileSync(file, JSON.stringify(policy));
    await this.rawCli('policy', 'set', file, '--force');
  }

  async nodes(): Promise<readonly ListedNode[]> {
    return z.array(listedNode).parse(await this.cli('nodes', 'list'));
  }

  /** The id by which the command line knows a machine. */
  async idOf(name: string): Promise<string> {
    const node = (await this.nodes()).find((one) => one.given_name === name);
    if (node === undefined) throw new Error(`no machine is called ${name}`);
    return `${node.id}`;
  }
}

function freePort(address: string): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const probe = createServer();
  probe.on('error', reject);
  probe.listen(0, address, () => {
    const bound = probe.address();
    probe.close(() => resolve(typeof bound === 'object' && bound !== null ? bound.port : PORT));
  });
  return promise;
}
