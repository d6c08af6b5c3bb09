/** A policy compiled for a network that changes: one machine's change touches only what it has to do with (policy.md §15.3). */
import { withAppDns } from '../compile/app-dns.ts';
import { appsServedBy } from '../compile/apps.ts';
import { viaRules } from '../compile/compiled-grants.ts';
import { filterOf, SourceIds, type WireRule } from '../compile/filter.ts';
import {
  asConnector,
  type Machine,
  machineOf,
  type PolicyNetwork,
  type PolicyNode,
  type PolicyUser,
} from '../compile/network.ts';
import { capMapOf, hasIpv4, type NodeCapMap, peerCapMapOf } from '../compile/node-attrs.ts';
import { Resolver } from '../compile/resolver.ts';
import type { Primaries } from '../compile/routes.ts';
import { ALLOW_ALL, type Rule } from '../compile/rules.ts';
import type { WireSshRule } from '../compile/ssh.ts';
import type { PolicyAst } from '../language/ast.ts';
import { Bits } from '../sets/bits.ts';
import { setOfAddrs, setOfCidrs } from '../sets/ranges.ts';
import { AddressBook, reaches } from './address-book.ts';
import { type FilterDeps, filterDoubts, holdersOf } from './filter-doubts.ts';
import type { Gathered } from './gathered.ts';
import { type GrantMove, GrantTable } from './grant-table.ts';
import { LiveSsh } from './live-ssh.ts';
import { Reach } from './reach.ts';
import { RouteViews } from './route-views.ts';
import { Rows } from './rows.ts';
import { Kept, sameJson } from './same.ts';
import { Scoped } from './scoped.ts';
import type { Slots } from './slots.ts';
import { Effect, type PeerRoutes, type SshCheck } from './view.ts';

export interface CoreOptions {
  readonly ast: PolicyAst;
  readonly network: PolicyNetwork;
  /** Ids of all machines, also of those that the network of the policy does not hold. */
  readonly slots: Slots;
  readonly serverUrl: string;
  readonly primaries: Primaries;
}

/** A machine before and after a change. */
interface Turn {
  readonly index: number;
  readonly old: Machine | undefined;
  readonly next: Machine | undefined;
}

interface Doubt {
  readonly selectors: ReadonlySet<string>;
  readonly turns: readonly Turn[];
  readonly hasNewUsers: boolean;
}

/** More rows than these to compare one by one, and making all anew is no dearer. */
const MANY = 256;
/** Pairs of a viewer and a router that are compared one by one after a new policy. */
const MAX_COMPARED = 200_000;
const MAX_SOURCE_IDS = 20_000;

const routeKey = (machine: Machine | undefined): string =>
  [...(machine?.subnetRoutes ?? []), ...(machine?.exitRoutes ?? [])].map(({ text }) => text).join();
const subnetKey = (machine: Machine | undefined): string =>
  (machine?.subnetRoutes ?? []).map(({ text }) => text).join();

export class Core {
  readonly resolver: Resolver;
  readonly #slots: Slots;
  readonly #machines: (Machine | undefined)[];
  readonly #caps = new Map<number, NodeCapMap>();
  readonly #grants: GrantTable;
  readonly #book: AddressBook;
  readonly #reach: Reach;
  readonly #scoped: Scoped;
  readonly #ssh: LiveSsh;
  readonly #views: RouteViews;
  readonly #rows: Rows;
  readonly #filters: Kept<readonly WireRule[]>;
  readonly #sshRules: Kept<readonly WireSshRule[] | undefined>;
  readonly #filterDeps: FilterDeps;
  #sourceIds = new SourceIds();

  constructor({ ast, network, slots, serverUrl, primaries }: CoreOptions) {
    this.#slots = slots;
    const place = (node: PolicyNode): number => slots.of(node.id) ?? 0;
    const whole = network.nodes.map((node) => machineOf(node, place(node)));
    this.resolver = new Resolver(ast, network.users, whole);
    // People in targets of attributes must be known to the resolver, or it would not tell when they change.
    for (const { target } of ast.nodeAttrs) for (const { selector } of target) this.resolver.setOf(selector);
    this.#machines = new Array<Machine | undefined>(slots.size).fill(undefined);
    for (const machine of whole) this.#machines[machine.index] = this.#dressed(machine);
    for (const machine of whole) {
      const dressed = this.#machines[machine.index];
      if (dressed !== machine) this.resolver.replace(machine, dressed);
    }
    this.#book = new AddressBook(this.resolver.machines);
    this.#grants = new GrantTable(this.resolver);
    this.#reach = new Reach(this.resolver, this.#book, () => this.#grants.routes, roomFor(slots.size));
    this.#scoped = new Scoped(this.resolver, this.#book);
    if (!ast.hasRules) this.#reach.openAll();
    for (const grant of this.#grants.all) {
      this.#reach.addGrant(grant);
      this.#scoped.put(grant);
    }
    this.#filterDeps = {
      resolver: this.resolver,
      book: this.#book,
      reach: this.#reach,
      scoped: this.#scoped,
    };
    this.#ssh = new LiveSsh(this.resolver, serverUrl);
    this.#views = new RouteViews(this.resolver, this.#reach, this.#scoped, () => this.#grants.all, primaries);
    this.#rows = new Rows(slots, (index) => this.#makeRow(index));
    this.#filters = new Kept((id) => this.#makeFilter(id));
    this.#sshRules = new Kept((id) => {
      const machine = this.machine(id);
      return machine === undefined ? undefined : this.#ssh.rulesFor(machine);
    });
  }

  get ast(): PolicyAst {
    return this.resolver.ast;
  }

  /** Whether what the policy says depends on who is online. */
  get mindsOnline(): boolean {
    const { grants, ssh } = this.ast;
    return (
      grants.some(({ via }) => via.length > 0) || (ssh ?? []).some(({ recorder }) => recorder.length > 0)
    );
  }

  /** Routes of now and before that are remembered; few more than there are. */
  get routesRemembered(): number {
    return this.#views.size;
  }

  machine(id: number): Machine | undefined {
    const index = this.#slots.of(id);
    return index === undefined ? undefined : this.#machines[index];
  }

  peersOf(id: number): readonly number[] {
    const machine = this.machine(id);
    return machine === undefined ? NOBODY : this.#rows.list(machine.index);
  }

  sees(viewer: number, peer: number): boolean {
    const [one, other] = [this.machine(viewer), this.machine(peer)];
    return one !== undefined && other !== undefined && this.#rows.row(one.index).has(other.index);
  }

  filterOf(id: number): readonly WireRule[] {
    return this.machine(id) === undefined ? NO_RULES : this.#filters.get(id);
  }

  sshOf(id: number): readonly WireSshRule[] | undefined {
    return this.#sshRules.get(id);
  }

  sshCheckOf(source: number, destination: number, login: string): SshCheck | undefined {
    const [from, to] = [this.machine(source), this.machine(destination)];
    return from === undefined || to === undefined ? undefined : this.#ssh.checkOf(from, to, login);
  }

  routesOf(viewer: number, peer: number): PeerRoutes {
    const [one, other] = [this.machine(viewer), this.machine(peer)];
    return one === undefined || other === undefined ? NO_ROUTES : this.#views.view(one, other);
  }

  capMapOf(id: number): NodeCapMap {
    return this.#caps.get(id) ?? {};
  }

  /** A machine of the network came, went, or is another now. False where it can't be taken over. */
  replace(id: number, node: PolicyNode | undefined, out: Gathered): boolean {
    const index = this.#slots.of(id);
    if (index === undefined) return node === undefined;
    this.#grow();
    const old = this.#machines[index];
    const before = this.#caps.get(id);
    const next = node === undefined ? undefined : this.#dressed(machineOf(node, index));
    if (next === undefined) this.#caps.delete(id);
    if (old === undefined && next === undefined) return true;
    // Whoever was outside has been told that there is nothing.
    if (old === undefined || next === undefined) out.node(id, EVERYTHING);
    if (before !== undefined && old !== undefined && next !== undefined)
      this.#compareCaps([before, this.capMapOf(id)], [old, next], out);
    return this.#turn({ index, old, next }, out);
  }

  /** Other people. False where so much moved that all must be compiled anew. */
  setUsers(users: readonly PolicyUser[], out: Gathered): boolean {
    const { selectors, machines } = this.resolver.setUsers(users);
    if (machines.length > MANY) return false;
    const turns = machines.map((machine) => ({ index: machine.index, old: machine, next: machine }));
    if (!this.#move({ selectors, turns, hasNewUsers: true }, false, out)) return false;
    for (const machine of machines) {
      const before = this.#caps.get(machine.id);
      const dressed = this.#dressed(machineOf(machine, machine.index));
      if (sameJson(before, this.#caps.get(machine.id))) continue;
      this.#compareCaps([before ?? {}, this.capMapOf(machine.id)], [machine, dressed], out);
      if (!this.#turn({ index: machine.index, old: machine, next: dressed }, out)) return false;
    }
    return true;
  }

  setPrimaries(primaries: Primaries, out: Gathered): void {
    const before = this.#views.primaries;
    this.#views.setPrimaries(primaries);
    for (const text of new Set([...before.keys(), ...primaries.keys()])) {
      const [was, is] = [before.get(text), primaries.get(text)];
      if (was === is) continue;
      for (const id of [was, is]) if (id !== undefined) this.#seenAnew(id, out);
    }
  }

  /** What `earlier` told, as far as it still holds; the rest is what changed. */
  adopt(earlier: Core, out: Gathered): void {
    const told = [...earlier.#rows.told];
    // Also those that routed before: machines may have changed together with the policy.
    const routers = [...new Set([...earlier.#book.routers, ...this.#book.routers].map(({ id }) => id))];
    const isFew = told.length * routers.length <= MAX_COMPARED;
    for (const index of told) {
      const id = this.#slots.idOf(index);
      if (!this.#rows.adopt(index, earlier.#rows)) out.node(id, Effect.Peers);
      const hasOther = routers.some(
        (router) =>
          !isFew ||
          earlier.routesOf(id, router).allowedIps.join() !== this.routesOf(id, router).allowedIps.join(),
      );
      if (hasOther) out.node(id, Effect.Routes);
    }
    for (const { id } of this.resolver.machines)
      if (earlier.machine(id) === undefined) out.node(id, EVERYTHING);
    for (const { id } of earlier.resolver.machines)
      if (this.machine(id) === undefined) out.node(id, EVERYTHING);
    for (const machine of this.resolver.machines) {
      if (String(machine.addrs) === String(earlier.machine(machine.id)?.addrs)) continue;
      out.node(machine.id, Effect.Caps);
      this.#seenAnew(machine.id, out);
    }
    for (const id of this.#filters.adopt(earlier.#filters)) out.node(id, Effect.Filter);
    for (const id of this.#sshRules.adopt(earlier.#sshRules)) out.node(id, Effect.Ssh);
    for (const machine of this.resolver.machines) {
      const caps = [earlier.capMapOf(machine.id), this.capMapOf(machine.id)] as const;
      this.#compareCaps(caps, [earlier.machine(machine.id) ?? machine, machine], out);
    }
  }

  /** What a machine may do, before and after; a few of it its peers are told too (policy.md §12.1). */
  #compareCaps(
    [before, after]: readonly [NodeCapMap, NodeCapMap],
    [old, next]: readonly [Machine, Machine],
    out: Gathered,
  ): void {
    if (!sameJson(before, after)) out.node(next.id, Effect.Caps);
    if (!sameJson(peerCapMapOf(before, old), peerCapMapOf(after, next))) this.#seenAnew(next.id, out);
  }

  /** Gives the machine its capabilities and apps, and takes its IPv4 address where they say so (policy.md §5.10). */
  #dressed(whole: Machine): Machine {
    const caps = capMapOf(this.resolver, whole);
    this.#caps.set(whole.id, caps);
    const dressed =
      whole.ipv4 === undefined || hasIpv4(this.resolver, whole, caps)
        ? whole
        : machineOf(whole, whole.index, false);
    return appsServedBy(this.resolver, whole).length > 0 ? asConnector(dressed) : dressed;
  }

  #grow(): void {
    const { size } = this.#slots;
    while (this.#machines.length < size) this.#machines.push(undefined);
    if (size <= this.#reach.size) return;
    this.#reach.grow(roomFor(size));
    this.#rows.grow(this.#reach.size);
  }

  #turn(turn: Turn, out: Gathered): boolean {
    const { index, old, next } = turn;
    const hasNewSubnets = subnetKey(old) !== subnetKey(next);
    const before = this.#candidates([turn], hasNewSubnets);
    if (before === undefined) return false;
    this.#machines[index] = next;
    if (old !== undefined) this.#book.remove(old);
    if (next !== undefined) this.#book.add(next);
    const selectors = this.resolver.replace(old, next);
    return this.#move({ selectors, turns: [turn], hasNewUsers: false }, hasNewSubnets, out, before);
  }

  /** Machines whose rows may change, with what was told of them; undefined when they are too many to look at one by one. */
  #candidates(turns: readonly Turn[], hasNewSubnets: boolean): ReadonlyMap<number, Bits> | undefined {
    const machines = turns.flatMap(({ old, next }) => [old, next]).filter((one) => one !== undefined);
    const found = new Set(turns.map(({ index }) => index));
    const addrs = setOfAddrs(machines.flatMap((one) => one.addrs));
    for (const router of this.#book.routers) if (reaches(addrs, router)) found.add(router.index);
    if (hasNewSubnets) {
      const subnets = setOfCidrs(machines.flatMap(({ subnetRoutes }) => subnetRoutes));
      for (const index of this.#book.reach(subnets, this.#reach.size)) found.add(index);
    }
    if (found.size > MANY) return undefined;
    return new Map([...found].map((index) => [index, this.#rows.toldOf(index, this.#reach.size)] as const));
  }

  #move(
    doubt: Doubt,
    hasNewSubnets: boolean,
    out: Gathered,
    before = this.#candidates(doubt.turns, hasNewSubnets),
  ): boolean {
    if (before === undefined) return false;
    const { selectors, turns, hasNewUsers } = doubt;
    const moved = this.#grants.move(selectors, hasNewSubnets);
    for (const { old, next } of moved.recompiled) this.#scoped.put(next, old);
    this.#scoped.holdersChanged();
    this.#views.refresh();
    if (hasNewSubnets) this.#views.forgetUnused(this.#book.routers);
    if (this.#sourceIds.size > MAX_SOURCE_IDS) this.#sourceIds = new SourceIds();
    const changed = this.#reach.refresh(selectors, hasNewSubnets);
    const turned = new Set(turns.map(({ index }) => index));
    for (const index of before.keys())
      this.#reach.place(index, this.#machines[index], turned.has(index) ? 'all' : changed);

    for (const [index, was] of before) this.#rowMoved(index, was, out);
    const machines = turns.flatMap(({ old, next }) => [old, next]).filter((one) => one !== undefined);
    for (const index of before.keys()) this.#doubtFilter(index, out);
    for (const index of filterDoubts(this.#filterDeps, moved, machines)) this.#doubtFilter(index, out);
    this.#doubtRoutes(turns, [...before.keys(), ...this.#scopedTo(moved, machines)], out);
    for (const bits of this.#views.moved(changed))
      for (const index of bits) out.node(this.#slots.idOf(index), Effect.Routes);
    for (const index of this.#ssh.move({ selectors, machines, hasNewUsers })) this.#doubtSsh(index, out);
    for (const { index } of turns) this.#doubtSsh(index, out);
    for (const { index, next } of turns) if (next === undefined) this.#forget(index);
    return true;
  }

  #rowMoved(index: number, was: Bits, out: Gathered): void {
    const after = this.#machines[index] === undefined ? new Bits(this.#reach.size) : this.#makeRow(index);
    if (was.difference(after).isEmpty) return;
    const id = this.#slots.idOf(index);
    out.seen(
      id,
      this.#rows.replace(index, was, after).map((other) => this.#slots.idOf(other)),
    );
    out.node(id, Effect.Peers);
  }

  /** Who holds rules of few that were compiled again, and may use other routes by them. */
  *#scopedTo({ recompiled }: GrantMove, machines: readonly Machine[]): Generator<number> {
    for (const { next } of recompiled) for (const { index } of holdersOf(this.resolver, next)) yield index;
    if (!this.#scoped.hasSelf) return;
    for (const { isTagged, userId } of machines)
      if (!isTagged && userId !== undefined)
        for (const { index } of this.resolver.ownedBy(userId)) yield index;
  }

  #doubtRoutes(turns: readonly Turn[], near: readonly number[], out: Gathered): void {
    for (const index of near) out.node(this.#slots.idOf(index), Effect.Routes);
    for (const { index, old, next } of turns) {
      this.#views.forget(index);
      const hasMoved = String(old?.addrs) !== String(next?.addrs) || routeKey(old) !== routeKey(next);
      const id = this.#slots.idOf(index);
      const isOtherHolder = this.#scoped.hasVia && old?.tags.join() !== next?.tags.join();
      if (hasMoved || isOtherHolder) this.#seenAnew(id, out);
      if (!this.#scoped.hasVia) continue;
      for (const holder of this.#scoped.holders) this.#seenAnew(holder.id, out);
      for (const router of this.#book.routers) if (hasMoved) this.#seenAnew(router.id, out);
    }
  }

  #seenAnew(id: number, out: Gathered): void {
    const machine = this.machine(id);
    if (machine === undefined) return;
    const viewers = this.#rows.toldOf(machine.index, this.#reach.size);
    out.seen(
      id,
      [...viewers].map((index) => this.#slots.idOf(index)),
    );
  }

  #doubtFilter(index: number, out: Gathered): void {
    const id = this.#slots.idOf(index);
    if (this.#filters.doubt(id)) out.node(id, Effect.Filter);
  }

  #doubtSsh(index: number, out: Gathered): void {
    const id = this.#slots.idOf(index);
    if (this.#sshRules.doubt(id)) out.node(id, Effect.Ssh);
  }

  #forget(index: number): void {
    const id = this.#slots.idOf(index);
    this.#rows.forget(index);
    this.#filters.forget(id);
    this.#sshRules.forget(id);
  }

  #makeRow(index: number): Bits {
    const row = new Bits(this.#reach.size);
    const machine = this.#machines[index];
    if (machine === undefined) return row;
    this.#reach.collect(index, row);
    this.#scoped.collect(machine, row, this.#reach.size);
    row.delete(index);
    return row;
  }

  #makeFilter(id: number): readonly WireRule[] {
    const machine = this.machine(id);
    if (machine === undefined) return NO_RULES;
    const rules = filterOf(this.#rulesFor(machine), machine, this.#sourceIds);
    return machine.isConnector ? withAppDns(rules, machine) : rules;
  }

  *#rulesFor(machine: Machine): Generator<Rule> {
    if (!this.ast.hasRules) yield ALLOW_ALL;
    const owner = machine.isTagged ? undefined : machine.userId;
    for (const grant of this.#grants.all) {
      yield* grant.rules;
      if (owner !== undefined) yield* grant.selfRules(owner);
      if (grant.via !== undefined) yield* viaRules(grant, machine);
    }
  }
}

const EVERYTHING = Effect.Peers | Effect.Filter | Effect.Ssh | Effect.Caps | Effect.Routes;
const NOBODY: readonly number[] = [];
const NO_RULES: readonly WireRule[] = [];
const NO_ROUTES: PeerRoutes = { allowedIps: [], primaryRoutes: [], key: '' };

/** Indices to make room for, so that a growing network is not moved at each machine. */
const roomFor = (size: number): number => Math.max(64, Math.ceil(size * 1.25));
