/**
 * A small Internet in the lab: one public network of documentation addresses, a provider's router, a server host with
 * three addresses, and sites behind it (nat-traversal.md §7.4).
 *
 * ```
 *   server .10 .11 .12      provider .1        sites: routers and open hosts, from .20
 *        └──────────────────────┴──────────────────────┴───── 203.0.113.0/24, 2001:db8:0::/64
 * ```
 */
import { RhumbError } from '#shared/errors.ts';
import type { Host } from './host.ts';
import type { Lab, Switch } from './lab.ts';
import { addSite, type Carrier, type Site, type SiteKind } from './site.ts';
import type { Weather } from './weather.ts';

const V4 = '203.0.113';
const V6 = '2001:db8:0:';
/** A range that no program takes for a documentation or private one: AMPRNet's for tests. Behind the provider. */
const OTHER_V4 = '44.128.0';
const PROVIDER = 1;
/** Two addresses tell a mapping that depends on the address from one that does not (§9.1-4); the third was never contacted. */
const SERVER = [10, 11, 12] as const;
/** Further servers follow, up to the first site. */
const MORE_SERVERS = 13;
const LAST_SERVER = 19;

export class Internet {
  readonly lab: Lab;
  readonly core: Switch;
  readonly server: Host;
  readonly serverV4: readonly [string, string, string];
  readonly serverV6: readonly [string, string, string];
  readonly servers: Host[];
  readonly sites: Site[] = [];
  /** What several sites may stand behind, by kind. */
  readonly carriers = new Map<SiteKind, Carrier>();
  #other: Switch | undefined;
  #nextServer = MORE_SERVERS;
  readonly #provider: Host;

  private constructor(lab: Lab, core: Switch, server: Host, provider: Host) {
    this.lab = lab;
    this.core = core;
    this.server = server;
    this.servers = [server];
    this.#provider = provider;
    this.serverV4 = [`${V4}.${SERVER[0]}`, `${V4}.${SERVER[1]}`, `${V4}.${SERVER[2]}`];
    this.serverV6 = [`${V6}:${SERVER[0]}`, `${V6}:${SERVER[1]}`, `${V6}:${SERVER[2]}`];
  }

  static async open(lab: Lab): Promise<Internet> {
    const core = await lab.addSwitch('internet', { v4: V4, v6: V6 });
    const provider = await lab.addHost('provider');
    await lab.plug(provider, core, { number: PROVIDER });
    await provider.forward();
    const server = await lab.addHost('server');
    const { name } = await lab.plug(server, core, { number: SERVER[0] });
    await server.ip(
      ...SERVER.slice(1).flatMap((number) => [
        `address add ${V4}.${number}/24 dev ${name}`,
        `address add ${V6}:${number}/64 dev ${name} nodad`,
      ]),
    );
    const internet = new Internet(lab, core, server, provider);
    await server.routeBy(internet.gateway);
    return internet;
  }

  /** The provider's router, which knows the way to every site's own prefix. */
  get gateway(): { readonly v4: string; readonly v6: string } {
    return { v4: `${V4}.${PROVIDER}`, v6: `${V6}:${PROVIDER}` };
  }

  /** One more server, with one address of each family. */
  async addServer(name: string): Promise<Host> {
    if (this.#nextServer > LAST_SERVER) throw new RhumbError('unavailable', 'no room for another server');
    const host = await this.lab.addHost(name);
    await this.lab.plug(host, this.core, { number: this.#nextServer });
    this.#nextServer += 1;
    await host.routeBy(this.gateway);
    this.servers.push(host);
    return host;
  }

  /** The addresses of all servers, now and later, as ranges of nftables. */
  static readonly serverRanges = {
    v4: `${V4}.${PROVIDER}-${V4}.${LAST_SERVER}`,
    v6: `${V6}:${PROVIDER}-${V6}:${LAST_SERVER}`,
  } as const;

  /** The part of the Internet whose addresses are ordinary ones, and its gateway. */
  async other(): Promise<{ readonly network: Switch; readonly gateway: { readonly v4: string } }> {
    if (this.#other === undefined) {
      this.#other = await this.lab.addSwitch('internet-other', { v4: OTHER_V4, v6: false });
      await this.lab.plug(this.#provider, this.#other, { number: PROVIDER });
    }
    return { network: this.#other, gateway: { v4: `${OTHER_V4}.${PROVIDER}` } };
  }

  /** Tells the provider which router a public prefix is behind. */
  async announce(prefix: string, via: string): Promise<void> {
    await this.#provider.ip(`route add ${prefix} via ${via}`);
  }

  /** Sites of a carrier's kind, and of `same-nat`, share what the first of them made. */
  async add(kind: SiteKind, name: string): Promise<Site> {
    const site = await addSite(this, kind, name);
    this.sites.push(site);
    return site;
  }

  /** Weather between any two of the sites and the server, as one way sees it from end to end. */
  async weather(weather: Weather): Promise<void> {
    const { delayMs = 0, jitterMs = 0, lossPercent = 0, reorderPercent = 0 } = weather;
    // A way passes two cables.
    const cable = {
      delayMs: delayMs / 2,
      jitterMs: jitterMs / 2,
      lossPercent: lossPercent / 2,
      reorderPercent: reorderPercent / 2,
    };
    const outermost = new Set([...this.servers, ...this.sites.map((site) => site.outermost)]);
    for (const host of outermost) await host.weather(cable);
  }
}
