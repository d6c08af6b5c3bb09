/** A host of the lab: a network namespace with links, an /etc and a /run of its own, and processes. Or this machine itself. */
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RhumbError } from '#shared/errors.ts';
import { type ExecOptions, type ExecResult, exec } from './exec.ts';
import { LabProcess, type SpawnOptions } from './process.ts';
import { RUN_VARIABLE, type Run } from './run.ts';
import type { Sky, Weather } from './weather.ts';

/** One end of a cable: an interface of a host, plugged into a switch. */
export interface Link {
  /** Name inside the host: eth0, eth1, …. */
  readonly name: string;
  /** Undefined where the switch has none of the family. */
  readonly v4: string | undefined;
  readonly v6: string | undefined;
  readonly bits4: number;
  readonly bits6: number;
}

export interface Reply {
  readonly sent: number;
  readonly received: number;
  readonly averageMs: number | undefined;
}

export class Host {
  readonly name: string;
  /** The namespace, or undefined where the host is this machine. */
  readonly netns: string | undefined;
  /** Files of this host: `run` is its /run, the rest is free to use. */
  readonly folder: string;
  readonly links: Link[] = [];
  readonly processes: LabProcess[] = [];
  /** Who makes the weather on its cables; set by the lab with the first of them. */
  sky: Sky | undefined;
  /** Processors that its programs may run on, as taskset(1) takes them; undefined for all. */
  readonly #cpus: string | undefined;
  readonly #run: Run;
  readonly #places: string[] = [];
  #routes: readonly string[] = [];

  constructor(run: Run, name: string, kind: 'namespace' | 'here', cpus?: string) {
    this.#run = run;
    this.#cpus = cpus;
    this.name = name;
    this.netns = kind === 'here' ? undefined : `${run.prefix}-${name}`;
    this.folder = join(run.folder, name);
    mkdirSync(join(this.folder, 'run'), { recursive: true });
    // Programs in there may change how names are resolved as they like.
    if (kind === 'namespace')
      cpSync('/etc', join(this.folder, 'etc'), { recursive: true, verbatimSymlinks: true });
    this.show(join(this.folder, 'run'), '/run');
    this.show(join(this.folder, 'etc'), '/etc');
  }

  /** Programs of this host find the one folder where others find the other. */
  show(folder: string, place: string): void {
    this.#places.push(folder, place);
  }

  get v4(): string {
    return this.#address(this.#first().v4, 'IPv4');
  }

  get v6(): string {
    return this.#address(this.#first().v6, 'IPv6');
  }

  #address(found: string | undefined, family: string): string {
    if (found === undefined) throw new RhumbError('internal', `${this.name} has no ${family} address`);
    return found;
  }

  #first(): Link {
    const link = this.links[0];
    if (link === undefined) throw new RhumbError('internal', `${this.name} has no link`);
    return link;
  }

  /** The command line that runs `argv` in this host: its network, its /etc and /run, and it dies with the lab. */
  inside(argv: readonly string[], onDeath: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): string[] {
    const pinned = this.#cpus === undefined ? [] : ['taskset', '--cpu-list', this.#cpus];
    const mortal = process.platform === 'linux' ? ['setpriv', '--pdeathsig', onDeath.slice(3), '--'] : [];
    if (this.netns === undefined) return [...pinned, ...mortal, ...argv];
    // ip gives the program a mount namespace of its own, so that these folders are seen by nobody else.
    const own = [
      '/bin/sh',
      '-c',
      'while [ "$1" != -- ]; do mount --bind "$1" "$2" || exit 1; shift 2; done; shift; exec "$@"',
    ];
    return [
      ...pinned,
      'ip',
      'netns',
      'exec',
      this.netns,
      ...mortal,
      ...own,
      'sh',
      ...this.#places,
      '--',
      ...argv,
    ];
  }

  exec(argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
    const env = { ...options.env, [RUN_VARIABLE]: this.#run.id };
    return exec(this.inside(argv), { ...options, env });
  }

  spawn(options: SpawnOptions): LabProcess {
    const name = `${this.name}/${options.name}`;
    const child = new LabProcess(this.#run, {
      ...options,
      name,
      argv: this.inside(options.argv, options.onDeath),
    });
    this.processes.push(child);
    return child;
  }

  /** `ip` commands in this host, one a line, all or an error. */
  async ip(...lines: readonly string[]): Promise<void> {
    const where = this.netns === undefined ? [] : ['-n', this.netns];
    await exec(['ip', ...where, '-batch', '-'], { input: `${lines.join('\n')}\n` });
  }

  /** Makes a router of it, for both families. */
  async forward(): Promise<void> {
    const quiet = ['all', 'default', ...this.links.map(({ name }) => name)];
    const redirects = quiet.map((of) => `net.ipv4.conf.${of}.send_redirects=0`);
    await this.exec([
      'sysctl',
      '-qw',
      'net.ipv4.ip_forward=1',
      'net.ipv6.conf.all.forwarding=1',
      ...redirects,
    ]);
  }

  /** Sends what has no nearer way through these routers; kept across `linkDown` and `linkUp`. */
  async routeBy(gateway: {
    readonly v4?: string | undefined;
    readonly v6?: string | undefined;
  }): Promise<void> {
    this.#routes = [
      ...(gateway.v4 === undefined
        ? []
        : [`route replace default via ${gateway.v4}${this.#towards(gateway.v4)}`]),
      ...(gateway.v6 === undefined
        ? []
        : [`route replace default via ${gateway.v6}${this.#towards(gateway.v6)}`]),
    ];
    await this.ip(...this.#routes);
  }

  /** Unless told the kernel asks its rules where the gateway is, and a tunnel that takes everything takes that, too. */
  #towards(gateway: string): string {
    const network = (ip: string | undefined): string | undefined => ip?.replace(/[^.:]*$/, '');
    const link = this.links.find(({ v4, v6 }) => [v4, v6].some((ip) => network(ip) === network(gateway)));
    return link === undefined ? '' : ` dev ${link.name}`;
  }

  /** Writes the host's /etc/resolv.conf anew. */
  resolveBy(...nameservers: readonly string[]): void {
    if (this.netns === undefined) throw new RhumbError('internal', 'this machine keeps its resolv.conf');
    const file = join(this.folder, 'etc/resolv.conf');
    rmSync(file, { force: true });
    writeFileSync(file, nameservers.map((one) => `nameserver ${one}\n`).join(''));
  }

  async linkDown(link = this.#first()): Promise<void> {
    await this.ip(`link set ${link.name} down`);
  }

  /** Brings a link back with what it had: the kernel drops IPv6 addresses and all routes when a link goes down. */
  async linkUp(link = this.#first()): Promise<void> {
    const v6 =
      link.v6 === undefined ? [] : [`address replace ${link.v6}/${link.bits6} dev ${link.name} nodad`];
    await this.ip(`link set ${link.name} up`, ...v6, ...this.#routes);
  }

  /** Gives the first link other addresses, as a network that hands out new ones does. */
  async readdress(change: { readonly v4?: string; readonly v6?: string }): Promise<void> {
    const old = this.#first();
    const next: Link = { ...old, ...change };
    const swap = (was: string | undefined, is: string | undefined, bits: number, how: string): string[] =>
      was === undefined || is === undefined || was === is
        ? []
        : [
            `address add ${is}/${bits} dev ${old.name}${how}`,
            `address delete ${was}/${bits} dev ${old.name}`,
          ];
    await this.ip(
      ...swap(old.v4, next.v4, old.bits4, ''),
      ...swap(old.v6, next.v6, old.bits6, ' nodad'),
      ...this.#routes,
    );
    this.links[0] = next;
  }

  /** Sets the weather on a cable of this host, both ways; an empty one clears it. */
  async weather(weather: Weather, link = this.#first()): Promise<void> {
    if (this.sky === undefined) throw new RhumbError('internal', `${this.name} has no cable in the lab`);
    await this.sky.set(this, link, weather);
  }

  /** Echo requests 20 ms apart; the family follows the address. */
  async ping(to: string, options: { count?: number; waitMs?: number; size?: number } = {}): Promise<Reply> {
    const { count = 1, waitMs = 1_000, size = 56 } = options;
    const times = ['-c', `${count}`, '-i', '0.02', '-W', `${waitMs / 1_000}`, '-s', `${size}`];
    const { stdout, stderr, code } = await this.exec(['ping', '-n', ...times, to], { mayFail: true });
    const counts = /(\d+) packets transmitted, (\d+) received/.exec(stdout);
    // Without a route nothing is sent at all.
    if (/unreachable|No route/.test(stderr)) return { sent: 0, received: 0, averageMs: undefined };
    if (counts === null)
      throw new RhumbError('unavailable', `ping ${to} on ${this.name}: exit ${code}: ${stderr}`);
    const average = /= [\d.]+\/([\d.]+)\//.exec(stdout)?.[1];
    return {
      sent: Number(counts[1]),
      received: Number(counts[2]),
      averageMs: average === undefined ? undefined : Number(average),
    };
  }
}
