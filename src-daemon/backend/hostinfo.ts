/** What this machine tells about itself (control-protocol.md §4.3): facts of the system and the user's preferences. */
import { compare } from '#shared/bytes/bytes.ts';
import { formatPrefix, parsePrefix, type SockAddr } from '#shared/ip/address.ts';
import type { Prefs } from '#shared/localapi/prefs.ts';
import type { Hostinfo, NetInfo } from '#shared/wire/hostinfo.ts';
import { chosenExit } from './exit-choice.ts';
import type { OsFacts } from './os-facts.ts';
import { peerApiServices } from './peer-api-base.ts';

export interface HostinfoInput {
  readonly version: string;
  /** 64 hex digits that name this start of the daemon; nothing is logged under it. */
  readonly logId: string;
  readonly facts: OsFacts;
  readonly prefs: Prefs;
  readonly userspace: boolean;
  /** Of the last network check; undefined before the first. */
  readonly netInfo: NetInfo | undefined;
  /** Where our PeerAPI listens. */
  readonly peerApi: readonly SockAddr[];
}

const NOTHING_KNOWN = {
  MappingVariesByDestIP: undefined,
  WorkingIPv6: undefined,
  OSHasIPv6: undefined,
  WorkingUDP: undefined,
  WorkingICMPv4: undefined,
  UPnP: undefined,
  PMP: undefined,
  PCP: undefined,
  HavePortMap: undefined,
  PreferredDERP: undefined,
  LinkType: undefined,
  DERPLatency: undefined,
  FirewallMode: undefined,
};

export function hostinfoOf({
  version,
  logId,
  facts,
  prefs,
  userspace,
  netInfo,
  peerApi,
}: HostinfoInput): Hostinfo {
  const tags = sortedOnce(prefs.AdvertiseTags ?? []);
  const routes = inOrder(prefs.AdvertiseRoutes ?? []);
  return {
    IPNVersion: version,
    BackendLogID: logId,
    FrontendLogID: undefined,
    OS: facts.os,
    OSVersion: facts.osVersion,
    ...(facts.distro !== '' && { Distro: facts.distro }),
    ...(facts.distroVersion !== '' && { DistroVersion: facts.distroVersion }),
    ...(facts.distroCodeName !== '' && { DistroCodeName: facts.distroCodeName }),
    Container: facts.container,
    Userspace: userspace,
    UserspaceRouter: userspace,
    Machine: facts.machine,
    GoArch: facts.goArch,
    Hostname: prefs.Hostname === '' ? facts.hostname : prefs.Hostname,
    ShieldsUp: prefs.ShieldsUp ? true : undefined,
    RoutableIPs: routes.length > 0 ? routes : undefined,
    RequestTags: tags.length > 0 ? tags : undefined,
    Services: peerApi.length === 0 ? undefined : peerApiServices(peerApi),
    NetInfo: { ...NOTHING_KNOWN, OSHasIPv6: facts.hasIpv6, ...netInfo },
    sshHostKeys: undefined,
    AppConnector: prefs.AppConnector.Advertise,
    ExitNodeID: chosenExit(prefs),
  };
}

const sortedOnce = (list: readonly string[]): string[] => [...new Set(list)].sort();

/** Canonical, each once, by family and address, the wider first. */
function inOrder(routes: readonly string[]): string[] {
  const parsed = routes.map(parsePrefix).filter((prefix) => prefix !== undefined);
  parsed.sort((a, b) => a.ip.length - b.ip.length || compare(a.ip, b.ip) || a.bits - b.bits);
  return [...new Set(parsed.map(formatPrefix))];
}
