/** How each machine sees the routes of each other: one object per kind of view (policy.md §10). */
import type { CompiledGrant } from '../compile/compiled-grants.ts';
import { isExitRoute, type Machine } from '../compile/network.ts';
import type { Resolver } from '../compile/resolver.ts';
import { type Primaries, Routes } from '../compile/routes.ts';
import type { Bits } from '../sets/bits.ts';
import { addrText, type Cidr, compareCidrs, overlapsRange } from '../sets/ranges.ts';
import type { Atom, End, Reach } from './reach.ts';
import type { Scoped } from './scoped.ts';
import type { PeerRoutes } from './view.ts';

/** The sides of rules through which a route is used. */
interface Users {
  /** Whoever is in one of these may send into it. */
  readonly into: ReadonlySet<End>;
  /** Whoever is in one of these may be reached from it. */
  readonly back: ReadonlySet<End>;
  /** Selectors whose addresses have something of the route. */
  readonly overlapping: ReadonlyMap<Atom, boolean>;
}

/** Routes of the past that are not worth looking for. */
const SPARE_ROUTES = 64;

const ownText = (addr: number | bigint): string => `${addrText(addr)}/${typeof addr === 'number' ? 32 : 128}`;

export class RouteViews {
  readonly #resolver: Resolver;
  readonly #reach: Reach;
  readonly #scoped: Scoped;
  readonly #grants: () => readonly CompiledGrant[];
  readonly #users = new Map<string, Users & { readonly route: Cidr }>();
  readonly #views = new Map<number, Map<string, PeerRoutes>>();
  /** How many routes were in use when the others were forgotten last. */
  #inUse = 0;
  #primaries: Primaries;
  #routes: Routes | undefined;

  constructor(
    resolver: Resolver,
    reach: Reach,
    scoped: Scoped,
    grants: () => readonly CompiledGrant[],
    primaries: Primaries,
  ) {
    this.#resolver = resolver;
    this.#reach = reach;
    this.#scoped = scoped;
    this.#grants = grants;
    this.#primaries = primaries;
  }

  get primaries(): Primaries {
    return this.#primaries;
  }

  setPrimaries(primaries: Primaries): void {
    this.#primaries = primaries;
    this.#routes = undefined;
  }

  view(viewer: Machine, peer: Machine): PeerRoutes {
    const routes = viewer.index === peer.index ? this.#own(peer) : this.#current().of(viewer, peer);
    const texts = routes.map(({ text }) => text);
    const key = texts.join();
    let views = this.#views.get(peer.index);
    if (views === undefined) {
      views = new Map();
      this.#views.set(peer.index, views);
    }
    const known = views.get(key);
    if (known !== undefined) return known;
    const allowedIps = [...peer.addrs.map(ownText), ...texts];
    const made: PeerRoutes = {
      allowedIps,
      primaryRoutes: routes.filter((route) => !isExitRoute(route)).map(({ text }) => text),
      key: allowedIps.join(),
    };
    views.set(key, made);
    return made;
  }

  /** The machine is another now: what was said of its addresses and routes is over. */
  forget(index: number): void {
    this.#views.delete(index);
  }

  /** Routes whose users are known. */
  get size(): number {
    return this.#users.size;
  }

  /** Forgets routes that nobody has any more, when there may be many: some routers announce others every day. */
  forgetUnused(routers: Iterable<Machine>): void {
    if (this.#users.size <= 2 * this.#inUse + SPARE_ROUTES) return;
    const texts = [...routers].flatMap(({ subnetRoutes, exitRoutes }) => [...subnetRoutes, ...exitRoutes]);
    const used = new Set(texts.map(({ text }) => text));
    for (const text of this.#users.keys()) if (!used.has(text)) this.#users.delete(text);
    this.#inUse = this.#users.size;
  }

  /** Rules were compiled again. */
  refresh(): void {
    this.#routes = undefined;
  }

  /** Sets of rules are others now; gives the machines that may use a route which they could not, or the other way round. */
  moved(changed: readonly Atom[]): Iterable<Bits> {
    if (changed.length === 0) return [];
    const moved: Bits[] = [];
    for (const [text, known] of this.#users) {
      const { route, overlapping } = known;
      if (changed.every((atom) => overlapping.get(atom) === overlapsRange(atom.set, route))) continue;
      const next = this.#usersOf(route);
      for (const { local } of known.into.symmetricDifference(next.into)) moved.push(local);
      for (const { local } of known.back.symmetricDifference(next.back)) moved.push(local);
      this.#users.set(text, { route, ...next });
    }
    return moved;
  }

  #own(peer: Machine): readonly Cidr[] {
    const carried = peer.subnetRoutes.filter(({ text }) => this.#primaries.get(text) === peer.id);
    return [...carried, ...peer.exitRoutes].sort(compareCidrs);
  }

  #current(): Routes {
    this.#routes ??= new Routes(
      this.#resolver,
      this.#grants(),
      (viewer, route) => this.#canUse(viewer, route),
      this.#primaries,
    );
    return this.#routes;
  }

  #canUse(viewer: Machine, route: Cidr): boolean {
    let users = this.#users.get(route.text);
    if (users === undefined) {
      users = { route, ...this.#usersOf(route) };
      this.#users.set(route.text, users);
    }
    for (const { local } of users.into) if (local.has(viewer.index)) return true;
    for (const { local } of users.back) if (local.has(viewer.index)) return true;
    return this.#scoped.canUse(viewer, route);
  }

  #usersOf(route: Cidr): Users {
    const overlapping = new Map<Atom, boolean>();
    const touches = (atom: Atom): boolean => {
      const known = overlapping.get(atom);
      if (known !== undefined) return known;
      const found = overlapsRange(atom.set, route);
      overlapping.set(atom, found);
      return found;
    };
    const into = new Set<End>();
    const back = new Set<End>();
    for (const { src, dst } of this.#reach.pairs) {
      // All are looked at, also behind the first that overlaps: `moved` compares each.
      if (dst.atoms.filter(touches).length > 0) into.add(src);
      if (src.atoms.filter(touches).length > 0) back.add(dst);
    }
    return { into, back, overlapping };
  }
}
