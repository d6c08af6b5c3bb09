/** Which routes of a peer a machine may use: primaries, exit routes and steering by `via` (policy.md §10). */
import { type Cidr, compareCidrs, contains, overlapsRange, type RangeSet } from '../sets/ranges.ts';
import type { CompiledGrant } from './compiled-grants.ts';
import { isExitRoute, type Machine } from './network.ts';
import type { Resolver } from './resolver.ts';

/** For each prefix the machine that carries it (policy.md §10.3). */
export type Primaries = ReadonlyMap<string, number>;

const canServe = (machine: Machine): boolean => machine.isOnline && machine.isHealthy;

/** The lowest id that can serve; one that serves already keeps the prefix while it can, or while nobody can. */
export function electPrimaries(machines: readonly Machine[], previous: Primaries = new Map()): Primaries {
  const servers = new Map<string, Machine[]>();
  for (const machine of machines) {
    for (const { text } of machine.subnetRoutes) {
      const list = servers.get(text);
      if (list === undefined) servers.set(text, [machine]);
      else list.push(machine);
    }
  }
  const elected = new Map<string, number>();
  for (const [text, all] of servers) {
    const able = all.filter(canServe);
    const keeper = (able.length === 0 ? all : able).find(({ id }) => id === previous.get(text));
    const lowest = able.length === 0 ? undefined : able.reduce((a, b) => (b.id < a.id ? b : a));
    const chosen = keeper ?? lowest;
    if (chosen !== undefined) elected.set(text, chosen.id);
  }
  return elected;
}

/** One grant as steering sees it. */
interface Steer {
  readonly sources: RangeSet;
  readonly via: readonly string[];
  readonly cidrs: readonly RangeSet[];
  readonly hasInternet: boolean;
}

const holds = (machine: Machine, tags: readonly string[]): boolean =>
  tags.some((tag) => machine.tags.includes(tag));

export class Routes {
  readonly #resolver: Resolver;
  readonly #canUse: (viewer: Machine, route: Cidr) => boolean;
  readonly #primaries: Primaries;
  readonly #steers: readonly Steer[];
  readonly #hasVia: boolean;

  constructor(
    resolver: Resolver,
    grants: readonly CompiledGrant[],
    canUse: (viewer: Machine, route: Cidr) => boolean,
    primaries: Primaries,
  ) {
    this.#resolver = resolver;
    this.#canUse = canUse;
    this.#primaries = primaries;
    this.#hasVia = grants.some(({ grant }) => grant.via.length > 0);
    this.#steers = this.#hasVia ? grants.map((one) => steerOf(resolver, one)) : [];
  }

  /** The routes of `peer` that go into `viewer`'s AllowedIPs, ascending. */
  of(viewer: Machine, peer: Machine): readonly Cidr[] {
    if (peer.subnetRoutes.length === 0 && !peer.isExit) return [];
    const all = [...peer.subnetRoutes, ...peer.exitRoutes];
    return all.filter((route) => this.#isOn(viewer, peer, route)).sort(compareCidrs);
  }

  #isOn(viewer: Machine, peer: Machine, route: Cidr): boolean {
    const isExit = isExitRoute(route);
    const isPrimary = !isExit && this.#primaries.get(route.text) === peer.id;
    // Routers of one prefix always know who carries it.
    if (isPrimary && viewer.subnetRoutes.some(({ text }) => text === route.text)) return true;
    const regular = (isExit || isPrimary) && this.#canUse(viewer, route);
    if (!this.#hasVia) return regular;
    const mine = this.#steers.filter(({ sources }) => viewer.addrs.some((addr) => contains(sources, addr)));
    const steering = mine.filter((steer) => steer.via.length > 0 && covers(steer, route));
    if (steering.length === 0 || mine.some((steer) => steer.via.length === 0 && covers(steer, route)))
      return regular;
    return steering.some(
      (steer) => holds(peer, steer.via) && (isExit || this.#isViaPrimary(peer, route, steer)),
    );
  }

  #isViaPrimary(peer: Machine, route: Cidr, { via }: Steer): boolean {
    const serving = this.#resolver.machines.filter(
      (one) => holds(one, via) && one.subnetRoutes.some(({ text }) => text === route.text),
    );
    const able = serving.filter(canServe);
    const lowest = Math.min(...(able.length === 0 ? serving : able).map(({ id }) => id));
    return peer.id === lowest;
  }
}

function steerOf(resolver: Resolver, { grant, sourceSet }: CompiledGrant): Steer {
  const isInternet = (text: string): boolean => text === 'autogroup:internet';
  return {
    sources: sourceSet,
    via: grant.via,
    cidrs: grant.dst
      .filter(({ selector }) => !isInternet(selector.text))
      .map(({ selector }) => resolver.setOf(selector)),
    hasInternet: grant.dst.some(({ selector }) => isInternet(selector.text)),
  };
}

/** For exit routes only `autogroup:internet` steers; what else overlaps all addresses means machines. */
const covers = ({ cidrs, hasInternet }: Steer, route: Cidr): boolean =>
  isExitRoute(route) ? hasInternet : cidrs.some((set) => overlapsRange(set, route));
