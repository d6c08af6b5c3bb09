/** A machine of the private network: rhumbd in a host of the lab, its command line and its local API. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { PeerStatus, Status } from '#shared/localapi/status.ts';
import { LocalApi } from '#shared/node/localapi-client.ts';
import type { ExecOptions, ExecResult } from './exec.ts';
import { ROOT } from './figures.ts';
import type { Host } from './host.ts';
import type { LabProcess } from './process.ts';
import { clock, must, until } from './wait.ts';

const CLI = join(ROOT, 'bin/rhumb');
const DAEMON = join(ROOT, 'bin/rhumbd');

export interface JoinOptions {
  readonly server: string;
  readonly authKey: string;
  readonly hostname?: string;
}

/** The addresses of a machine or peer in the private network, IPv4 first. */
export function bothAddresses(of: {
  readonly TailscaleIPs?: readonly string[] | undefined;
}): readonly [string, string] {
  const ips = of.TailscaleIPs ?? [];
  const [v4, v6] = [ips.find((ip) => !ip.includes(':')), ips.find((ip) => ip.includes(':'))];
  must(v4 !== undefined && v6 !== undefined, `both addresses are there: ${ips}`);
  return [v4, v6];
}

export interface CliOptions extends ExecOptions {
  readonly socket?: string;
  readonly user?: 'nobody';
}

export interface TryOptions {
  /** A folder that the program finds empty. */
  readonly hide?: string;
  readonly user?: 'nobody';
}

/** The words before a command that make it another user's. */
const as = (user: 'nobody' | undefined): readonly string[] =>
  user === undefined ? [] : ['setpriv', '--reuid', user, '--regid', 'nogroup', '--clear-groups', '--'];

export class Daemon {
  readonly host: Host;
  readonly stateDir: string;
  readonly socket: string;
  readonly api: LocalApi;
  readonly #flags: readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  #process: LabProcess | undefined;

  private constructor(host: Host, flags: readonly string[], env: Readonly<Record<string, string>>) {
    this.host = host;
    this.#flags = flags;
    this.#env = env;
    this.stateDir = join(host.folder, 'state');
    this.socket = join(host.folder, 'rhumbd.sock');
    this.api = new LocalApi({ socketPath: this.socket, clock, dialRetryMs: 0 });
  }

  static async start(
    host: Host,
    flags: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
  ): Promise<Daemon> {
    const daemon = new Daemon(host, flags, env);
    mkdirSync(daemon.stateDir, { recursive: true, mode: 0o700 });
    await daemon.run();
    return daemon;
  }

  /** Starts the program (again) on the same state, and waits until it answers. */
  async run(): Promise<void> {
    const child = this.spawn();
    await until(`rhumbd on ${this.host.name} to answer`, async () => {
      if (!child.running) return true;
      await this.status();
      return true;
    });
    must(child.running, `rhumbd on ${this.host.name} ended: ${child.tail(20)}`);
  }

  /** Starts the program and nothing more. */
  spawn(): LabProcess {
    const places = ['--statedir', this.stateDir, '--socket', this.socket];
    const argv = [DAEMON, ...places, '--verbose', '1', ...this.#flags];
    const onDeath = this.host.netns === undefined ? 'SIGTERM' : 'SIGKILL';
    this.#process = this.host.spawn({ name: 'rhumbd', argv, env: this.#env, onDeath });
    return this.#process;
  }

  get process(): LabProcess {
    if (this.#process === undefined) throw new Error('rhumbd was never started');
    return this.#process;
  }

  /** `rhumb ARGS` on this machine. */
  cli(args: readonly string[], options: CliOptions = {}): Promise<ExecResult> {
    const { socket = this.socket, user, ...rest } = options;
    return this.host.exec([...as(user), CLI, '--socket', socket, ...args], rest);
  }

  /** A command that takes its time. */
  spawnCli(...args: readonly string[]): LabProcess {
    return this.host.spawn({ name: `rhumb ${args[0]}`, argv: [CLI, '--socket', this.socket, ...args] });
  }

  /** A second rhumbd on the same host, which is expected to refuse; ended when it does not. */
  async tryDaemon(flags: readonly string[], options: TryOptions = {}): Promise<ExecResult> {
    const places = ['--statedir', this.stateDir, '--socket', this.socket];
    // The host's programs have a mount namespace of their own, so that this hides the folder from nobody else.
    const hidden = [
      '/bin/sh',
      '-c',
      'mount -t tmpfs none "$1" && shift && exec "$@"',
      'sh',
      options.hide ?? '',
    ];
    const prefix = [...(options.hide === undefined ? [] : hidden), ...as(options.user)];
    return await this.host.exec([...prefix, DAEMON, ...places, ...flags], {
      mayFail: true,
      timeoutMs: 10_000,
    });
  }

  /** The counters, in Prometheus' text form. */
  async metrics(): Promise<string> {
    const url = 'http://local-tailscaled.sock/localapi/v0/metrics';
    return (await this.host.exec(['curl', '-sf', '--unix-socket', this.socket, url])).stdout;
  }

  status(): Promise<Status> {
    return this.api.status({ peers: true }, AbortSignal.timeout(5_000));
  }

  /** `rhumb up` until it says that it is up. */
  async join(options: JoinOptions): Promise<void> {
    const { server, authKey, hostname = this.host.name } = options;
    const where = ['--login-server', server, '--auth-key', authKey, '--hostname', hostname];
    await this.cli(['up', ...where, '--timeout', '20s']);
    await this.running();
  }

  async running(): Promise<Status> {
    return await until(`${this.host.name} to be running`, async () => {
      const status = await this.status();
      return status.BackendState === 'Running' && status.TailscaleIPs?.length === 2 && status;
    });
  }

  /** Both addresses in the private network, IPv4 first. */
  async addresses(): Promise<readonly [v4: string, v6: string]> {
    return bothAddresses(await this.status());
  }

  /** The peer whose DNS name begins with `name`, once it is as `wanted`. */
  async peer(
    name: string,
    wanted: (peer: PeerStatus) => boolean = () => true,
    timeoutMs = 10_000,
  ): Promise<PeerStatus> {
    return await until(
      `${this.host.name} to see ${name} as wanted`,
      async () => {
        const peer = await this.peerNow(name);
        return peer !== undefined && wanted(peer) && peer;
      },
      { timeoutMs },
    );
  }

  async peerNow(name: string): Promise<PeerStatus | undefined> {
    return Object.values((await this.status()).Peer ?? {}).find(({ DNSName }) =>
      DNSName.startsWith(`${name}.`),
    );
  }

  /** Waits until this machine no longer knows a peer of that name. */
  async forgets(name: string): Promise<void> {
    await until(`${this.host.name} to forget ${name}`, async () => (await this.peerNow(name)) === undefined);
  }
}
