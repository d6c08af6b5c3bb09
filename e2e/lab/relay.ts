/** A relay on a host of the lab: rhumb-relay, or the official one by its path; and the relay map that names it. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './figures.ts';
import type { Host } from './host.ts';
import type { LabProcess } from './process.ts';
import { must, until } from './wait.ts';

const BIN = join(ROOT, 'bin/rhumb-relay');
/** The only one that strict networks let through. */
const PORT = 443;
const STUN_PORT = 3478;
/**
 * A lone relay stands for three regions, told apart by the STUN port: clients measure more than one, so that they notice
 * a symmetric NAT, and need no time-out to have enough of them (nat-traversal.md §9.3-14).
 */
const STUN_PORTS = [STUN_PORT, 3479, 3480] as const;
/** Makes the copies so bad that nobody takes them for a home. */
const COPY_SCORE = 100;

export interface RelayOptions {
  readonly region: number;
  /** Path of the official program; without one it is ours. */
  readonly derper?: string;
}

export class Relay {
  readonly host: Host;
  readonly region: number;
  readonly #derper: string | undefined;
  readonly #folder: string;
  /** What stands in a relay map so that clients accept this very certificate. */
  #pin = '';
  #process: LabProcess | undefined;

  private constructor(host: Host, options: RelayOptions) {
    this.host = host;
    this.region = options.region;
    this.#derper = options.derper;
    this.#folder = join(host.folder, 'relay');
  }

  static async start(host: Host, options: RelayOptions): Promise<Relay> {
    const relay = new Relay(host, options);
    mkdirSync(relay.#folder, { recursive: true, mode: 0o700 });
    await relay.run();
    return relay;
  }

  /** Starts the program (again) with the same key and certificate. */
  async run(): Promise<void> {
    const [program, ports] =
      this.#derper === undefined ? [BIN, STUN_PORTS.join(',')] : [this.#derper, `${STUN_PORT}`];
    const places = ['--certdir', this.#folder, '-c', join(this.#folder, 'relay.key')];
    const mode = ['--hostname', this.host.v4, '--certmode', this.#derper === undefined ? 'self' : 'manual'];
    const argv = [program, '-a', `:${PORT}`, ...mode, ...places, '--stun-port', ports];
    const child = this.host.spawn({ name: 'relay', argv });
    this.#process = child;
    const url = `https://${this.host.v4}:${PORT}/derp/probe`;
    await until(`the relay on ${this.host.name} to answer`, async () => {
      if (!child.running) return true;
      return (await this.host.exec(['curl', '-skf', '-m', '2', url], { mayFail: true })).code === 0;
    });
    must(child.running, `the relay on ${this.host.name} ended: ${child.tail(20)}`);
    const [, pin = ''] = await child.says(/"CertName":"(sha256-raw:[0-9a-f]{64})"/);
    this.#pin = pin;
  }

  get process(): LabProcess {
    if (this.#process === undefined) throw new Error('the relay was never started');
    return this.#process;
  }

  /** Its region in the form of a relay map, and the copies of it. */
  regions(isAlone: boolean): readonly Region[] {
    const ports = this.#derper === undefined && isAlone ? STUN_PORTS : [STUN_PORT];
    return ports.map((stunPort, n) => {
      const id = this.region + n;
      const name = `${this.host.name}-${stunPort}`;
      const { v4, v6 } = this.host;
      const where = { HostName: v4, CertName: this.#pin, IPv4: v4, IPv6: v6 };
      const node = { Name: `${id}a`, RegionID: id, ...where, STUNPort: stunPort, DERPPort: PORT };
      return { RegionID: id, RegionCode: name, RegionName: name, Nodes: [node] };
    });
  }
}

interface Region {
  readonly RegionID: number;
  readonly RegionCode: string;
  readonly RegionName: string;
  readonly Nodes: readonly unknown[];
}

/** The relay map with these relays, as a configuration file of the server has it. */
export function relayMap(relays: readonly Relay[]): Record<string, unknown> {
  const regions = relays.flatMap((relay) => relay.regions(relays.length === 1));
  const isCopy = ({ RegionID }: Region): boolean => relays.every(({ region }) => region !== RegionID);
  return {
    HomeParams: {
      RegionScore: Object.fromEntries(regions.filter(isCopy).map(({ RegionID }) => [RegionID, COPY_SCORE])),
    },
    Regions: Object.fromEntries(regions.map((region) => [region.RegionID, region])),
  };
}
