/** What `GET status` tells, assembled from everything the daemon knows (localapi-and-daemon.md §2.3). */
import type { SockAddr } from '#shared/ip/address.ts';
import { type NodeKey, ZERO_NODE_KEY } from '#shared/key/key.ts';
import {
  NO_PEER,
  NO_STATUS,
  type PeerStatus,
  type StateName,
  type Status,
  TaildropTarget,
} from '#shared/localapi/status.ts';
import type { UserProfile } from '#shared/localapi/user.ts';
import type { Node } from '#shared/wire/node.ts';
import type { NetworkMap } from '../control/types.ts';
import { isExpired } from './expiry.ts';
import { peerApiBase, peerApiUrl } from './peer-api-base.ts';
import { hostPrefixes } from './peer-claims.ts';
import type { PlanePeerStatus } from './plane.ts';
import { homeRegion } from './plane-config.ts';

export interface StatusInput {
  readonly version: string;
  readonly state: StateName;
  readonly hasTun: boolean;
  readonly nodeKey: NodeKey | undefined;
  readonly authUrl: string;
  readonly map: NetworkMap | undefined;
  /** Whether the map stream is up. */
  readonly online: boolean;
  readonly hostname: string;
  readonly os: string;
  /** Our own endpoints, `ip:port`. */
  readonly endpoints: readonly string[];
  readonly health: readonly string[];
  readonly nowMs: number;
  /** Region of our home relay; 0 = none. */
  readonly home: number;
  /** Where our own PeerAPI listens. */
  readonly peerApi: readonly SockAddr[];
  readonly peerOf: (key: NodeKey) => PlanePeerStatus | undefined;
}

export function assembleStatus(input: StatusInput, withPeers: boolean): Status {
  const { map } = input;
  const self = map === undefined ? bareSelf(input) : selfStatus(input, map);
  const suffix = map === undefined ? '' : magicDnsSuffix(map);
  return {
    ...NO_STATUS,
    Version: input.version,
    TUN: input.hasTun,
    BackendState: input.state,
    HaveNodeKey: input.nodeKey !== undefined,
    AuthURL: input.authUrl,
    TailscaleIPs: self.TailscaleIPs,
    Self: self,
    Health: input.health.length > 0 ? input.health : undefined,
    MagicDNSSuffix: suffix,
    CurrentTailnet:
      map === undefined
        ? undefined
        : { Name: map.domain, MagicDNSSuffix: suffix, MagicDNSEnabled: map.dns?.Proxied === true },
    CertDomains: map?.dns?.CertDomains,
    ExtraRecords: map?.dns?.ExtraRecords?.map(({ Name, Type, Value }) => ({ Name, Type: Type ?? '', Value })),
    Peer: withPeers ? peersStatus(input) : undefined,
    User: map === undefined ? undefined : users(map, withPeers),
  };
}

/** The name of the network's domain without dots at its ends: our own name without its first label. */
export function magicDnsSuffix(map: NetworkMap): string {
  const name = map.self.Name.replace(/\.$/, '');
  const dot = name.indexOf('.');
  return dot < 0 ? '' : name.slice(dot + 1);
}

/** Never null: clients dereference Self in every state. */
const bareSelf = (input: StatusInput): PeerStatus => ({
  ...NO_PEER,
  PublicKey: input.nodeKey ?? ZERO_NODE_KEY,
  HostName: input.hostname,
  OS: input.os,
  Addrs: nonEmpty(input.endpoints),
});

function selfStatus(input: StatusInput, map: NetworkMap): PeerStatus {
  const fromNode = nodeStatus(map.self, map, input.nowMs);
  return {
    ...fromNode,
    PublicKey: input.nodeKey ?? map.nodeKey,
    HostName: map.self.Hostinfo?.Hostname ?? input.hostname,
    OS: input.os,
    Addrs: nonEmpty(input.endpoints),
    Relay: regionCode(map, input.home),
    Online: input.online,
    LastSeen: undefined,
    InNetworkMap: true,
    PeerAPIURL: nonEmpty(input.peerApi.map(peerApiUrl)),
    ...(fromNode.CapMap !== undefined && { Capabilities: Object.keys(fromNode.CapMap).sort() }),
  };
}

function peersStatus(input: StatusInput): Record<string, PeerStatus> | undefined {
  if (input.map === undefined) return undefined;
  const found: Record<string, PeerStatus> = {};
  for (const node of input.map.peers.values())
    if (node.Key !== undefined) found[node.Key] = peerStatus(node, input.map, input);
  return found;
}

function peerStatus(node: Node, map: NetworkMap, input: StatusInput): PeerStatus {
  const base = nodeStatus(node, map, input.nowMs);
  const peerApi = peerApiBase(map.self, node);
  const live = node.Key === undefined ? undefined : input.peerOf(node.Key);
  if (live === undefined) return { ...base, TaildropTarget: TaildropTarget.NoPeerAPI };
  return {
    ...base,
    PeerAPIURL: peerApi === undefined ? undefined : [peerApi],
    CurAddr: live.active ? (live.path.addr ?? '') : '',
    RhumbPath: pathStatus(live, map),
    RxBytes: live.rxBytes,
    TxBytes: live.txBytes,
    LastWrite: sometime(live.lastWriteMs),
    LastHandshake: sometime(live.lastHandshakeMs),
    Active: live.active,
    TaildropTarget: TaildropTarget.NoPeerAPI,
    InMagicSock: true,
    InEngine: live.wireguard !== 'none',
  };
}

const regionCode = (map: NetworkMap, region: number | undefined): string =>
  map.derpMap?.Regions?.[String(region)]?.RegionCode ?? '';

function pathStatus({ path, active }: PlanePeerStatus, map: NetworkMap): PeerStatus['RhumbPath'] {
  // Pings alone make no peer active, and whoever pings wants to know why there is no direct path.
  if (!active && !path.isSought) return undefined;
  return {
    Kind: path.kind,
    Addr: path.addr ?? '',
    Relay: regionCode(map, path.region),
    Since: sometime(path.sinceMs),
    LatencySeconds: path.latencyMs === undefined ? 0 : path.latencyMs / 1_000,
    Why: path.why ?? '',
  };
}

/** What the network map alone says of a node, in our words. */
function nodeStatus(node: Node, map: NetworkMap, nowMs: number): PeerStatus {
  const addresses = hostPrefixes(node.Addresses);
  const allowed = node.AllowedIPs ?? node.Addresses;
  const region = homeRegion(node);
  return {
    ...NO_PEER,
    ID: node.StableID,
    NodeID: node.ID,
    PublicKey: node.Key,
    HostName: node.Hostinfo?.Hostname ?? '',
    DNSName: node.Name,
    OS: node.Hostinfo?.OS ?? '',
    UserID: node.User,
    AltSharerUserID: node.Sharer ?? 0,
    TailscaleIPs: nonEmpty(addresses.map(withoutBits)),
    AllowedIPs: allowed,
    Tags: node.Tags !== undefined && node.Tags.length > 0 ? node.Tags : undefined,
    PrimaryRoutes:
      node.PrimaryRoutes !== undefined && node.PrimaryRoutes.length > 0 ? node.PrimaryRoutes : undefined,
    Relay: regionCode(map, region),
    Created: node.Created,
    LastSeen: node.Online === true ? undefined : node.LastSeen,
    Online: node.Online === true,
    ExitNodeOption: allowed?.includes('0.0.0.0/0') === true && allowed.includes('::/0'),
    CapMap: node.CapMap,
    sshHostKeys: node.Hostinfo?.sshHostKeys,
    InNetworkMap: true,
    Expired: isExpired(node, nowMs, map.clockSkewMs),
    KeyExpiry: node.KeyExpiry === undefined ? undefined : Math.round(node.KeyExpiry / 1_000) * 1_000,
  };
}

/** With peers every user of the map, else only our own. */
function users(map: NetworkMap, all: boolean): Record<string, UserProfile> {
  const found: Record<string, UserProfile> = {};
  for (const [id, user] of map.users)
    if (all || id === String(map.self.User)) found[id] = { ...user, ProfilePicURL: user.ProfilePicURL ?? '' };
  return found;
}

const withoutBits = (prefix: string): string => prefix.slice(0, prefix.indexOf('/'));
const nonEmpty = <T>(list: readonly T[]): readonly T[] | undefined => (list.length > 0 ? list : undefined);
const sometime = (ms: number): number | undefined => (ms > 0 ? ms : undefined);
