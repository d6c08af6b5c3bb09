/** The official daemon and command line on a host of the lab. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { PeerStatus } from '#shared/localapi/status.ts';
import { LocalApi } from '#shared/node/localapi-client.ts';
import type { ExecOptions, ExecResult } from '../lab/exec.ts';
import type { Host } from '../lab/host.ts';
import type { LabProcess } from '../lab/process.ts';
import { clock, until } from '../lab/wait.ts';
import { pathOf } from './programs.ts';

const peer = z.object({
  HostName: z.string(),
  DNSName: z.string(),
  TailscaleIPs: z.array(z.string()).nullish(),
  Online: z.boolean(),
  CurAddr: z.string().optional(),
});
export type OfficialPeer = z.infer<typeof peer>;

const status = z.object({
  Version: z.string(),
  BackendState: z.string(),
  Self: peer.nullish(),
  Peer: z.record(z.string(), peer).nullish(),
});

export interface OfficialOptions {
  /** The name server of its host; without one it is told to leave names alone. */
  readonly nameserver?: string;
}

export class Official {
  readonly host: Host;
  readonly socket: string;
  #process: LabProcess | undefined;
  readonly #api: LocalApi;

  private constructor(host: Host) {
    this.host = host;
    this.socket = join(host.folder, 'tailscaled.sock');
    this.#api = new LocalApi({ socketPath: this.socket, clock, dialRetryMs: 0 });
  }

  static async start(host: Host, { nameserver }: OfficialOptions = {}): Promise<Official> {
    const official = new Official(host);
    const state = join(host.folder, 'tailscaled');
    mkdirSync(state, { mode: 0o700 });
    const places = [`--statedir=${state}`, `--socket=${official.socket}`, '--tun=tailscale0', '--port=41641'];
    if (nameserver !== undefined) host.resolveBy(nameserver);
    const argv = [pathOf('tailscaled'), ...places, '--no-logs-no-support'];
    const child = host.spawn({ name: 'tailscaled', argv, env: { TS_NO_LOGS_NO_SUPPORT: 'true' } });
    official.#process = child;
    await until(
      'tailscaled to answer',
      async () => !child.running || (await official.status()).BackendState !== '',
    );
    return official;
  }

  get process(): LabProcess {
    if (this.#process === undefined) throw new Error('tailscaled was never started');
    return this.#process;
  }

  cli(args: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
    return this.host.exec([pathOf('tailscale'), `--socket=${this.socket}`, ...args], options);
  }

  /** A command that takes its time. */
  spawnCli(args: readonly string[]): LabProcess {
    const argv = [pathOf('tailscale'), `--socket=${this.socket}`, ...args];
    return this.host.spawn({ name: `tailscale ${args[0]}`, argv });
  }

  async status(): Promise<z.infer<typeof status>> {
    const { stdout } = await this.cli(['status', '--json']);
    return status.parse(JSON.parse(stdout));
  }

  /** Names are left alone: most tests have no name server at all. */
  async join(server: string, authKey: string): Promise<void> {
    const what = [`--login-server=${server}`, `--auth-key=${authKey}`, `--hostname=${this.host.name}`];
    await this.cli(['up', ...what, '--accept-dns=false', '--timeout=25s']);
  }

  async peer(name: string): Promise<OfficialPeer> {
    return await until(`the official client to see ${name}`, async () => {
      const peers = Object.values((await this.status()).Peer ?? {});
      return peers.find(({ DNSName, Online }) => DNSName.startsWith(`${name}.`) && Online);
    });
  }

  /** A peer as its local API shows it now. */
  async peerNow(name: string): Promise<PeerStatus | undefined> {
    const { Peer } = await this.#api.status({ peers: true }, AbortSignal.timeout(5_000));
    return Object.values(Peer ?? {}).find(({ DNSName }) => DNSName.startsWith(`${name}.`));
  }

  async addresses(): Promise<readonly [v4: string, v6: string]> {
    const { stdout } = await this.cli(['ip']);
    const [v4 = '', v6 = ''] = stdout.trim().split('\n');
    return [v4, v6];
  }
}
