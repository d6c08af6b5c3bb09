/** The network map as `Notify.NetMap` shows it (localapi-and-daemon.md §2.8). */
import { ZERO_MACHINE_KEY } from '#shared/key/key.ts';
import { encodeNode } from '#shared/localapi/node.ts';
import { encodeUserProfile } from '#shared/localapi/user.ts';
import { stringifyJson } from '#shared/wire/json.ts';
import type { NetworkMap } from '../control/types.ts';
import { nodeText } from './node-text.ts';

export const netMapJson = (map: NetworkMap, cached: boolean): Record<string, unknown> => ({
  ...withoutPeers(map, cached),
  Peers: [...map.peers.values()].map(encodeNode),
});

/** Tailnet lock's head of nothing: 32 zero bytes in base 32. */
const NO_HEAD = 'A'.repeat(52);

function withoutPeers(map: NetworkMap, cached: boolean): Record<string, unknown> {
  const users = [...map.users].map(([id, user]) => [
    id,
    encodeUserProfile({ ...user, ProfilePicURL: user.ProfilePicURL ?? '' }),
  ]);
  return {
    Cached: cached,
    SelfNode: encodeNode(map.self),
    AllCaps: Object.keys(map.self.CapMap ?? {}).sort(),
    NodeKey: map.nodeKey,
    MachineKey: map.machineKey ?? ZERO_MACHINE_KEY,
    DNS: map.dns ?? {},
    PacketFilter: null,
    PacketFilterRules: map.filter ?? null,
    SSHPolicy: map.sshPolicy ?? null,
    CollectServices: map.collectServices === true,
    DERPMap: map.derpMap ?? null,
    DisplayMessages: null,
    TKAEnabled: false,
    TKAHead: NO_HEAD,
    Domain: map.domain,
    DomainAuditLogID: '',
    UserProfiles: Object.fromEntries(users),
  };
}

/**
 * A map on its way to watchers: its JSON is made when the first of them takes it, for many are superseded before, and is one
 * for all of them, for that of a large network has megabytes.
 */
export class LazyNetMap {
  static readonly #known = {
    cached: new WeakMap<NetworkMap, LazyNetMap>(),
    fresh: new WeakMap<NetworkMap, LazyNetMap>(),
  };
  readonly #map: NetworkMap;
  readonly #cached: boolean;
  #bytes: Buffer | undefined;

  /** The same object for the same map. */
  static of(map: NetworkMap, cached: boolean): LazyNetMap {
    const known = LazyNetMap.#known[cached ? 'cached' : 'fresh'];
    const found = known.get(map) ?? new LazyNetMap(map, cached);
    known.set(map, found);
    return found;
  }

  private constructor(map: NetworkMap, cached: boolean) {
    this.#map = map;
    this.#cached = cached;
  }

  bytes(): Buffer {
    if (this.#bytes === undefined) {
      const rest = stringifyJson(withoutPeers(this.#map, this.#cached)).slice(0, -1);
      const text = `${rest},"Peers":[${[...this.#map.peers.values()].map(nodeText).join(',')}]}`;
      this.#bytes = Buffer.from(text, 'utf8');
    }
    return this.#bytes;
  }

  toJSON(): unknown {
    return netMapJson(this.#map, this.#cached);
  }
}
