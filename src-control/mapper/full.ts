/** The first message of a map stream: everything, so that the client can begin from nothing (control-protocol.md §5.4). */
import type { DerpMap } from '#shared/wire/map.ts';
import { formatTime } from '#shared/wire/scalars.ts';
import type { NodeView } from '../state/network.ts';
import { TAGGED_DEVICES } from '../state/users.ts';
import type { DeltaDeps } from './delta.ts';
import { peerJson, selfJson, userJson } from './encode.ts';
import { noticeMembers } from './notice.ts';

export interface FullDeps extends DeltaDeps {
  readonly magicDns: boolean;
  readonly derpMap: DerpMap | undefined;
}

export interface FullMap {
  readonly json: string;
  readonly nodeIds: readonly number[];
  readonly userIds: ReadonlySet<number>;
}

/** Reverse zones of the network's own addresses, which the client answers itself when MagicDNS is on. */
const REVERSE_ZONES: readonly string[] = [
  ...Array.from({ length: 64 }, (_, index) => `${64 + index}.100.in-addr.arpa`),
  '0.e.1.a.c.5.1.1.a.7.d.f.ip6.arpa',
];

export function fullMap(deps: FullDeps, view: NodeView, capver: number, withPeers: boolean): FullMap {
  const peers: string[] = [];
  const nodeIds: number[] = [];
  const userIds = new Set([view.record.userId ?? TAGGED_DEVICES.id]);
  for (const peer of withPeers ? deps.network.nodes() : []) {
    if (peer.record.id === view.record.id || !deps.policy.sees(view.record, peer.record)) continue;
    peers.push(peerJson(peer, deps.baseDomain, deps.nowMs));
    nodeIds.push(peer.record.id);
    userIds.add(peer.record.userId ?? TAGGED_DEVICES.id);
  }
  const members = [
    `"Node":${selfJson(view, deps.baseDomain, deps.nowMs)}`,
    derpMapMember(deps.derpMap),
    // An empty list means "no change" to some clients and "none" to others: leave it out (§5.4).
    ...(peers.length > 0 ? [`"Peers":[${peers.join(',')}]`] : []),
    `"DNSConfig":${JSON.stringify(dnsConfig(deps))}`,
    `"Domain":${JSON.stringify(deps.baseDomain)}`,
    `"CollectServices":false`,
    `"PacketFilters":${JSON.stringify({ base: deps.policy.filterOf(view.record) })}`,
    `"UserProfiles":[${userProfiles(deps, userIds)}]`,
    `"SSHPolicy":{"rules":[]}`,
    ...(view.isCloned ? noticeMembers(view, capver) : []),
    `"ControlTime":${JSON.stringify(formatTime(deps.nowMs))}`,
    // Official clients would otherwise send their logs to their maker.
    `"Debug":{"DisableLogTail":true}`,
  ];
  return { json: `{${members.join(',')}}`, nodeIds, userIds };
}

/** The relays as a member of a map message. */
export function derpMapMember(derpMap: DerpMap | undefined): string {
  const hasRegion = Object.values(derpMap?.Regions ?? {}).some((region) => region !== null);
  return `"DERPMap":${JSON.stringify(hasRegion ? derpMap : NO_RELAYS)}`;
}

/**
 * What machines get while the network has no relay. Official clients stay in "Starting", and their `up` waits for ever,
 * until they have a live peer or have tried a relay; so they get one to try, which says what it is and never answers.
 */
const NO_RELAYS = {
  Regions: {
    900: {
      RegionID: 900,
      RegionCode: 'none',
      RegionName: 'none: this network has no relay',
      Nodes: [
        {
          Name: '900a',
          RegionID: 900,
          HostName: '127.0.0.1',
          IPv4: '127.0.0.1',
          IPv6: 'none',
          // No STUN, and the discard port, where nobody listens.
          STUNPort: -1,
          DERPPort: 9,
        },
      ],
    },
  },
  omitDefaultRegions: true,
};

function userProfiles(deps: FullDeps, ids: ReadonlySet<number>): string {
  const users = [...ids]
    .map((id) => (id === TAGGED_DEVICES.id ? TAGGED_DEVICES : deps.network.user(id)))
    .filter((user) => user !== undefined);
  return users.map(userJson).join(',');
}

function dnsConfig(deps: FullDeps): object {
  if (!deps.magicDns) return { Domains: [deps.baseDomain], Proxied: false };
  const zones = [deps.baseDomain, ...REVERSE_ZONES];
  return {
    Routes: Object.fromEntries(zones.map((zone) => [zone, []])),
    Domains: [deps.baseDomain],
    Proxied: true,
  };
}
