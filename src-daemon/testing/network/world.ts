/** A described world made into a simulated one: sites behind routers, machines in them, relays with STUN in the middle. */
import type { Random } from '#shared/async/clock.ts';
import { Host } from './host.ts';
import { NAT_KINDS, type NatBehaviour } from './nat.ts';
import { conditions, isV6, type LinkConditions, Network, Segment } from './network.ts';
import { Router, type UdpRule } from './router.ts';
import type { SimClock } from './sim-clock.ts';
import { serveStun } from './stun-host.ts';

/** A network that machines join: the Internet itself, or what is behind a router. */
export interface SitePlan {
  readonly nat: NatBehaviour | undefined;
  /** Index of the site that its router is plugged into, a carrier's for example; undefined = the Internet. */
  readonly above: number | undefined;
  readonly hasV4: boolean;
  readonly hasV6: boolean;
  readonly udp: UdpRule;
  readonly uplink: LinkConditions;
  readonly firewall6: NatBehaviour;
  /** First three numbers of the inner IPv4 network; two homes may well have the same. */
  readonly net4: string;
  readonly isIsolated: boolean;
}

export interface PlugPlan {
  readonly site: number;
  readonly metric: number;
  readonly link: LinkConditions;
}

export interface MachinePlan {
  readonly port: number;
  readonly hasFirewall: boolean;
  /** The innermost router forwards the port by the user's setting, or because the machine asked and knows it. */
  readonly forward: 'no' | 'static' | 'mapped';
  readonly plugs: readonly PlugPlan[];
}

export interface WorldPlan {
  readonly sites: readonly SitePlan[];
  readonly machines: readonly MachinePlan[];
  /** One-way delay of each relay from the middle of the Internet; a region each, numbered from 1. */
  readonly relays: readonly { readonly delayMs: number; readonly isStunUp: boolean }[];
}

export interface Site {
  readonly plan: SitePlan;
  readonly segment: Segment;
  readonly router: Router | undefined;
}

export interface World {
  readonly network: Network;
  readonly core: Segment;
  readonly sites: readonly Site[];
  readonly machines: readonly Host[];
  readonly stun: readonly Host[];
}

const V6_HEAD = '2a00:1450';

export const stunAddress = (region: number, family: 4 | 6): string =>
  family === 4 ? `193.0.${region}.1` : `${V6_HEAD}:f000::${region.toString(16)}`;

export function buildWorld(plan: WorldPlan, clock: SimClock, random: Random): World {
  const network = new Network(clock, random);
  const core = new Segment('internet');
  const sites: Site[] = [];
  for (const [i, site] of plan.sites.entries()) sites.push(buildSite(network, core, sites, site, i));
  const stun = plan.relays.map(({ delayMs, isStunUp }, i) => {
    const host = new Host(network, `relay${i + 1}`);
    const addresses = [stunAddress(i + 1, 4), stunAddress(i + 1, 6)];
    host.plug({ name: 'eth0', segment: core, link: conditions({ delayMs }), addresses, metric: 1 });
    if (isStunUp) serveStun(host);
    return host;
  });
  const machines = plan.machines.map((machine, i) => {
    const host = new Host(network, `m${i}`, { hasFirewall: machine.hasFirewall });
    for (const plug of machine.plugs) plugInto(sites, host, i, plug);
    return host;
  });
  const world = { network, core, sites, machines, stun };
  for (const [i, machine] of plan.machines.entries())
    if (machine.forward !== 'no') forward(world, i, machine.port);
  return world;
}

/** Joins a machine to a site; leaves the site's name as the interface's. */
export function plugInto(sites: readonly Site[], host: Host, machine: number, plug: PlugPlan): void {
  const site = sites[plug.site];
  if (site === undefined) throw new RangeError(`no site ${plug.site}`);
  const addresses = [];
  if (site.plan.hasV4) addresses.push(v4Of(plug.site, site, machine));
  if (site.plan.hasV6)
    addresses.push(`${V6_HEAD}:${(plug.site + 1).toString(16)}::${(machine + 2).toString(16)}`);
  host.plug({
    name: `site${plug.site}`,
    segment: site.segment,
    link: plug.link,
    addresses,
    routedBy: routersOf(sites, plug.site),
    metric: plug.metric,
  });
}

/** A port of the site's router that leads to the machine. */
export function forward({ sites, machines }: World, machine: number, port: number): void {
  const host = machines[machine];
  for (const { segment, addresses } of host?.uplinks() ?? []) {
    const router = sites.find((site) => site.segment === segment)?.router;
    const ip = addresses.find((address) => !isV6(address));
    if (ip !== undefined && router !== undefined && router.nat.behaviour.mapping !== 'none')
      router.nat.forwards.set(port, { ip, port });
  }
}

/** From the innermost to the one at the Internet. */
export function routersOf(sites: readonly Site[], index: number): readonly Router[] {
  const found: Router[] = [];
  for (let at: number | undefined = index; at !== undefined; at = sites[at]?.plan.above) {
    const router = sites[at]?.router;
    if (router !== undefined) found.push(router);
  }
  return found;
}

export const wanAddress = (site: number, turn: number): string => `5.${turn}.${site}.1`;

function v4Of(index: number, { plan, router }: Site, machine: number): string {
  if (router === undefined) return `31.${index}.0.${machine + 2}`;
  return plan.nat?.mapping === 'none' ? `37.${index}.0.${machine + 2}` : `${plan.net4}.${machine + 2}`;
}

function buildSite(
  network: Network,
  core: Segment,
  below: readonly Site[],
  plan: SitePlan,
  index: number,
): Site {
  if (plan.nat === undefined) return { plan, segment: core, router: undefined };
  const above = plan.above === undefined ? undefined : below[plan.above];
  if (plan.above !== undefined && above?.router === undefined)
    throw new RangeError('a site above has no router');
  const outerIp = above === undefined ? wanAddress(index, 0) : `${above.plan.net4}.${200 + index}`;
  const router = new Router(network, {
    name: `site${index}`,
    upstream: above?.segment ?? core,
    uplink: plan.uplink,
    wanIp: plan.hasV4 ? outerIp : undefined,
    nat: plan.nat,
    firewall6: plan.firewall6,
    udp: plan.udp,
  });
  router.lan.isIsolated = plan.isIsolated;
  return { plan, segment: router.lan, router };
}

/** A site with nothing special about it. */
export const site = (given: Partial<SitePlan> = {}): SitePlan => ({
  nat: NAT_KINDS['port-restricted'],
  above: undefined,
  hasV4: true,
  hasV6: false,
  udp: { kind: 'all' },
  uplink: conditions({ delayMs: 10 }),
  firewall6: NAT_KINDS.firewall,
  net4: '192.168.1',
  isIsolated: false,
  ...given,
});

export const machine = (at: number, given: Partial<MachinePlan> = {}): MachinePlan => ({
  port: 41_641,
  hasFirewall: false,
  forward: 'no',
  plugs: [{ site: at, metric: 1, link: conditions() }],
  ...given,
});
