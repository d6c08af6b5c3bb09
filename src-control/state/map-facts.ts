/** What a machine reports in a map request, taken over with the least that must be told to others (control-protocol.md §10.6). */
import { formatSockAddr, isTailnetIp, parseIp, parseSockAddr, type SockAddr } from '#shared/ip/address.ts';
import type { DiscoKey } from '#shared/key/key.ts';
import type { Hostinfo } from '#shared/wire/hostinfo.ts';
import { stringifyJson } from '#shared/wire/json.ts';
import { EndpointType, type MapRequest } from '#shared/wire/map.ts';
import type { NodeRecord } from '../store/records.ts';
import { announcedRoutes } from './announced.ts';
import { nodeChange, What } from './changes.ts';
import { cleanHostinfo, hostinfoForPeers, refusedRoutes } from './hostinfo.ts';
import type { Network } from './network.ts';
import { followName } from './nodes.ts';

const MAX_ENDPOINTS = 64;

export interface MapFacts {
  readonly discoKey: DiscoKey | undefined;
  /** Tells one running daemon from another with the same keys; undefined = the disco key does. */
  readonly instance?: string | undefined;
  /** Undefined = what is stored stays. */
  readonly hostinfo: Hostinfo | undefined;
  /** Of the announced routes, in words; undefined like `hostinfo`. */
  readonly refusedRoutes?: readonly string[] | undefined;
  readonly endpoints:
    | { readonly addresses: readonly string[]; readonly types: readonly number[] }
    | undefined;
  readonly capver: number;
}

/** Throws `bad-argument` when the Hostinfo can't be kept. */
export function readMapFacts(request: MapRequest): MapFacts {
  return {
    discoKey: request.DiscoKey,
    instance: instanceOf(request),
    hostinfo: request.Hostinfo === undefined ? undefined : cleanHostinfo(request.Hostinfo),
    refusedRoutes: request.Hostinfo === undefined ? undefined : refusedRoutes(request.Hostinfo),
    endpoints:
      request.Endpoints === undefined ? undefined : cleanEndpoints(request.Endpoints, request.EndpointTypes),
    capver: request.Version,
  };
}

/**
 * An official daemon makes a new disco key at each start, ours keeps it and makes a new log id, so the two together name a
 * run, also when a machine's whole state was copied.
 */
function instanceOf({ DiscoKey: discoKey, Hostinfo: hostinfo }: MapRequest): string | undefined {
  const logId = hostinfo?.BackendLogID;
  return discoKey === undefined || logId === undefined ? undefined : `${discoKey} ${logId}`;
}

/** Drops what nobody can use: not an address and port, zones, link-local, multicast and unspecified addresses. */
function cleanEndpoints(addresses: readonly string[], types: readonly number[] | undefined) {
  const kept = new Map<string, number>();
  for (const [index, text] of addresses.entries()) {
    const at = parseSockAddr(text);
    if (at !== undefined && at.port !== 0 && isUsable(at) && kept.size < MAX_ENDPOINTS)
      kept.set(formatSockAddr(at), types?.[index] ?? EndpointType.Unknown);
  }
  return { addresses: [...kept.keys()], types: [...kept.values()] };
}

function isUsable(at: SockAddr): boolean {
  const ip = parseIp(at.ip);
  if (ip === undefined) return false;
  const [a = 0, b = 0] = ip;
  if (ip.length === 4) return a !== 0 && a < 224;
  const isLinkLocal = a === 0xfe && (b & 0xc0) === 0x80;
  return !isLinkLocal && a !== 0xff && at.ip !== '::';
}

/** Resolves when it is on disk; resolves at once when nothing is new. */
export async function applyMapFacts(network: Network, record: NodeRecord, facts: MapFacts): Promise<void> {
  if (facts.refusedRoutes !== undefined) network.setLive(record.id, { refusedRoutes: facts.refusedRoutes });
  const next = merge(network, record, facts);
  const what = difference(record, next);
  if (what === 0 && stringifyJson(record) === stringifyJson(next)) return;
  await network.save({
    writes: [{ put: 'node', value: next }],
    changes: what === 0 ? [] : [nodeChange(record.id, what)],
    pace: what & What.Whole ? 'now' : 'lazy',
  });
}

function merge(network: Network, record: NodeRecord, facts: MapFacts): NodeRecord {
  const hostinfo =
    facts.hostinfo === undefined
      ? record.hostinfo
      : { ...facts.hostinfo, NetInfo: facts.hostinfo.NetInfo ?? record.hostinfo.NetInfo };
  const hostname = facts.hostinfo?.Hostname ?? record.hostname;
  return {
    ...record,
    hostinfo,
    hostname,
    givenName: followName(network, record, hostname),
    discoKey: facts.discoKey ?? record.discoKey,
    endpoints: facts.endpoints?.addresses ?? record.endpoints,
    endpointTypes: facts.endpoints?.types ?? record.endpointTypes,
    homeDerp: hostinfo.NetInfo?.PreferredDERP ?? record.homeDerp,
    capver: facts.capver,
  };
}

function difference(was: NodeRecord, is: NodeRecord): number {
  let what = 0;
  const looksDifferent =
    stringifyJson(hostinfoForPeers(was.hostinfo)) !== stringifyJson(hostinfoForPeers(is.hostinfo));
  // A patch can't set the home relay to none.
  const lostHome = was.homeDerp !== 0 && is.homeDerp === 0;
  if (looksDifferent || lostHome || was.givenName !== is.givenName || was.capver !== is.capver)
    what |= What.Whole;
  if (announcedRoutes(was).join() !== announcedRoutes(is).join()) what |= What.Routes;
  if (attributesOf(was) !== attributesOf(is)) what |= What.Tags;
  if (was.discoKey !== is.discoKey) what |= What.Disco;
  if (was.homeDerp !== is.homeDerp) what |= What.Derp;
  if (hasNewAddress(was, is)) what |= What.Endpoints;
  return what;
}

/** What postures look at and peers are not shown (policy.md §5.7). */
const attributesOf = ({ hostinfo }: NodeRecord): string =>
  `${hostinfo.IPNVersion} ${hostinfo['StateEncrypted']}`;

/** Whether peers need to know: a new address counts, one less or another port seen by STUN does not. */
function hasNewAddress(was: NodeRecord, is: NodeRecord): boolean {
  const known = new Set(was.endpoints);
  return is.endpoints.some((text, index) => {
    const type = is.endpointTypes[index];
    return !known.has(text) && type !== EndpointType.Stun && type !== EndpointType.Stun4LocalPort;
  });
}

/** The remote address of a control connection when peers may find the machine there; loopback and our own network don't count. */
export function usableObserved(remoteAddress: string | undefined): string | undefined {
  const text = remoteAddress?.replace(/^::ffff:(?=\d+\.)/, '');
  const ip = text === undefined ? undefined : parseIp(text);
  if (text === undefined || ip === undefined) return undefined;
  const isLoopback = ip.length === 4 ? ip[0] === 127 : text === '::1';
  return isLoopback || isTailnetIp(ip) || !isUsable({ ip: text, port: 1 }) ? undefined : text;
}
