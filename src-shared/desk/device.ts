/** From a peer's status to the device that people see. */
import { formatIp, parseIp } from '../ip/address.ts';
import { type PeerStatus, TaildropTarget } from '../localapi/status.ts';
import type { Device, DevicePath, Place } from '../ui-state/types.ts';
import { cutList, cutName, cutText, WORDS_MAX } from './cut.ts';

const DEFAULT_ROUTES: readonly string[] = ['0.0.0.0/0', '::/0'];

/** `ownUserId` and `suffix` are of the network that the peer is seen in. */
export function deviceOf(peer: PeerStatus, ownUserId: string, suffix: string): Device {
  const dnsName = withoutDot(cutName(peer.DNSName));
  const hostName = cutName(peer.HostName);
  const tags = cutList(peer.Tags);
  const userId = String(peer.UserID);
  return {
    id: peer.ID,
    name: nameOf(peer, shortName(dnsName, suffix), hostName),
    dnsName,
    hostName,
    os: cutName(peer.OS),
    userId,
    isMine: tags.length === 0 && userId === ownUserId,
    isShared: peer.AltSharerUserID !== 0n || peer.ShareeNode || isForeign(dnsName, suffix),
    tags,
    addresses: sortedAddresses(peer.TailscaleIPs ?? []),
    routes: routesOf(peer),
    primaryRoutes: [...(peer.PrimaryRoutes ?? [])],
    isOnline: peer.Online,
    isExpired: peer.Expired,
    lastSeenMs: peer.LastSeen,
    keyExpiryMs: peer.KeyExpiry,
    createdMs: peer.Created,
    // Nobody tells it of others; of this device it comes from elsewhere.
    keyCreatedMs: undefined,
    lastHandshakeMs: peer.LastHandshake,
    path: pathOf(peer),
    isExitOption: peer.ExitNodeOption,
    location: placeOf(peer),
    canReceiveFiles: peer.TaildropTarget === TaildropTarget.Available,
    hasSsh: (peer.sshHostKeys ?? []).length > 0,
    candidates: cutList(peer.Addrs),
    homeRelay: cutName(peer.Relay),
    nodeKey: peer.PublicKey ?? '',
    capabilities: cutList(Object.keys(peer.CapMap ?? {}).sort()),
  };
}

/** Something to be seen and pressed, whatever the device calls itself: a name of nothing but invisible characters is none. */
const nameOf = ({ TailscaleIPs, ID }: PeerStatus, short: string, hostName: string): string =>
  [short, hostName, TailscaleIPs?.[0] ?? ''].find((name) => VISIBLE.test(name)) ?? ID;

const VISIBLE = /[\p{L}\p{N}\p{P}\p{S}]/u;

/** rhumbd says how packets travel; other daemons say where they last did, from which it follows. */
const pathOf = (peer: PeerStatus): DevicePath =>
  peer.RhumbPath === undefined || peer.RhumbPath.Kind === ''
    ? inferredPath(peer)
    : toldPath(peer, peer.RhumbPath);

function toldPath({ Active }: PeerStatus, told: NonNullable<PeerStatus['RhumbPath']>): DevicePath {
  const kind = told.Kind === 'direct' || told.Kind === 'relay' ? told.Kind : 'none';
  const via = { direct: told.Addr, relay: told.Relay, none: '' }[kind];
  return {
    kind: Active || kind !== 'none' ? kind : 'idle',
    via,
    latencyMs: told.LatencySeconds > 0 ? told.LatencySeconds * 1_000 : undefined,
    sinceMs: told.Since,
    why: told.Why === '' ? undefined : cutText(told.Why, WORDS_MAX),
  };
}

function inferredPath(peer: PeerStatus): DevicePath {
  const nothing = { latencyMs: undefined, sinceMs: undefined, why: undefined };
  if (!peer.Active) return { kind: peer.Online ? 'idle' : 'none', via: '', ...nothing };
  if (peer.CurAddr !== '') return { kind: 'direct', via: peer.CurAddr, ...nothing };
  if (peer.PeerRelay !== '') return { kind: 'peer-relay', via: peer.PeerRelay, ...nothing };
  return { kind: peer.Relay === '' ? 'none' : 'relay', via: peer.Relay, ...nothing };
}

function placeOf({ Location: at }: PeerStatus): Place | undefined {
  if (at === undefined || (at.CountryCode === '' && at.Country === '')) return undefined;
  return {
    country: cutName(at.Country),
    countryCode: cutName(at.CountryCode),
    city: cutName(at.City),
    cityCode: cutName(at.CityCode),
    priority: at.Priority,
  };
}

/** What it carries now, and what it may carry while another one does. */
function routesOf({ PrimaryRoutes, AllowedIPs, TailscaleIPs }: PeerStatus): string[] {
  const own = new Set((TailscaleIPs ?? []).map((ip) => `${ip}/${ip.includes(':') ? 128 : 32}`));
  const all = new Set([...(PrimaryRoutes ?? []), ...(AllowedIPs ?? [])]);
  return [...all].filter((route) => !DEFAULT_ROUTES.includes(route) && !own.has(route));
}

const withoutDot = (name: string): string => name.replace(/\.$/, '');

const isForeign = (dnsName: string, suffix: string): boolean =>
  suffix !== '' && dnsName !== '' && !dnsName.endsWith(`.${suffix}`);

/** Devices of other networks keep their whole name: two networks may have one of the same name. */
const shortName = (dnsName: string, suffix: string): string =>
  isForeign(dnsName, suffix) ? dnsName : (dnsName.split('.', 1)[0] ?? '');

function sortedAddresses(texts: readonly string[]): string[] {
  const ips = texts.flatMap((text) => {
    const ip = parseIp(text);
    return ip === undefined ? [] : [ip];
  });
  return ips.sort((a, b) => a.length - b.length).map(formatIp);
}
