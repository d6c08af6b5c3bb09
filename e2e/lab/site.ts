/** Sites of the lab's Internet: a host and what stands between it and the others, one kind for each row of the NAT matrix. */
import type { Host } from './host.ts';
import type { Internet } from './internet.ts';
import type { Switch } from './lab.ts';
import { type FilterRules, filterRules, type NatKind, natRules } from './nat.ts';
import { startPortMapper } from './port-mapper.ts';

export const SITE_KINDS = [
  'open',
  'firewall',
  'full-cone',
  'address-restricted',
  'port-restricted',
  'symmetric',
  'symmetric-sequential',
  'symmetric-mapped',
  'double-nat',
  'cgnat-hairpin',
  'cgnat',
  'udp-blocked',
  'only-443',
  'ipv6-only',
  'ipv6-firewall',
  'same-nat',
] as const;
export type SiteKind = (typeof SITE_KINDS)[number];

/** What a host looks like from the Internet; a family is absent where no UDP passes. */
export interface Reach {
  readonly v4?: {
    /** One outer port for all destinations, or one for each. */
    readonly mapping: 'independent' | 'dependent';
    /** Who may send in: anybody, whom we sent to, or the very port we sent to. */
    readonly filtering: 'anybody' | 'address' | 'port';
  };
  readonly v6?: 'anybody' | 'port';
}

export interface Site {
  readonly kind: SiteKind;
  readonly name: string;
  readonly host: Host;
  /** From the host outwards. */
  readonly routers: readonly Host[];
  /** Whose first cable goes into the Internet. */
  readonly outermost: Host;
}

/** A NAT with a network inside: a home's router, or a carrier's. */
export interface Carrier {
  readonly router: Host;
  readonly inside: Switch;
}

interface Plan {
  readonly what: string;
  readonly reach: Reach;
  build(net: Internet, name: string, kind: SiteKind): Promise<Omit<Site, 'kind' | 'name'>>;
}

const restricted = { mapping: 'independent', filtering: 'port' } as const;
const hard = { mapping: 'dependent', filtering: 'port' } as const;

const plans: Readonly<Record<SiteKind, Plan>> = {
  open: {
    what: 'public addresses of both families, nothing in between',
    reach: { v4: { mapping: 'independent', filtering: 'anybody' }, v6: 'anybody' },
    build: async (net, name) => {
      const host = await net.lab.addHost(name, { on: [net.core] });
      await host.routeBy(net.gateway);
      return { host, routers: [], outermost: host };
    },
  },
  firewall: {
    what: 'a public IPv4 address behind a stateful firewall',
    reach: { v4: restricted },
    build: (net, name) => home(net, name, { isRouted: true }),
  },
  'full-cone': {
    what: 'NAT, EIM, EIF',
    reach: { v4: { mapping: 'independent', filtering: 'anybody' } },
    build: (net, name) => home(net, name, { nat: 'full-cone' }),
  },
  'address-restricted': {
    what: 'NAT, EIM, ADF',
    reach: { v4: { mapping: 'independent', filtering: 'address' } },
    build: (net, name) => home(net, name, { nat: 'address-restricted' }),
  },
  'port-restricted': {
    what: 'NAT, EIM, APDF',
    reach: { v4: restricted },
    build: (net, name) => home(net, name, { nat: 'port-restricted' }),
  },
  symmetric: {
    what: 'NAT, APDM with random ports, APDF',
    reach: { v4: hard },
    build: (net, name) => home(net, name, { nat: 'symmetric' }),
  },
  'symmetric-sequential': {
    what: 'NAT, APDM with the next port for each destination, APDF',
    reach: { v4: hard },
    build: (net, name) => home(net, name, { nat: 'symmetric-sequential' }),
  },
  'symmetric-mapped': {
    what: 'a symmetric NAT whose router maps ports on request (NAT-PMP, PCP, UPnP)',
    reach: { v4: { mapping: 'independent', filtering: 'anybody' } },
    build: mapped,
  },
  'double-nat': {
    what: 'two routers with port-restricted NAT one behind the other',
    reach: { v4: restricted },
    build: (net, name) => behind(net, name, 'port-restricted'),
  },
  'cgnat-hairpin': {
    what: "a port-restricted NAT behind a carrier's full-cone NAT that hairpins; all such sites behind the same one",
    reach: { v4: restricted },
    build: (net, name, kind) => behindCarrier(net, name, kind, { nat: 'full-cone', hairpin: true }),
  },
  cgnat: {
    what: "a port-restricted NAT behind a carrier's port-restricted NAT without hairpin; all such sites behind the same one",
    reach: { v4: restricted },
    build: (net, name, kind) => behindCarrier(net, name, kind, { nat: 'port-restricted' }),
  },
  'udp-blocked': {
    what: 'NAT, and no UDP at all',
    reach: {},
    build: (net, name) => home(net, name, { nat: 'port-restricted', outbound: 'no-udp' }),
  },
  'only-443': {
    what: 'NAT, and nothing but TCP to port 443',
    reach: {},
    build: (net, name) => home(net, name, { nat: 'port-restricted', outbound: 'tcp-443' }),
  },
  'ipv6-only': {
    what: 'a public IPv6 address, no IPv4',
    reach: { v6: 'anybody' },
    build: (net, name) => home(net, name, { v4: false, v6: true, openV6: true }),
  },
  'ipv6-firewall': {
    what: 'port-restricted NAT for IPv4, a stateful firewall for IPv6',
    reach: { v4: restricted, v6: 'port' },
    build: (net, name) => home(net, name, { nat: 'port-restricted', v6: true }),
  },
  'same-nat': {
    what: 'hosts behind the same port-restricted NAT, each on the same local port',
    reach: { v4: restricted },
    build: sameNat,
  },
};

export const whatIs = (kind: SiteKind): string => plans[kind].what;
export const reachOf = (kind: SiteKind): Reach => plans[kind].reach;

export async function addSite(net: Internet, kind: SiteKind, name: string): Promise<Site> {
  return { kind, name, ...(await plans[kind].build(net, name, kind)) };
}

interface HomeOptions extends FilterRules {
  readonly nat?: NatKind;
  /** The inside has public IPv4 addresses of its own. */
  readonly isRouted?: boolean;
  readonly hairpin?: boolean;
  readonly v4?: false;
  readonly v6?: boolean;
  /** The network inside, first three numbers. */
  readonly inside?: string;
}

const PUBLIC_V4_BITS = 24;
const ROUTER = 1;
const BLOCKS_FROM = 10_000;
const BLOCK_PORTS = 200;

/** A router on `outer` with a network inside. */
async function addRouter(
  net: Internet,
  name: string,
  outer: Switch,
  gateway: { readonly v4?: string; readonly v6?: string },
  options: HomeOptions,
): Promise<Carrier> {
  const { lab } = net;
  const router = await lab.addHost(`${name}-router`, { on: [outer] });
  // The third number is the switch's, which no other switch has.
  const own = lab.nextSwitchNumber();
  const v4 =
    options.v4 === false
      ? false
      : (options.inside ?? (options.isRouted === true ? `198.18.${own}` : `10.77.${own}`));
  const v6 = options.v6 === true ? `2001:db8:${own}:` : false;
  const inside = await lab.addSwitch(`${name}-lan`, { v4, v6 });
  await lab.plug(router, inside, { number: ROUTER });
  await router.forward();
  await router.routeBy(gateway);
  const nat =
    options.nat === undefined || v4 === false
      ? ''
      : natRules({
          kind: options.nat,
          outside: router.v4,
          ...(options.hairpin === undefined ? {} : { hairpin: options.hairpin }),
        });
  await router.exec(['nft', '-f', '-'], { input: `${filterRules(options)}${nat}` });
  if (options.isRouted === true) await net.announce(`${v4}.0/${PUBLIC_V4_BITS}`, router.v4);
  if (v6 !== false) await net.announce(`${v6}:/64`, router.v6);
  return { router, inside };
}

/** A host in a network of a router. */
async function hostIn(net: Internet, name: string, { router, inside }: Carrier): Promise<Host> {
  const host = await net.lab.addHost(name, { on: [inside] });
  const { v4, v6 } = router.links[1] ?? {};
  await host.routeBy({ v4, v6 });
  return host;
}

type Built = Omit<Site, 'kind' | 'name'>;

async function home(net: Internet, name: string, options: HomeOptions): Promise<Built> {
  const made = await addRouter(net, name, net.core, net.gateway, options);
  const host = await hostIn(net, name, made);
  return { host, routers: [made.router], outermost: made.router };
}

/** The port mapper wants an outer address that is no documentation one. */
async function mapped(net: Internet, name: string): Promise<Built> {
  const { network, gateway } = await net.other();
  const made = await addRouter(net, name, network, gateway, { nat: 'symmetric' });
  await startPortMapper(made.router);
  const host = await hostIn(net, name, made);
  return { host, routers: [made.router], outermost: made.router };
}

/** A port-restricted router behind another NAT. */
async function homeIn(net: Internet, name: string, carrier: Carrier): Promise<Built> {
  const { v4 } = carrier.router.links[1] ?? {};
  const made = await addRouter(net, name, carrier.inside, v4 === undefined ? {} : { v4 }, {
    nat: 'port-restricted',
  });
  const host = await hostIn(net, name, made);
  return { host, routers: [made.router, carrier.router], outermost: carrier.router };
}

async function behind(net: Internet, name: string, nat: NatKind): Promise<Built> {
  return await homeIn(net, name, await addRouter(net, `${name}-outer`, net.core, net.gateway, { nat }));
}

async function behindCarrier(
  net: Internet,
  name: string,
  kind: SiteKind,
  options: HomeOptions,
): Promise<Built> {
  // Carriers use 100.64.0.0/10 inside (RFC 6598), which is also where the private network has its addresses.
  const inside = `100.${kind === 'cgnat' ? 70 : 71}.0`;
  const made =
    net.carriers.get(kind) ??
    (await addRouter(net, `${kind}-carrier`, net.core, net.gateway, { ...options, inside }));
  net.carriers.set(kind, made);
  const built = await homeIn(net, name, made);
  const [home] = built.routers;
  if (home !== undefined) await giveBlock(made.router, home.v4);
  return built;
}

/**
 * Carriers give each customer a block of ports. Without, the kernel lets two customers share a port while they talk to
 * different servers, and has to part them later: a mapping that changes with the destination after all.
 */
async function giveBlock(carrier: Host, customer: string): Promise<void> {
  const first = BLOCKS_FROM + BLOCK_PORTS * Number(customer.split('.').at(-1));
  const ports = `${first}-${first + BLOCK_PORTS - 1}`;
  const rule = `insert rule ip nat sending oifname "eth0" ip saddr ${customer} meta l4proto udp snat to ${carrier.v4}:${ports}`;
  await carrier.exec(['nft', '-f', '-'], { input: `${rule}\n` });
}

async function sameNat(net: Internet, name: string, kind: SiteKind): Promise<Built> {
  const made =
    net.carriers.get(kind) ?? (await addRouter(net, kind, net.core, net.gateway, { nat: 'port-restricted' }));
  net.carriers.set(kind, made);
  const host = await hostIn(net, name, made);
  return { host, routers: [made.router], outermost: made.router };
}

/** A second way out for a site's host: another port-restricted router, plugged in beside the first. Takes over when told. */
export async function addUplink(net: Internet, { host, name }: Site): Promise<{ switchTo(): Promise<void> }> {
  const { router, inside } = await addRouter(net, `${name}-other`, net.core, net.gateway, {
    nat: 'port-restricted',
  });
  const [first] = host.links;
  const { name: second } = await net.lab.plug(host, inside);
  await host.ip(`link set ${second} down`);
  return {
    switchTo: async () => {
      const { v4 } = router.links[1] ?? {};
      await host.ip(
        ...(first === undefined ? [] : [`link set ${first.name} down`]),
        `link set ${second} up`,
        `route replace default via ${v4}`,
      );
    },
  };
}

/** The router forgets every UDP mapping and gives other ports from now on, as one that was restarted may. */
export async function rebind({ outermost: router }: Site, firstPort: number): Promise<void> {
  const rule = `insert rule ip nat sending oifname "eth0" meta l4proto udp masquerade to :${firstPort}-${firstPort + 100}`;
  await router.exec(['nft', '-f', '-'], { input: `${rule}\n` });
  await router.exec(['conntrack', '-D', '-p', 'udp'], { mayFail: true });
}

/** The router lets no UDP through any more, not of what there is either. The returned function ends that. */
export async function blockUdp({ outermost: router }: Site): Promise<() => Promise<void>> {
  await router.exec(['nft', '-f', '-'], {
    input: `table inet blocked {
      chain passing {
        type filter hook forward priority filter - 1;
        meta l4proto udp drop
      }
    }\n`,
  });
  return async () => {
    await router.exec(['nft', 'delete', 'table', 'inet', 'blocked']);
  };
}
