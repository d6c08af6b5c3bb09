/** A policy view for tests of those who ask it: everybody sees everybody, but for what a test takes away. */
import type { WireRule } from '../policy/compile/filter.ts';
import type { NodeCapMap } from '../policy/compile/node-attrs.ts';
import type { WireSshRule } from '../policy/compile/ssh.ts';
import { Effect, type Effects, type PeerRoutes, type PolicyView } from '../policy/live/view.ts';
import { What } from '../state/changes.ts';
import { isAdmitted, type Network } from '../state/network.ts';

const EVERYTHING: readonly WireRule[] = [
  { SrcIPs: ['*'], DstPorts: [{ IP: '*', Ports: { First: 0, Last: 65_535 } }] },
];
const NOBODY: readonly number[] = [];

export class FakePolicy implements PolicyView {
  readonly #network: Network;
  readonly #isHidden: (viewer: number, peer: number) => boolean;
  readonly #changed = new Set<number>();
  readonly #effects = new Map<number, number>();
  /** Of machines that have one of their own. */
  readonly filters: Map<number, readonly WireRule[]> = new Map();
  readonly ssh: Map<number, readonly WireSshRule[]> = new Map();
  readonly caps: Map<number, NodeCapMap> = new Map();

  constructor(network: Network, isHidden: (viewer: number, peer: number) => boolean = () => false) {
    this.#network = network;
    this.#isHidden = isHidden;
    network.subscribe((changes) => {
      for (const change of changes) {
        const isNews = change.kind === 'node' && change.what & (What.Whole | What.Tags | What.Routes);
        if (change.kind === 'removed' || isNews) this.reconsider(change.id);
      }
    });
  }

  /** Who sees this machine may be different now. */
  reconsider(id: number): void {
    this.#changed.add(id);
  }

  affect(id: number, effects: number): void {
    this.#effects.set(id, (this.#effects.get(id) ?? 0) | effects);
  }

  settle(): void {
    // Everything is worked out when it is asked for.
  }

  takeEffects(): Effects {
    const all = [...this.#network.nodes()].map(({ record }) => record.id);
    const seen = [...this.#changed].map((peer) => ({ peer, viewers: all.filter((id) => id !== peer) }));
    for (const id of this.#changed) this.affect(id, Effect.Peers | Effect.Filter);
    const nodes = new Map(this.#effects);
    this.#changed.clear();
    this.#effects.clear();
    return { isAll: false, nodes, seen };
  }

  peersOf(viewer: number): readonly number[] {
    if (!this.#isIn(viewer)) return NOBODY;
    return [...this.#network.nodes()].map(({ record }) => record.id).filter((id) => this.sees(viewer, id));
  }

  sees(viewer: number, peer: number): boolean {
    return viewer !== peer && this.#isIn(viewer) && this.#isIn(peer) && !this.#isHidden(viewer, peer);
  }

  filterOf(node: number): readonly WireRule[] {
    return this.filters.get(node) ?? EVERYTHING;
  }

  routesOf(_viewer: number, peer: number): PeerRoutes {
    const record = this.#network.node(peer)?.record;
    if (record === undefined) return { allowedIps: [], primaryRoutes: [], key: '' };
    const primaryRoutes = record.approvedRoutes.filter(
      (route) => this.#network.primaries.get(route) === peer,
    );
    const allowedIps = [`${record.ipv4}/32`, `${record.ipv6}/128`, ...primaryRoutes];
    return { allowedIps, primaryRoutes, key: allowedIps.join(' ') };
  }

  sshOf(node: number): readonly WireSshRule[] | undefined {
    return this.ssh.get(node);
  }

  capMapOf(node: number): NodeCapMap {
    return this.caps.get(node) ?? {};
  }

  peerCapMapOf(): NodeCapMap {
    return {};
  }
  sshCheckOf(): undefined {
    return undefined;
  }
  readonly sshVersion: string = '';
  autoApprovedOf(): readonly string[] {
    return [];
  }
  refusedTags(): readonly string[] {
    return [];
  }
  groupsOf(): readonly string[] {
    return [];
  }
  hasTag(): boolean {
    return true;
  }
  poolsFor(): undefined {
    return undefined;
  }
  hasIpv4(): boolean {
    return true;
  }

  #isIn(id: number): boolean {
    const record = this.#network.node(id)?.record;
    return record !== undefined && isAdmitted(record);
  }
}
