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

/** A map on its way to watchers: its text is made when the first of them takes it, for many are superseded before. */
export class LazyNetMap {
  readonly #map: NetworkMap;
  readonly #cached: boolean;
  #text: string | undefined;

  constructor(map: NetworkMap, cached: boolean) {
    this.#map = map;
    this.#cached = cached;
  }

  text(): string {
    if (this.#text === undefined) {
      const rest = stringifyJson(withoutPeers(this.#map, this.#cached)).slice(0, -1);
      this.#text = `${rest},"Peers":[${[...this.#map.peers.values()].map(nodeText).join(',')}]}`;
    }
    return this.#text;
  }

  toJSON(): unknown {
    return netMapJson(this.#map, this.#cached);
  }
}
