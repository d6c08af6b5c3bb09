/** A coordination server (rhumb-control) in a host of the lab, and its command line. */
import { mkdirSync } from 'node:fs';
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

export class Control {
  readonly host: Host;
  readonly stateDir: string;
  readonly url: string;
  readonly #address: string;
  #process: LabProcess | undefined;

  private constructor(host: Host, port: number) {
    this.host = host;
    this.#address = `${host.v4}:${port}`;
    this.stateDir = join(host.folder, 'control');
    this.url = `http://${this.#address}`;
  }

  /** Serves on the first address of the host, with one user called `lab`. */
  static async start(host: Host): Promise<Control> {
    const control = new Control(host, host.netns === undefined ? await freePort(host.v4) : PORT);
    mkdirSync(control.stateDir, { mode: 0o700 });
    await control.serve();
    await control.cli('users', 'create', 'lab');
    return control;
  }

  async serve(): Promise<void> {
    const flags = ['--listen', this.#address, '--server-url', this.url, '--base-domain', 'lab.rhumb.net'];
    const argv = [BIN, 'serve', '--state-dir', this.stateDir, ...flags];
    const child = this.host.spawn({ name: 'rhumb-control', argv });
    this.#process = child;
    await until(`${this.url} to answer`, async () => !child.running || (await this.answers()));
    must(child.running, `rhumb-control ended: ${child.tail(20)}`);
  }

  async answers(): Promise<boolean> {
    const url = `${this.url}/key?v=130`;
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
