/**
 * The lab: hosts, switches and cables made of network namespaces, bridges and veth pairs.
 *
 * Everything belongs to one run (run.ts). It is torn down on dispose, by the next run's sweep after a SIGKILL, and
 * the processes in it die with us.
 */
import { networkInterfaces } from 'node:os';
import { RhumbError } from '#shared/errors.ts';
import { exec } from './exec.ts';
import { Host, type Link } from './host.ts';
import { endRun, openRun, type Run, sweep } from './run.ts';
import { Sky } from './weather.ts';

export interface Switch {
  readonly name: string;
  readonly number: number;
  /** First three numbers and first groups: host n is `${v4}.${n}` and `${v6}:${n}`; false where the family is absent. */
  readonly v4: string | false;
  readonly v6: string | false;
  /** Bridge in the lab's own namespace. */
  readonly bridge: string;
}

/** Other networks than 10.77.n.0/24 and fd77:n::/64 on a switch, as they stand in `Switch`; false for none of the family. */
export interface SwitchOptions {
  readonly v4?: string | false;
  readonly v6?: string | false;
}

export interface HostOptions {
  readonly on?: readonly Switch[];
  /** Processors that its programs may run on, as taskset(1) takes them; all, unless told. */
  readonly cpus?: string | undefined;
}

export interface PlugOptions {
  /** The host's number on the switch; without one it gets the next that is free. */
  readonly number?: number;
}

/** The first number that is given out: those below are for routers and servers, which have fixed ones. */
const FIRST_NUMBER = 20;

/** IPv6 without the wait for duplicates, and no routers but those we configure. */
const QUIET_V6 = ['accept_dad', 'accept_ra'];

export class Lab implements AsyncDisposable {
  readonly run: Run;
  readonly hosts: Host[] = [];
  readonly #wires: Host;
  readonly #sky: Sky;
  readonly #switches: Switch[] = [];
  readonly #numbers = new Map<Switch, number>();
  #ports = 0;

  private constructor(run: Run) {
    this.run = run;
    this.#wires = new Host(run, 'wires', 'namespace');
    this.#sky = new Sky(this.#wires);
  }

  /** Sweeps what dead runs left, then opens a new, empty lab. */
  static async open(): Promise<Lab> {
    if (process.platform !== 'linux') throw new RhumbError('unavailable', 'the lab needs Linux');
    if (process.getuid?.() !== 0)
      throw new RhumbError('not-allowed', 'the lab needs root for network namespaces');
    sweep();
    const lab = new Lab(openRun());
    try {
      await lab.#namespace(lab.#wires);
    } catch (error) {
      await lab[Symbol.asyncDispose]();
      throw error;
    }
    return lab;
  }

  async #namespace(host: Host): Promise<void> {
    if (host.netns === undefined) return;
    await exec(['ip', 'netns', 'add', host.netns]);
    const sets = QUIET_V6.flatMap((key) => ['all', 'default'].map((of) => `net.ipv6.conf.${of}.${key}=0`));
    // A second address of the same network outlives the first.
    await host.exec(['sysctl', '-qw', ...sets, 'net.ipv4.conf.all.promote_secondaries=1']);
    await host.ip('link set lo up');
  }

  /** The number that the next switch gets, for those who make its addresses from it. */
  nextSwitchNumber(): number {
    return freeNumber(this.#switches.map((one) => one.number));
  }

  /** Switch n has 10.77.n.0/24 and fd77:n::/64 unless told; what this machine itself uses is left out. */
  async addSwitch(name: string, options: SwitchOptions = {}): Promise<Switch> {
    const number = this.nextSwitchNumber();
    const { v4 = `10.77.${number}`, v6 = `fd77:${number}:` } = options;
    const made: Switch = { name, number, v4, v6, bridge: `br${number}` };
    await this.#wires.ip(
      `link add ${made.bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
      `link set ${made.bridge} addrgenmode none`,
      `link set ${made.bridge} up`,
    );
    this.#switches.push(made);
    return made;
  }

  async addHost(name: string, options: HostOptions = {}): Promise<Host> {
    const host = new Host(this.run, name, 'namespace', options.cpus);
    this.hosts.push(host);
    await this.#namespace(host);
    for (const to of options.on ?? []) await this.plug(host, to);
    return host;
  }

  /** This machine as a host of the lab, on the given switch; nothing of it is changed but one interface added. */
  async addThisMachine(name: string, to: Switch): Promise<Host> {
    const host = new Host(this.run, name, 'here');
    this.hosts.push(host);
    await this.plug(host, to);
    return host;
  }

  /** Lays a cable between a host and a switch; the next free addresses of the switch go to the host. */
  async plug(host: Host, to: Switch, options: PlugOptions = {}): Promise<Link> {
    this.#ports += 1;
    const near = host.netns === undefined ? `${this.run.prefix}e${this.#ports}` : `eth${host.links.length}`;
    const far = `p${this.#ports}`;
    const number = options.number ?? this.#nextNumber(to);
    const link: Link = {
      name: near,
      v4: to.v4 === false ? undefined : `${to.v4}.${number}`,
      v6: to.v6 === false ? undefined : `${to.v6}:${number}`,
      bits4: 24,
      bits6: 64,
    };
    const where = host.netns === undefined ? [] : ['netns', host.netns];
    const other = ['peer', 'name', far, 'netns', this.#wires.netns ?? ''];
    await exec(['ip', 'link', 'add', 'name', near, ...where, 'type', 'veth', ...other]);
    await this.#wires.ip(`link set ${far} master ${to.bridge} up`);
    await host.ip(
      `link set ${near} up`,
      ...(link.v4 === undefined ? [] : [`address add ${link.v4}/${link.bits4} dev ${near}`]),
      ...(link.v6 === undefined ? [] : [`address add ${link.v6}/${link.bits6} dev ${near} nodad`]),
    );
    host.links.push(link);
    host.sky = this.#sky;
    this.#sky.cable(host, link, { port: far, bridge: to.bridge });
    return link;
  }

  #nextNumber(to: Switch): number {
    const number = this.#numbers.get(to) ?? FIRST_NUMBER;
    this.#numbers.set(to, number + 1);
    if (number > 250) throw new RhumbError('unavailable', `the switch ${to.name} has no address left`);
    return number;
  }

  /** What every process said last, for the reader of a failed run. */
  report(lines = 80): string {
    return [this.#wires, ...this.hosts]
      .flatMap((host) => host.processes)
      .map((child) => `--- ${child.name}${child.running ? '' : ' (ended)'}\n${child.tail(lines)}`)
      .join('\n');
  }

  /** Politely first, so that programs are seen to clean up after themselves; then by force. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      const all = [this.#wires, ...this.hosts].flatMap((host) => host.processes);
      const running = all.filter((child) => child.running);
      await Promise.all(running.reverse().map((child) => child.stop(2_000)));
    } finally {
      endRun(this.run.id);
    }
  }
}

/** A network number that neither this lab nor an interface of this machine has. */
function freeNumber(taken: readonly number[]): number {
  const here = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  for (let number = 1; number < 250; number += 1) {
    const isUsed = here.some(({ address }) => address.startsWith(`10.77.${number}.`));
    if (!isUsed && !taken.includes(number)) return number;
  }
  throw new RhumbError(
    'unavailable',
    'every network from 10.77.1.0/24 to 10.77.249.0/24 is in use on this machine',
  );
}
