/**
 * Makes each wanted configuration from the one before, where few peers changed: what it costs follows the change, what it
 * gives is what `planeConfig` would give. Whatever is not simple is made wholly.
 */
import type { NodeKey } from '#shared/key/key.ts';
import type { Node } from '#shared/wire/node.ts';
import { attachedNetworks } from './attached.ts';
import { chosenExit } from './exit-choice.ts';
import { expiryOf } from './expiry.ts';
import { differentPeers } from './map-difference.ts';
import { networkFilter } from './network-filter.ts';
import { type PeerClaims, peerClaims } from './peer-claims.ts';
import type { PlaneConfig, PlanePeer } from './plane.ts';
import { dnsOf, isUsable, type PlaneInput, planePeer, type UsablePeer, wholePlane } from './plane-config.ts';
import { hostRouteLimit, routeFor, tunnelRoutes } from './plane-routes.ts';

/** More changes at once are as well made wholly. */
const MAX_CHANGES = 64;

interface Made {
  readonly input: PlaneInput;
  readonly config: PlaneConfig;
  /** In the order of `config.peers`. */
  readonly nodes: readonly UsablePeer[];
  readonly counts: Counts;
  /** Some peer is left out because another has its key, and comes back when that one goes. */
  readonly hasTwins: boolean;
  /** By the server's clock, the next moment at which some peer's key is over. */
  readonly goodUntilMs: number;
}

/** How many there are of each; owned by the newest configuration alone. */
interface Counts {
  readonly keys: Set<NodeKey>;
  /** Peers that want a prefix, and ourselves for our own. */
  readonly claims: Map<string, number>;
  /** Reasons for a route of the kernel. */
  readonly routes: Map<string, number>;
}

export class PlaneMaker {
  #last: Made | undefined;

  /** Time has done what no map says: the next one is made wholly. */
  forget(): void {
    this.#last = undefined;
  }

  make(input: PlaneInput): PlaneConfig {
    const last = this.#last;
    this.#last = undefined;
    const made = (last === undefined ? undefined : changed(last, input)) ?? whole(input);
    this.#last = made;
    return made.config;
  }
}

function whole(input: PlaneInput): Made {
  const { config, nodes } = wholePlane(input);
  const claims = new Map<string, number>();
  for (const prefix of config.addresses) add(claims, prefix);
  for (const node of nodes) for (const prefix of wantedBy(node, input)) add(claims, prefix);
  const routes = new Map<string, number>();
  for (const route of fixedRoutes(input, config)) add(routes, route);
  for (const { allowedIps } of config.peers) for (const prefix of allowedIps) add(routes, routeFor(prefix));
  const { peers, clockSkewMs } = input.map;
  let usable = 0;
  for (const node of peers.values()) if (isUsable(node, input.nowMs, clockSkewMs)) usable++;
  const hasTwins = usable !== nodes.length;
  return {
    input,
    config,
    nodes,
    hasTwins,
    goodUntilMs: soonest(Number.POSITIVE_INFINITY, nodes),
    counts: { keys: new Set(nodes.map(({ Key }) => Key)), claims, routes },
  };
}

/** Undefined = not simple. Nothing of `last` has been touched then. */
function changed(last: Made, input: PlaneInput): Made | undefined {
  const { input: before } = last;
  const [old, now] = [before.map, input.map];
  const isSame =
    before.privateKey === input.privateKey &&
    before.prefs === input.prefs &&
    before.lan === input.lan &&
    old.self === now.self &&
    old.nodeKey === now.nodeKey &&
    old.clockSkewMs === now.clockSkewMs &&
    // A timer comes for each expiry, but not in time when the machine slept, or when its clock was set.
    input.nowMs >= before.nowMs &&
    input.nowMs + now.clockSkewMs < last.goodUntilMs;
  if (!isSame || last.hasTwins || last.config.addresses.length === 0) return undefined;
  const ids = differentPeers(old.peers, now.peers, MAX_CHANGES);
  const steps = ids === undefined ? undefined : stepsFor(last, input, ids);
  if (steps === undefined || !isUncontested(last, input, steps)) return undefined;
  return carryOut(last, input, steps);
}

interface Steps {
  /** Others in the same place with the same prefixes. */
  readonly replaced: readonly { readonly at: number; readonly node: UsablePeer }[];
  readonly removed: readonly number[];
  readonly added: readonly UsablePeer[];
}

function stepsFor(last: Made, input: PlaneInput, ids: readonly string[]): Steps | undefined {
  const { map, nowMs, prefs } = input;
  const exit = chosenExit(prefs);
  const steps = {
    replaced: [] as Steps['replaced'][number][],
    removed: [] as number[],
    added: [] as UsablePeer[],
  };
  for (const id of ids) {
    const before = last.input.map.peers.get(id);
    const after = map.peers.get(id);
    if (exit !== undefined && [before?.StableID, after?.StableID].includes(exit)) return undefined;
    const at = before === undefined ? -1 : positionOf(last.nodes, before);
    const node = after !== undefined && isUsable(after, nowMs, map.clockSkewMs) ? after : undefined;
    if (before !== undefined && node !== undefined && at >= 0 && isLike(before, node)) {
      steps.replaced.push({ at, node });
      continue;
    }
    if (at >= 0) steps.removed.push(at);
    if (node !== undefined) steps.added.push(node);
  }
  return steps;
}

/** Nobody else wants what these wanted or want, and there are few enough routes to name them. */
function isUncontested({ nodes, counts, input: before }: Made, input: PlaneInput, steps: Steps): boolean {
  const leaving = steps.removed.map((at) => nodes[at] as UsablePeer);
  for (const node of leaving)
    for (const prefix of wantedBy(node, before)) if (counts.claims.get(prefix) !== 1) return false;
  const freed = new Set(leaving.flatMap((node) => wantedBy(node, before)));
  const keys = new Set(leaving.map(({ Key }) => Key));
  const taken = new Set<string>();
  for (const node of steps.added) {
    if (node.Key === input.map.nodeKey || taken.has(node.Key)) return false;
    if (counts.keys.has(node.Key) && !keys.has(node.Key)) return false;
    taken.add(node.Key);
    for (const prefix of wantedBy(node, input)) {
      if (taken.has(prefix) || (counts.claims.has(prefix) && !freed.has(prefix))) return false;
      taken.add(prefix);
    }
  }
  // Beyond the limit one route stands for all; whoever is near it is counted anew.
  return counts.routes.size + taken.size < hostRouteLimit(input.map.self);
}

function carryOut(last: Made, input: PlaneInput, { replaced, removed, added }: Steps): Made {
  const { counts, config } = last;
  const nodes = [...last.nodes];
  const peers: (PlanePeer | undefined)[] = [...config.peers];
  for (const { at, node } of replaced) {
    nodes[at] = node;
    peers[at] = planePeer(node, config.peers[at]?.allowedIps ?? []);
  }
  const routes = new SortedRoutes(config.routes, counts.routes);
  for (const at of [...removed].sort((a, b) => b - a)) {
    const [node] = nodes.splice(at, 1);
    const [peer] = peers.splice(at, 1);
    if (node === undefined) continue;
    counts.keys.delete(node.Key);
    for (const prefix of wantedBy(node, last.input)) take(counts.claims, prefix);
    for (const prefix of peer?.allowedIps ?? []) routes.take(routeFor(prefix));
  }
  for (const node of added) {
    const at = placeFor(nodes, node.ID);
    const allowed = wantedBy(node, input);
    nodes.splice(at, 0, node);
    peers.splice(at, 0, planePeer(node, allowed));
    counts.keys.add(node.Key);
    for (const prefix of allowed) {
      add(counts.claims, prefix);
      routes.add(routeFor(prefix));
    }
  }
  const isSamePeers = replaced.length + removed.length + added.length === 0;
  return {
    input,
    nodes,
    counts,
    hasTwins: false,
    goodUntilMs: soonest(last.goodUntilMs, [...replaced.map(({ node }) => node), ...added]),
    config: {
      ...config,
      peers: isSamePeers ? config.peers : peers.filter((peer) => peer !== undefined),
      routes: routes.list,
      dns: dnsOf(input, nodes),
      derpMap: input.map.derpMap,
      filter: input.prefs.ShieldsUp ? config.filter : networkFilter(input.map).rules,
    },
  };
}

const soonest = (ms: number, nodes: readonly Node[]): number =>
  nodes.reduce((least, node) => Math.min(least, expiryOf(node)), ms);

/** The list of routes with a few more or less of them; the same object when it stays the same. */
class SortedRoutes {
  list: readonly string[];
  readonly #counts: Map<string, number>;

  constructor(list: readonly string[], counts: Map<string, number>) {
    this.list = list;
    this.#counts = counts;
  }

  add(route: string): void {
    if (add(this.#counts, route) > 1) return;
    const at = this.#placeOf(route);
    this.list = [...this.list.slice(0, at), route, ...this.list.slice(at)];
  }

  take(route: string): void {
    if (take(this.#counts, route) > 0) return;
    const at = this.#placeOf(route);
    if (this.list[at] === route) this.list = [...this.list.slice(0, at), ...this.list.slice(at + 1)];
  }

  #placeOf(route: string): number {
    let [low, high] = [0, this.list.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.list[middle] as string) < route) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function add(counts: Map<string, number>, key: string): number {
  const count = (counts.get(key) ?? 0) + 1;
  counts.set(key, count);
  return count;
}

function take(counts: Map<string, number>, key: string): number {
  const count = (counts.get(key) ?? 0) - 1;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
  return count;
}

const fixedRoutes = ({ map, prefs, lan }: PlaneInput, { addresses }: PlaneConfig): readonly string[] =>
  tunnelRoutes({ own: addresses, allowed: [], prefs, attached: attachedNetworks(lan), self: map.self })
    .routes;

/** In the order in which `allocate` gives them. The default routes are the exit node's, who is never looked at here. */
function wantedBy(node: Node, { prefs }: PlaneInput): readonly string[] {
  const { addresses, services, subnets, primary } = peerClaims(node);
  if (!prefs.RouteAll) return [...addresses, ...services];
  const [first, rest] = [
    subnets.filter((prefix) => primary.has(prefix)),
    subnets.filter((prefix) => !primary.has(prefix)),
  ];
  return [...addresses, ...services, ...first, ...rest];
}

/** The same machine with the same key and the same prefixes. */
const isLike = (a: Node, b: Node): boolean =>
  a.ID === b.ID && a.Key === b.Key && isSameClaims(peerClaims(a), peerClaims(b));

const isSameClaims = (a: PeerClaims, b: PeerClaims): boolean =>
  isSameList(a.addresses, b.addresses) &&
  isSameList(a.services, b.services) &&
  isSameList(a.subnets, b.subnets) &&
  isSameList(a.defaults, b.defaults) &&
  isSameList([...a.primary], [...b.primary]);

const isSameList = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((item, i) => item === b[i]);

/** Where this very node is; -1 when it is not used. */
function positionOf(nodes: readonly UsablePeer[], node: Node): number {
  const at = placeFor(nodes, node.ID);
  return nodes[at] === node ? at : -1;
}

/** The first place whose id is not below `id`. */
function placeFor(nodes: readonly UsablePeer[], id: Node['ID']): number {
  let [low, high] = [0, nodes.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((nodes[middle] as UsablePeer).ID < id) low = middle + 1;
    else high = middle;
  }
  return low;
}
