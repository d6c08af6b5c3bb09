/** What `GET status` tells of one machine (localapi-and-daemon.md §2.3). */
import type { SockAddr } from '#shared/ip/address.ts';
import { type NodeKey, ZERO_NODE_KEY } from '#shared/key/key.ts';
import { NO_PEER, type PeerStatus, type StateName, TaildropTarget } from '#shared/localapi/status.ts';
import type { Node } from '#shared/wire/node.ts';
import type { NetworkMap } from '../control/types.ts';
import { locationOf } from './exit-suggestion.ts';
import { isExpired } from './expiry.ts';
import { peerApiUrl, peerApiUrls } from './peer-api-base.ts';
import { hostPrefixes, offersExit } from './peer-claims.ts';
import type { PlanePeerStatus } from './plane.ts';
import { homeRegion } from './plane-config.ts';

/** What a status is made of; everything but the map is of this moment. */
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
  /** StableNodeID of the exit node in use; empty = none. */
  readonly exitNodeId: string;
  readonly acceptsRoutes: boolean;
  readonly peerOf: (key: NodeKey) => PlanePeerStatus | undefined;
}

/** Programs that offer to send files ask this first. */
const NO_FILES = 'sending files is not available yet';

/** Never null: clients dereference Self in every state. */
export const bareSelf = (input: StatusInput): PeerStatus => ({
  ...NO_PEER,
  PublicKey: input.nodeKey ?? ZERO_NODE_KEY,
  HostName: input.hostname,
  OS: input.os,
  Addrs: nonEmpty(input.endpoints),
});

export function selfStatus(input: StatusInput, map: NetworkMap): PeerStatus {
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

export function peersStatus(input: StatusInput): Record<string, PeerStatus> | undefined {
  if (input.map === undefined) return undefined;
  const found: Record<string, PeerStatus> = {};
  for (const node of input.map.peers.values())
    if (node.Key !== undefined) found[node.Key] = peerStatus(node, input.map, input);
  return found;
}

/** What was told of a machine last, and of what it was made. */
interface Told {
  readonly derpMap: NetworkMap['derpMap'];
  readonly isExpired: boolean;
  readonly isExit: boolean;
  readonly state: StateName;
  /** What does not change with traffic. */
  readonly base: PeerStatus;
  last: PeerStatus;
}

/** Of thousands of machines a few change between two questions: the others' very objects, and their texts, serve again. */
const told = new WeakMap<Node, Told>();

function toldOf(node: Node, map: NetworkMap, input: StatusInput): Told {
  const { derpMap } = map;
  const { state, exitNodeId } = input;
  const expired = isExpired(node, input.nowMs, map.clockSkewMs);
  const isExit = node.StableID !== '' && node.StableID === exitNodeId;
  const known = told.get(node);
  if (known?.derpMap === derpMap && known?.state === state)
    if (known.isExpired === expired && known.isExit === isExit) return known;
  const base = {
    ...nodeStatus(node, map, input.nowMs),
    ExitNode: isExit,
    PeerAPIURL: nonEmpty(peerApiUrls(node)),
    TaildropTarget: state === 'Running' ? TaildropTarget.MissingCap : TaildropTarget.IpnStateNotRunning,
    NoFileSharingReason: NO_FILES,
  };
  const made = { derpMap, isExpired: expired, isExit, state, base, last: base };
  told.set(node, made);
  return made;
}

/** The same object as before while nothing of the machine changed. */
function peerStatus(node: Node, map: NetworkMap, input: StatusInput): PeerStatus {
  const known = toldOf(node, map, input);
  const { base, last } = known;
  const live = node.Key === undefined ? undefined : input.peerOf(node.Key);
  if (live === undefined) return base;
  const now = {
    CurAddr: live.active ? (live.path.addr ?? '') : '',
    RhumbPath: pathStatus(live, map),
    RxBytes: live.rxBytes,
    TxBytes: live.txBytes,
    LastWrite: sometime(live.lastWriteMs),
    LastHandshake: sometime(live.lastHandshakeMs),
    Active: live.active,
    InMagicSock: true,
    InEngine: live.wireguard !== 'none',
  };
  if (LIVE.every((name) => now[name] === last[name]) && isSamePath(now.RhumbPath, last.RhumbPath))
    return last;
  known.last = { ...base, ...now };
  return known.last;
}

const LIVE = [
  'CurAddr',
  'RxBytes',
  'TxBytes',
  'LastWrite',
  'LastHandshake',
  'Active',
  'InMagicSock',
  'InEngine',
] as const;

function isSamePath(a: PeerStatus['RhumbPath'], b: PeerStatus['RhumbPath']): boolean {
  if (a === undefined || b === undefined) return a === b;
  return (Object.keys(a) as (keyof typeof a)[]).every((name) => a[name] === b[name]);
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
    AllowedIPs: nonEmpty(allowed ?? []),
    Tags: nonEmpty(node.Tags ?? []),
    PrimaryRoutes: nonEmpty(node.PrimaryRoutes ?? []),
    Relay: regionCode(map, region),
    Created: node.Created,
    LastSeen: node.Online === true ? undefined : node.LastSeen,
    Online: node.Online === true,
    ExitNodeOption: offersExit(node),
    CapMap: node.CapMap,
    Capabilities: nonEmpty(node.Capabilities ?? []),
    sshHostKeys: node.Hostinfo?.sshHostKeys,
    ShareeNode: node.Hostinfo?.['ShareeNode'] === true,
    Location: locationOf(node),
    InNetworkMap: true,
    Expired: isExpired(node, nowMs, map.clockSkewMs),
    KeyExpiry: node.KeyExpiry === undefined ? undefined : Math.round(node.KeyExpiry / 1_000) * 1_000,
  };
}

const withoutBits = (prefix: string): string => prefix.slice(0, prefix.indexOf('/'));
const nonEmpty = <T>(list: readonly T[]): readonly T[] | undefined => (list.length > 0 ? list : undefined);
const sometime = (ms: number): number | undefined => (ms > 0 ? ms : undefined);
