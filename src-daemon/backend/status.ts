/** What `GET status` tells, assembled from everything the daemon knows (localapi-and-daemon.md §2.3). */
import { NO_STATUS, type Status } from '#shared/localapi/status.ts';
import type { UserProfile } from '#shared/localapi/user.ts';
import type { NetworkMap } from '../control/types.ts';
import { hostPrefixes } from './peer-claims.ts';
import { bareSelf, peersStatus, type StatusInput, selfStatus } from './peer-status.ts';

/** The command line of the official client knows this text and leaves it out where it says so itself. */
const ROUTES_NOT_ACCEPTED = 'Some peers are advertising routes but --accept-routes is false';

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
    ExitNodeStatus: map === undefined ? undefined : exitNodeStatus(map, input.exitNodeId),
    Health: healthTexts(input),
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

/** Its addresses are prefixes, unlike everywhere else. */
function exitNodeStatus(map: NetworkMap, id: string): Status['ExitNodeStatus'] {
  if (id === '') return undefined;
  for (const node of map.peers.values())
    if (node.StableID === id)
      return { ID: id, Online: node.Online === true, TailscaleIPs: hostPrefixes(node.Addresses) };
  return undefined;
}

/** Warnings, and what only a look at the whole map tells. */
function healthTexts({ health, map, acceptsRoutes }: StatusInput): readonly string[] | undefined {
  const isMissing = map !== undefined && !acceptsRoutes && hasSubnets(map);
  const texts = isMissing ? [...health, ROUTES_NOT_ACCEPTED] : health;
  return texts.length > 0 ? texts : undefined;
}

/** Some peer carries a network that is none of the network's own addresses. */
function hasSubnets({ peers }: NetworkMap): boolean {
  for (const { PrimaryRoutes } of peers.values())
    if (PrimaryRoutes?.some((route) => hostPrefixes([route]).length === 0)) return true;
  return false;
}

/** With peers every user of the map, else only our own. */
function users(map: NetworkMap, all: boolean): Record<string, UserProfile> {
  const found: Record<string, UserProfile> = {};
  for (const [id, user] of map.users)
    if (all || id === String(map.self.User)) found[id] = { ...user, ProfilePicURL: user.ProfilePicURL ?? '' };
  return found;
}
