/** Watches the physical interface of a machine: everything that leaves, and what of it should not. */
import { join } from 'node:path';
import { exec } from './exec.ts';
import type { ExitWorld } from './exit-world.ts';
import { CONTROL_NAME } from './exit-world.ts';
import type { LabProcess } from './process.ts';
import { clock } from './wait.ts';

export const TOKEN = 'leaktoken';
/** What is on its way when a capture ends. */
const SETTLE_MS = 300;

export interface Seen {
  /** All that left. */
  readonly packets: number;
  /** What should not have, one a line. */
  readonly leaks: readonly string[];
}

/** What the daemon sends itself, to whom it must, and what a machine needs to be on its link at all. */
function allowed({ network, witness, exits }: ExitWorld): string {
  const { server } = network.net;
  const relays = network.relays.map(({ host }) => host);
  const either = ({ v4, v6 }: { readonly v4: string; readonly v6: string }): string =>
    `(dst host ${v4} or dst host ${v6})`;
  return [
    'arp',
    // Router solicitation, neighbour solicitation and advertisement; MLD has a hop-by-hop header.
    '(icmp6 and (ip6[40] == 133 or ip6[40] == 135 or ip6[40] == 136))',
    '(ip6 and ip6[6] == 0 and dst net ff02::/16)',
    '(udp and (dst port 67 or dst port 547))',
    `(tcp and dst port 443 and ${either(server)})`,
    // Where UDP gets no answer relays are measured by HTTPS and by echo requests of a size that nobody else uses here.
    ...relays.map(
      (host) =>
        `(${either(host)} and ((tcp and (dst port 443 or dst port 80)) or (udp and dst portrange 3478-3480) or (icmp and ip[2:2] == 40)))`,
    ),
    ...exits.map(({ host }) => `(udp and src port 41641 and dst port 41641 and ${either(host)})`),
    // The daemon's own questions; their names are looked at one by one.
    `(udp and dst port 53 and dst host ${witness.v4})`,
  ].join(' or ');
}

export class LeakWatch implements AsyncDisposable {
  readonly #world: ExitWorld;
  readonly #child: LabProcess;
  readonly #file: string;

  private constructor(world: ExitWorld, child: LabProcess, file: string) {
    this.#world = world;
    this.#child = child;
    this.#file = file;
  }

  static async begin(world: ExitWorld, name: string): Promise<LeakWatch> {
    const { host } = world.client;
    const file = join(host.folder, `${name}.pcap`);
    const link = host.links[0]?.name ?? 'eth0';
    const argv = [
      'tcpdump',
      '-n',
      '-U',
      '--immediate-mode',
      '-B',
      '16384',
      '-Q',
      'out',
      '-i',
      link,
      '-w',
      file,
      '-Z',
      'root',
    ];
    const child = host.spawn({ name: `tcpdump ${name}`, argv });
    await child.says(/listening on/);
    return new LeakWatch(world, child, file);
  }

  async end(): Promise<Seen> {
    await clock.sleep(SETTLE_MS);
    await this.#child.stop();
    const read = async (...filter: readonly string[]): Promise<readonly string[]> => {
      const { stdout } = await exec(['tcpdump', '-n', '-r', this.#file, ...filter]);
      return stdout.split('\n').filter((line) => line !== '');
    };
    const questions = await read(`udp and dst port 53 and dst host ${this.#world.witness.v4}`);
    const strange = questions.filter((line) => !line.includes(` ${CONTROL_NAME}. `));
    const outside = await read(`not (${allowed(this.#world)})`);
    const lost = /(\d+) packets dropped by kernel/.exec(this.#child.output)?.[1];
    if (lost !== '0') throw new Error(`the capture is not whole: ${this.#child.tail(3)}`);
    return { packets: (await read()).length, leaks: [...outside, ...strange] };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.stop();
  }
}

const KINDS: Readonly<Record<string, RegExp>> = {
  udp4: /IP [\d.]+ > [\d.]+\.7007:/,
  udp6: /IP6 \S+ > \S+\.7007:/,
  tcp4: /IP [\d.]+ > [\d.]+\.80: Flags/,
  tcp6: /IP6 \S+ > \S+\.80: Flags/,
  dot: /\.853: Flags/,
  ping4: /ICMP echo request/,
  ping6: /ICMP6, echo request/,
  dns4: /IP [\d.]+ > [\d.]+\.53: .*leaktoken/,
  dns6: /IP6 \S+ > \S+\.53: .*leaktoken/,
  resolver: /leaktoken-r\d+/,
  mdns4: /224\.0\.0\.251\.5353/,
  mdns6: /ff02::fb\.5353/,
  broadcast: /255\.255\.255\.255\.7007/,
  others: /\.9: UDP/,
};

/** Kinds of traffic that are not among these packets: a capture that finds them all would have caught any leak. */
export const missingKinds = (leaks: readonly string[]): readonly string[] =>
  Object.entries(KINDS)
    .filter(([, pattern]) => !leaks.some((line) => pattern.test(line)))
    .map(([kind]) => kind);
