/** The policy in force over the network as it is: hears of every change, and takes over what matters when asked (policy.md §15). */
import type { Clock } from '#shared/async/clock.ts';
import { parsePrefix } from '#shared/ip/address.ts';
import { type Change, What } from '../../state/changes.ts';
import { type Meter, noMeter } from '../../state/meter.ts';
import type { Network } from '../../state/network.ts';
import { autoApproved } from '../compile/approve.ts';
import { appsServedBy, isRouteOfApps } from '../compile/apps.ts';
import type { WireRule } from '../compile/filter.ts';
import type { Identity } from '../compile/names.ts';
import { machineOf } from '../compile/network.ts';
import { type NodeCapMap, peerCapMapOf, poolsFor } from '../compile/node-attrs.ts';
import type { WireSshRule } from '../compile/ssh.ts';
import { refusedTags } from '../compile/tag-owners.ts';
import type { AppConnector, PolicyAst } from '../language/ast.ts';
import { cidrOf } from '../sets/ranges.ts';
import { type AppServer, appServers, mayAsk } from './app-servers.ts';
import { Core } from './core.ts';
import { factsOf } from './facts.ts';
import { FactsTable } from './facts-table.ts';
import { Gathered } from './gathered.ts';
import { Slots } from './slots.ts';
import { sshVersionOf } from './ssh-version.ts';
import type { Effects, PeerRoutes, PolicyView, SshCheck } from './view.ts';

export interface LivePolicyDeps {
  readonly network: Network;
  readonly clock: Clock;
  /** The server's own URL, without a slash at the end: clients ask it about SSH checks. */
  readonly serverUrl: string;
  /** The policy in force; asked again after every `policy` change. */
  readonly inForce: () => PolicyAst;
  readonly meter?: Meter;
}

/** Changes of these bits may be the policy's business. */
const WATCHED = What.Whole | What.Routes | What.Tags | What.Online;
/** When so many machines changed at once, all is compiled anew. */
const MANY = 256;
/** Places of removed machines that are kept before all are numbered anew. */
const MAX_HOLES = 1_024;

export class LivePolicy implements PolicyView, Disposable {
  readonly #deps: LivePolicyDeps;
  readonly #meter: Meter;
  readonly #facts: FactsTable;
  readonly #out = new Gathered();
  readonly #unsubscribe: () => void;
  #slots: Slots;
  #core: Core;
  #changedNodes = new Set<number>();
  #changedUsers = new Set<number>();
  #hasNewPolicy = false;
  #isReset = false;
  #primaries: ReadonlyMap<string, number>;

  constructor(deps: LivePolicyDeps) {
    this.#deps = deps;
    this.#meter = deps.meter ?? noMeter;
    this.#facts = new FactsTable(deps.network, deps.clock);
    this.#slots = this.#numbered();
    this.#primaries = deps.network.primaries;
    this.#core = this.#make(deps.inForce());
    this.#unsubscribe = deps.network.subscribe((changes) => {
      for (const change of changes) this.#note(change);
    });
  }

  [Symbol.dispose](): void {
    this.#unsubscribe();
    this.#facts[Symbol.dispose]();
  }

  settle(): void {
    if (this.#isReset) this.#reset();
    const { nodes, isAllAnew } = this.#takeNodes();
    const hasNewUsers = this.#takeUsers();
    const ast = this.#hasNewPolicy ? this.#deps.inForce() : this.#core.ast;
    this.#hasNewPolicy = false;
    if (isAllAnew) this.#renumber(ast);
    else if (ast !== this.#core.ast || nodes.length > MANY) this.#rebuild(ast);
    else if (nodes.length > 0 || hasNewUsers) this.#step(nodes, hasNewUsers);
    if (this.#primaries === this.#deps.network.primaries) return;
    this.#primaries = this.#deps.network.primaries;
    this.#core.setPrimaries(this.#primaries, this.#out);
  }

  takeEffects(): Effects {
    return this.#out.take();
  }

  peersOf(viewer: number): readonly number[] {
    return this.#core.peersOf(viewer);
  }

  sees(viewer: number, peer: number): boolean {
    return this.#core.sees(viewer, peer);
  }

  filterOf(node: number): readonly WireRule[] {
    return this.#core.filterOf(node);
  }

  routesOf(viewer: number, peer: number): PeerRoutes {
    return this.#core.routesOf(viewer, peer);
  }

  sshOf(node: number): readonly WireSshRule[] | undefined {
    return this.#core.sshOf(node);
  }

  sshCheckOf(source: number, destination: number, login: string): SshCheck | undefined {
    return this.#core.sshCheckOf(source, destination, login);
  }

  get sshVersion(): string {
    return sshVersionOf(this.#core.ast);
  }

  capMapOf(node: number): NodeCapMap {
    return this.#core.capMapOf(node);
  }

  peerCapMapOf(viewer: number, peer: number): NodeCapMap {
    const machine = this.#core.machine(peer);
    if (machine === undefined || !this.sees(viewer, peer)) return {};
    return peerCapMapOf(this.#core.capMapOf(peer), machine);
  }

  autoApprovedOf(node: number): readonly string[] {
    const view = this.#deps.network.node(node);
    if (view === undefined) return [];
    // Also for machines that wait to be let in: what is approved then counts from the first moment.
    const machine = machineOf(factsOf(view, this.#deps.clock.now()), 0);
    return autoApproved(this.#core.resolver, machine).map(({ text }) => text);
  }

  /** Those of the routes that the apps which the machine serves may bring. */
  routesOfApps(node: number, routes: readonly string[]): ReadonlySet<string> {
    const apps = routes.length === 0 ? [] : this.appsOf(node);
    return new Set(
      routes.filter((route) => {
        const prefix = parsePrefix(route);
        return prefix !== undefined && isRouteOfApps(apps, cidrOf(prefix));
      }),
    );
  }

  /** The apps that a machine serves; also of one that waits to be let in. */
  appsOf(node: number): readonly AppConnector[] {
    const view = this.#deps.network.node(node);
    if (view === undefined) return [];
    return appsServedBy(this.#core.resolver, machineOf(factsOf(view, this.#deps.clock.now()), 0));
  }

  get hasApps(): boolean {
    return this.#core.ast.nodeAttrs.some(({ apps }) => apps.length > 0);
  }

  /** Machines that serve apps, by id. */
  connectors(): readonly AppServer[] {
    return this.hasApps ? appServers(this.#core) : [];
  }

  /** Whether a connector's client answers the viewer's questions about names. */
  mayAsk(viewer: number, connector: number): boolean {
    return this.sees(viewer, connector) && mayAsk(this.#core, viewer, connector);
  }

  refusedTags(
    userId: number | undefined,
    current: readonly string[],
    wanted: readonly string[],
  ): readonly string[] {
    return refusedTags(this.#core.ast, this.#core.resolver.directory, { userId, tags: current }, wanted);
  }

  hasTag(tag: string): boolean {
    return this.#core.ast.tagOwners.has(tag);
  }

  poolsFor(identity: Identity): readonly string[] | undefined {
    return poolsFor(this.#core.ast, this.#core.resolver.directory, identity);
  }

  hasIpv4(node: number): boolean {
    const machine = this.#core.machine(node);
    return machine === undefined || machine.addrs.some((addr) => typeof addr === 'number');
  }

  /** Groups of the policy that a person is in: `group:ops`. */
  groupsOf(userId: number): readonly string[] {
    const { directory } = this.#core.resolver;
    return [...this.#core.ast.groups.keys()].filter((name) => directory.group(name).has(userId));
  }

  #note(change: Change): void {
    switch (change.kind) {
      case 'node':
        if (change.what & WATCHED) this.#changedNodes.add(change.id);
        return;
      case 'removed':
        this.#changedNodes.add(change.id);
        return;
      case 'user':
        this.#changedUsers.add(change.id);
        return;
      case 'policy':
        this.#hasNewPolicy = true;
        return;
      case 'reset':
        this.#isReset = true;
        return;
      case 'dns':
        return;
      default:
        change satisfies never;
    }
  }

  /** Machines that are others for the policy. All must be numbered anew when one came out of order or too many went. */
  #takeNodes(): { readonly nodes: readonly number[]; readonly isAllAnew: boolean } {
    const changed = this.#changedNodes;
    if (changed.size === 0) return { nodes: [], isAllAnew: false };
    this.#changedNodes = new Set();
    let isAllAnew = this.#slots.size > 2 * this.#deps.network.nodeCount + MAX_HOLES;
    const nodes = [...changed].filter((id) => {
      const outcome = this.#facts.readNode(id);
      return outcome === 'other' || (outcome === 'online' && this.#core.mindsOnline);
    });
    for (const id of nodes.toSorted((a, b) => a - b))
      if (this.#facts.node(id) !== undefined && this.#slots.add(id) === undefined) isAllAnew = true;
    return { nodes, isAllAnew };
  }

  #takeUsers(): boolean {
    const changed = this.#changedUsers;
    if (changed.size === 0) return false;
    this.#changedUsers = new Set();
    return [...changed].map((id) => this.#facts.readUser(id)).includes(true);
  }

  #step(nodes: readonly number[], hasNewUsers: boolean): void {
    const isDone = this.#timed('change', () => {
      if (hasNewUsers && !this.#core.setUsers(this.#facts.users, this.#out)) return false;
      return nodes.every((id) => this.#core.replace(id, this.#facts.node(id), this.#out));
    });
    if (isDone) this.#meter.count('policy_rows_recomputed', {}, nodes.length);
    else this.#rebuild(this.#core.ast);
  }

  #rebuild(ast: PolicyAst): void {
    const before = this.#core;
    this.#primaries = this.#deps.network.primaries;
    this.#timed('all', () => {
      this.#core = this.#make(ast);
      this.#core.adopt(before, this.#out);
    });
  }

  #reset(): void {
    this.#isReset = false;
    this.#hasNewPolicy = false;
    this.#changedNodes = new Set();
    this.#changedUsers = new Set();
    this.#facts.readAll();
    this.#renumber(this.#deps.inForce());
  }

  #renumber(ast: PolicyAst): void {
    this.#primaries = this.#deps.network.primaries;
    this.#slots = this.#numbered();
    this.#core = this.#timed('all', () => this.#make(ast));
    this.#out.everything();
  }

  #make(ast: PolicyAst): Core {
    return new Core({
      ast,
      network: this.#facts.all,
      slots: this.#slots,
      serverUrl: this.#deps.serverUrl,
      primaries: this.#primaries,
    });
  }

  #numbered(): Slots {
    return new Slots([...this.#deps.network.nodes()].map(({ record }) => record.id).sort((a, b) => a - b));
  }

  #timed<T>(extent: string, body: () => T): T {
    const start = this.#deps.clock.monotonic();
    const result = body();
    this.#meter.time('policy_compile_seconds', (this.#deps.clock.monotonic() - start) / 1_000, { extent });
    return result;
  }
}
