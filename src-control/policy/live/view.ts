/** The active policy as the rest of the server asks it: who sees whom, filters, routes, SSH, capabilities, leave to use tags. */
import type { WireRule } from '../compile/filter.ts';
import type { Identity } from '../compile/names.ts';
import type { NodeCapMap } from '../compile/node-attrs.ts';
import type { WireSshRule } from '../compile/ssh.ts';

/** What of a machine's own map may differ from what it was last told. */
export const Effect = {
  /** Its list of peers: compare all of it. */
  Peers: 1,
  Filter: 2,
  Ssh: 4,
  /** Its own capability map, or which addresses it has. */
  Caps: 8,
  /** The routes of some of its peers as it sees them: compare `routesOf` of the peers that have any. */
  Routes: 16,
} as const;

/** One machine that others may see otherwise now: there or not there, or with other routes. */
export interface SeenAnew {
  readonly peer: number;
  /** Ids, ascending; never `peer` itself. Ask `sees` and `routesOf` for each. */
  readonly viewers: readonly number[];
}

export interface Effects {
  /** Everything may be different for everybody; the rest is empty then. */
  readonly isAll: boolean;
  /** Node id to bits of `Effect`. */
  readonly nodes: ReadonlyMap<number, number>;
  /** A machine that joins a network of n is one entry here, not n lists to compare. */
  readonly seen: readonly SeenAnew[];
}

/** How one machine sees the addresses and routes of another. The same object for every viewer who sees them alike. */
export interface PeerRoutes {
  /** The peer's own addresses, then routes, as prefixes. */
  readonly allowedIps: readonly string[];
  /** Subnet routes of these: without exit routes. */
  readonly primaryRoutes: readonly string[];
  /** Equal for views that are alike: a key for caches of a peer's JSON. */
  readonly key: string;
}

/** A rule that lets a session in when its user has lately proved who they are (policy.md §11.4). */
export interface SshCheck {
  /** How long a proof counts; 0 = every session asks. */
  readonly periodMs: number;
}

export interface PolicyView {
  /** Takes over what happened to the network since the last call; cheap when nothing that matters did. All answers are for that moment. */
  settle(): void;
  /** Whom concerns what was settled since the last call of this; the call forgets it. */
  takeEffects(): Effects;

  /** Ascending ids; the same array while nothing changes. Empty for machines that are not admitted, which nobody sees either. */
  peersOf(viewer: number): readonly number[];
  sees(viewer: number, peer: number): boolean;
  /** The same array while nothing changes; an empty list blocks everything. */
  filterOf(node: number): readonly WireRule[];
  /** For a machine itself: its addresses, the subnet routes it carries for the network, and its exit routes. */
  routesOf(viewer: number, peer: number): PeerRoutes;
  /** Undefined where the policy has no `ssh` section. The same array while nothing changes. */
  sshOf(node: number): readonly WireSshRule[] | undefined;
  /** What the policy adds to the machine's own capabilities. */
  capMapOf(node: number): NodeCapMap;
  /** Those of a peer's capabilities that `viewer` may know: for `CapMap` of the peer in the viewer's map. */
  peerCapMapOf(viewer: number, peer: number): NodeCapMap;
  /** The first check rule for sessions of `login` between two machines; undefined where there is none. */
  sshCheckOf(source: number, destination: number, login: string): SshCheck | undefined;
  /** Another text when the `ssh` section is another: proofs given under the old one don't count any more. */
  readonly sshVersion: string;

  /** Announced routes that the policy approves by itself, as masked prefixes. */
  autoApprovedOf(node: number): readonly string[];
  /** Of the wanted tags those that may not be used; empty = all may. `current` are tags that the machine, key or client has already. */
  refusedTags(
    userId: number | undefined,
    current: readonly string[],
    wanted: readonly string[],
  ): readonly string[];
  /** Groups of the policy that a person is in: `group:ops`. */
  groupsOf(userId: number): readonly string[];
  /** Tags that the policy declares. */
  hasTag(tag: string): boolean;
  /** Prefixes to take a new machine's IPv4 address from; undefined = wherever the server likes. */
  poolsFor(identity: Identity): readonly string[] | undefined;
  /** Whether the policy takes IPv4 addresses away from everybody, or from this machine. */
  hasIpv4(node: number): boolean;
}
