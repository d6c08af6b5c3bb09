/** The network map as `Notify.NetMap` shows it (localapi-and-daemon.md §2.8). */
import { ZERO_MACHINE_KEY } from '#shared/key/key.ts';
import { encodeNode } from '#shared/localapi/node.ts';
import { encodeUserProfile } from '#shared/localapi/user.ts';
import type { NetworkMap } from '../control/types.ts';

export function netMapJson(map: NetworkMap, cached: boolean): Record<string, unknown> {
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
    Peers: [...map.peers.values()].map(encodeNode),
    DNS: map.dns ?? {},
    PacketFilter: null,
    PacketFilterRules: map.filter ?? null,
    SSHPolicy: map.sshPolicy ?? null,
    CollectServices: map.collectServices === true,
    DERPMap: map.derpMap ?? null,
    DisplayMessages: null,
    TKAEnabled: false,
    Domain: map.domain,
    DomainAuditLogID: '',
    UserProfiles: Object.fromEntries(users),
  };
}
