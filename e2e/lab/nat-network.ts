/** A private network whose machines stand behind NATs of the lab's Internet, with a coordination server and relays. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Control } from './control.ts';
import { Daemon } from './daemon.ts';
import { Internet } from './internet.ts';
import type { Lab } from './lab.ts';
import { Relay, relayMap } from './relay.ts';
import type { Site, SiteKind } from './site.ts';
import { eachOf, must, until } from './wait.ts';
import type { Weather } from './weather.ts';

export interface NatNetworkOptions {
  /** Regions, each a relay on a host of its own; 900 alone unless told. */
  readonly regions?: readonly number[];
  readonly weather?: Weather;
  /** Path of the official relay, to be used for all regions. */
  readonly derper?: string;
}

/** What strict networks let through; the server's own port is another, because it needs no rights for it. */
const OUTER_PORT = 443;
const INNER_PORT = 8080;
const FIRST_REGION = 900;
const MAP_FILE = 'relays.json';
/** Starting is mostly work for a processor; the lab's machine has few. */
const STARTS_AT_ONCE = 2;

export class NatNetwork {
  readonly net: Internet;
  readonly control: Control;
  readonly relays: readonly Relay[];
  readonly machines = new Map<string, Daemon>();
  readonly #authKey: string;

  private constructor(net: Internet, control: Control, relays: readonly Relay[], authKey: string) {
    this.net = net;
    this.control = control;
    this.relays = relays;
    this.#authKey = authKey;
  }

  static async open(lab: Lab, options: NatNetworkOptions = {}): Promise<NatNetwork> {
    const net = await Internet.open(lab);
    const relays: Relay[] = [];
    for (const region of options.regions ?? [FIRST_REGION]) {
      const host = await net.addServer(`relay-${region}`);
      relays.push(
        await Relay.start(host, {
          region,
          ...(options.derper === undefined ? {} : { derper: options.derper }),
        }),
      );
    }
    const { server } = net;
    await server.exec(['nft', '-f', '-'], { input: redirect(net) });
    const [config, map] = [join(server.folder, 'control.json'), join(server.folder, MAP_FILE)];
    writeFileSync(map, JSON.stringify(relayMap(relays)));
    writeFileSync(config, JSON.stringify({ derpMapFiles: [map] }));
    const url = `http://${server.v4}:${OUTER_PORT}`;
    const control = await Control.start(server, { listen: `[::]:${INNER_PORT}`, url, config });
    const network = new NatNetwork(net, control, relays, await control.authKey({ reusable: true }));
    if (options.weather !== undefined) await net.weather(options.weather);
    return network;
  }

  /** Writes another relay map; the server notices by itself. */
  setRelays(relays: readonly Relay[]): void {
    writeFileSync(join(this.net.server.folder, MAP_FILE), JSON.stringify(relayMap(relays)));
  }

  /** The server as a site's host can reach it. */
  urlFor({ host }: Site): string {
    const { server } = this.net;
    return host.links[0]?.v4 === undefined
      ? `http://[${server.v6}]:${OUTER_PORT}`
      : `http://${server.v4}:${OUTER_PORT}`;
  }

  get authKey(): string {
    return this.#authKey;
  }

  /** Starts the daemons of these sites and lets them join, a few at a time. */
  async join(sites: readonly Site[], flags: readonly string[] = []): Promise<void> {
    await eachOf(sites, STARTS_AT_ONCE, async (site) => {
      const machine = await Daemon.start(site.host, flags);
      await machine.join({ server: this.urlFor(site), authKey: this.#authKey });
      await until(
        `${site.name} to have a home relay`,
        async () => (await machine.status()).Self?.Relay !== '',
      );
      this.machines.set(site.name, machine);
    });
    await this.#settle();
  }

  /** Everybody knows everybody's relay: whoever has just joined is not reached before. */
  async #settle(): Promise<void> {
    const machines = [...this.machines.values()];
    await eachOf(machines, STARTS_AT_ONCE, async (machine) => {
      await until(`${machine.host.name} to know all relays`, async () => {
        const peers = Object.values((await machine.status()).Peer ?? {});
        return peers.length >= machines.length - 1 && peers.every(({ Relay }) => Relay !== '');
      });
    });
  }

  async add(kind: SiteKind, name: string): Promise<Daemon> {
    const site = await this.net.add(kind, name);
    await this.join([site]);
    return this.machine(name);
  }

  machine(name: string): Daemon {
    const found = this.machines.get(name);
    must(found !== undefined, `${name} is a machine of the network`);
    return found;
  }
}

/** The server is reached at port 443 too. */
const redirect = ({ server }: Internet): string => `
table inet front {
  chain arriving {
    type nat hook prerouting priority dstnat;
    ip daddr ${server.v4} tcp dport ${OUTER_PORT} redirect to :${INNER_PORT}
    ip6 daddr ${server.v6} tcp dport ${OUTER_PORT} redirect to :${INNER_PORT}
  }
}
`;
