/** Brings the peers of tunnel and path choice to the wanted list, for what the difference to the last list costs. */
import { keyBytes, type NodeKey } from '#shared/key/key.ts';
import type { Tunnel, TunnelPeer } from '../engine/tunnel.ts';
import type { PeerId } from '../engine/types.ts';
import type { Magicsock } from '../magicsock/magicsock.ts';
import type { PeerConfig } from '../magicsock/types.ts';
import { type PeerChanges, peerChanges } from './peer-changes.ts';
import type { PeerIds } from './peer-ids.ts';
import type { PlaneConfig, PlanePeer } from './plane.ts';

/** Between which addresses a peer is told our disco key. */
export interface Tellable {
  readonly own: string;
  readonly peer: string;
}

export interface Applied {
  /** Everything was said anew. */
  readonly isWhole: boolean;
  /** New, or another than before. */
  readonly set: readonly PlanePeer[];
  /** Numbers that mean nobody any more. */
  readonly gone: readonly PeerId[];
  /** Peers that began anew while there was a session, which they have to be told of. */
  readonly cut: readonly NodeKey[];
}

export class PlanePeers {
  readonly #ids: PeerIds;
  readonly #magicsock: Pick<Magicsock, 'setPeers' | 'changePeers'>;
  /** Undefined = nobody knows: everything is said anew. */
  #applied: Pick<PlaneConfig, 'peers' | 'addresses'> | undefined;
  #byKey = new Map<NodeKey, PlanePeer>();
  readonly #told = new Map<PeerId, Tellable>();

  constructor(ids: PeerIds, magicsock: Pick<Magicsock, 'setPeers' | 'changePeers'>) {
    this.#ids = ids;
    this.#magicsock = magicsock;
  }

  get(key: NodeKey): PlanePeer | undefined {
    return this.#byKey.get(key);
  }

  tellable(id: PeerId): Tellable | undefined {
    return this.#told.get(id);
  }

  /** What fails half-way is done wholly the next time. */
  apply(config: PlaneConfig, tunnel: Tunnel): Applied {
    const before = this.#applied;
    this.#applied = undefined;
    const isSameOwn = before !== undefined && before.addresses.join() === config.addresses.join();
    const result =
      before !== undefined && isSameOwn
        ? this.#change(peerChanges(before.peers, config.peers), config, tunnel)
        : this.#setAll(config, tunnel);
    this.#applied = config;
    return result;
  }

  clear(tunnel: Tunnel | undefined): void {
    this.#applied = undefined;
    this.#byKey.clear();
    this.#told.clear();
    this.#magicsock.setPeers([]);
    tunnel?.setPeers([]);
    this.#ids.assign([]);
  }

  #setAll({ peers, addresses }: PlaneConfig, tunnel: Tunnel): Applied {
    const before = this.#ids.all();
    const { anew } = this.#ids.assign(peers);
    const gone = before.filter(([key, id]) => this.#ids.find(key) !== id).map(([, id]) => id);
    const cut = established(anew, tunnel);
    tunnel.setPeers(peers.map((peer) => tunnelPeer(this.#idOf(peer), peer)));
    this.#magicsock.setPeers(peers.map((peer) => pathPeer(this.#idOf(peer), peer)));
    this.#byKey = new Map(peers.map((peer) => [peer.nodeKey, peer]));
    this.#told.clear();
    for (const peer of peers) this.#tell(peer, addresses);
    return { isWhole: true, set: peers, gone, cut };
  }

  #change(changes: PeerChanges, { addresses }: PlaneConfig, tunnel: Tunnel): Applied {
    const { set } = changes;
    const removed = [...changes.removed, ...this.#renew(changes.renewed, tunnel)];
    if (set.length + removed.length === 0) return { isWhole: false, set, gone: [], cut: [] };
    const { gone: left, anew } = this.#ids.change(removed, set);
    const gone = [...left, ...anew.values()];
    const cut = established(anew, tunnel);
    tunnel.changePeers(
      gone,
      set.map((peer) => tunnelPeer(this.#idOf(peer), peer)),
    );
    this.#magicsock.changePeers(
      gone,
      set.map((peer) => pathPeer(this.#idOf(peer), peer)),
    );
    for (const key of removed) this.#byKey.delete(key);
    for (const id of gone) this.#told.delete(id);
    for (const peer of set) {
      this.#byKey.set(peer.nodeKey, peer);
      this.#tell(peer, addresses);
    }
    return { isWhole: false, set, gone, cut };
  }

  /** Sessions go on until there are new ones. Gives back the keys of those for whom that can't be: they begin anew. */
  #renew(renewed: PeerChanges['renewed'], tunnel: Tunnel): NodeKey[] {
    const failed: NodeKey[] = [];
    for (const [before, { nodeKey }] of renewed) {
      const id = this.#ids.renew(before, nodeKey);
      if (id === undefined) {
        failed.push(before);
        continue;
      }
      tunnel.renewPeer(id, keyBytes(nodeKey));
      this.#byKey.delete(before);
    }
    return failed;
  }

  #idOf({ nodeKey }: PlanePeer): PeerId {
    return this.#ids.find(nodeKey) as PeerId;
  }

  #tell(peer: PlanePeer, own: readonly string[]): void {
    const id = this.#idOf(peer);
    const between = tellableBetween(peer, own);
    if (between === undefined) this.#told.delete(id);
    else this.#told.set(id, between);
  }
}

const established = (anew: ReadonlyMap<NodeKey, PeerId>, tunnel: Tunnel): NodeKey[] =>
  [...anew].filter(([, old]) => tunnel.peerStatus(old)?.state === 'established').map(([key]) => key);

const tunnelPeer = (id: PeerId, peer: PlanePeer): TunnelPeer => ({
  peer: id,
  publicKey: keyBytes(peer.nodeKey),
  allowedIps: peer.allowedIps,
  wireguardOnly: peer.wireguardOnly,
  jailed: peer.jailed,
});

const pathPeer = (id: PeerId, peer: PlanePeer): PeerConfig => ({
  peer: id,
  nodeKey: peer.nodeKey,
  discoKey: peer.discoKey,
  endpoints: peer.endpoints,
  wireguardOnly: peer.wireguardOnly,
  homeRegion: peer.homeRegion,
});

const withoutBits = (prefix: string): string => prefix.slice(0, prefix.indexOf('/'));

/** The first addresses of ours and of the peer in one family; plain WireGuard peers would not understand. */
function tellableBetween(
  { wireguardOnly, discoKey, allowedIps }: PlanePeer,
  own: readonly string[],
): Tellable | undefined {
  if (wireguardOnly || discoKey === undefined) return undefined;
  const isV6 = (prefix: string): boolean => prefix.includes(':');
  for (const peer of allowedIps) {
    const mine = own.find((prefix) => isV6(prefix) === isV6(peer));
    if (mine !== undefined) return { own: withoutBits(mine), peer: withoutBits(peer) };
  }
  return undefined;
}
