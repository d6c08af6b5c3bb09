/** What a machine says about itself, cut down to known, bounded fields before anything is kept or handed on. */
import { RhumbError } from '#shared/errors.ts';
import type { Hostinfo } from '#shared/wire/hostinfo.ts';
import { readAnnouncement } from './announced.ts';

const MAX_TEXT = 1_024;
const MAX_SERVICES = 256;
const MAX_TAGS = 64;
const MAX_ANNOUNCED = 4_096;
const MAX_HOST_KEYS = 16;
const MAX_JSON = 64 * 1_024;
const MAX_REGION = 65_535;

const TEXTS = [
  'IPNVersion',
  'BackendLogID',
  'FrontendLogID',
  'OS',
  'OSVersion',
  'Hostname',
  'Env',
  'Distro',
  'DistroVersion',
  'DistroCodeName',
  'App',
  'Package',
  'DeviceModel',
  'Machine',
  'GoArch',
  'GoArchVar',
  'GoVersion',
  'Cloud',
  'ServicesHash',
  'ExitNodeID',
] as const;
const FLAGS = [
  'Container',
  'Desktop',
  'Userspace',
  'UserspaceRouter',
  'AppConnector',
  'StateEncrypted',
  'ShieldsUp',
  'NoLogsNoSupport',
  'WireIngress',
  'IngressEnabled',
  'AllowsUpdate',
  'PeerRelay',
] as const;

/** Fields of the above that other machines get to see (control-protocol.md §4.3); log ids and the like stay here. */
const FOR_PEERS = [
  'OS',
  'OSVersion',
  'Hostname',
  'ShieldsUp',
  'AppConnector',
  'PeerRelay',
  'RoutableIPs',
  'sshHostKeys',
  'Location',
] as const;

/** Throws `bad-argument` on what can't be kept at all; drops what is merely unknown, and routes that can't be. */
export function cleanHostinfo(raw: Hostinfo): Hostinfo {
  const clean: Record<string, unknown> = {};
  for (const key of TEXTS) {
    const value = raw[key];
    if (typeof value !== 'string') continue;
    if (value.length > MAX_TEXT) throw tooLong(key);
    clean[key] = value;
  }
  for (const key of FLAGS) if (typeof raw[key] === 'boolean') clean[key] = raw[key];
  // App connectors announce ever more; those that are too many are refused, and not the machine.
  const routes = bounded('RoutableIPs', raw.RoutableIPs, MAX_ANNOUNCED);
  if (routes !== undefined) clean['RoutableIPs'] = readAnnouncement(routes).routes;
  const tags = bounded('RequestTags', raw.RequestTags, MAX_TAGS);
  if (tags !== undefined) clean['RequestTags'] = tags;
  const hostKeys = bounded('sshHostKeys', raw.sshHostKeys, MAX_HOST_KEYS);
  if (hostKeys !== undefined) clean['sshHostKeys'] = hostKeys;
  if (raw.Services !== undefined) {
    if (raw.Services.length > MAX_SERVICES) throw tooLong('Services');
    clean['Services'] = raw.Services.map(({ Proto, Port, Description }) => ({ Proto, Port, Description }));
  }
  if (raw.NetInfo !== undefined) clean['NetInfo'] = cleanNetInfo(raw.NetInfo);
  if (JSON.stringify(clean).length > MAX_JSON) throw tooLong('as a whole');
  return clean as Hostinfo;
}

/** What a machine announces and can't have, each with the reason. */
export const refusedRoutes = (raw: Hostinfo): readonly string[] =>
  readAnnouncement(raw.RoutableIPs ?? []).refused.map(({ text, why }) => `${text} ${why}`);

export function hostinfoForPeers(info: Hostinfo): Hostinfo {
  const shown: Record<string, unknown> = {};
  for (const key of FOR_PEERS) if (info[key] !== undefined) shown[key] = info[key];
  const peerServices = info.Services?.filter((one) => one.Proto.startsWith('peerapi'));
  if (peerServices !== undefined && peerServices.length > 0) shown['Services'] = peerServices;
  return shown as Hostinfo;
}

const NET_FLAGS = [
  'MappingVariesByDestIP',
  'WorkingIPv6',
  'OSHasIPv6',
  'WorkingUDP',
  'WorkingICMPv4',
  'UPnP',
  'PMP',
  'PCP',
  'HavePortMap',
] as const;

function cleanNetInfo(raw: NonNullable<Hostinfo['NetInfo']>): NonNullable<Hostinfo['NetInfo']> {
  const clean: Record<string, unknown> = {};
  for (const key of NET_FLAGS) if (raw[key] !== undefined) clean[key] = raw[key];
  for (const key of ['LinkType', 'FirewallMode'] as const) if (raw[key] !== undefined) clean[key] = raw[key];
  // Peers get it as a region and, in the old form, as a port: one they can't read costs them the whole map.
  const home = raw.PreferredDERP ?? -1;
  if (home >= 0 && home <= MAX_REGION) clean['PreferredDERP'] = home;
  if (raw.DERPLatency !== undefined) clean['DERPLatency'] = raw.DERPLatency;
  return clean as NonNullable<Hostinfo['NetInfo']>;
}

const tooLong = (what: string): RhumbError =>
  new RhumbError('bad-argument', `the machine's Hostinfo is too large (${what})`);

function bounded(
  what: string,
  values: readonly string[] | undefined,
  max: number,
): readonly string[] | undefined {
  if (values === undefined) return undefined;
  if (values.length > max || values.some((value) => value.length > MAX_TEXT)) throw tooLong(what);
  return values;
}
