/** Machines as the map stream shows them: whole nodes, patches, and the text of each kept as long as it stays true. */
import { formatSockAddr, parseIp, parseSockAddr } from '#shared/ip/address.ts';
import { stringifyJson } from '#shared/wire/json.ts';
import { EndpointType } from '#shared/wire/map.ts';
import { formatTime } from '#shared/wire/scalars.ts';
import { What } from '../state/changes.ts';
import { hostinfoForPeers } from '../state/hostinfo.ts';
import { isExpired, type NodeView } from '../state/network.ts';
import { loginName, TAGGED_DEVICES } from '../state/users.ts';
import type { NodeRecord, UserRecord } from '../store/records.ts';

/** Legacy form of the home relay, for clients before capability version 111. */
const LEGACY_DERP_HOST = '127.3.3.40';

const addressesOf = (record: NodeRecord): readonly string[] => [`${record.ipv4}/32`, `${record.ipv6}/128`];

/** What both sides of the view share; member order as the protocol's reference emits it. */
function wireNode(view: NodeView, baseDomain: string, expired: boolean): Record<string, unknown> {
  const { record } = view;
  const addresses = addressesOf(record);
  // A peer whose key has ended must not be reachable by what is left of it (control-protocol.md §8).
  const homeDerp = expired ? 0 : record.homeDerp;
  return {
    ID: record.id,
    StableID: String(record.id),
    Name: `${record.givenName}.${baseDomain}.`,
    User: record.userId ?? TAGGED_DEVICES.id,
    Tags: nonEmpty(record.tags),
    Key: record.nodeKey,
    KeyExpiry: record.expiry === undefined ? undefined : formatTime(record.expiry),
    Machine: record.machineKey,
    DiscoKey: record.discoKey,
    Addresses: addresses,
    AllowedIPs: addresses,
    Endpoints: expired ? undefined : nonEmpty(endpointsOf(view)),
    DERP: homeDerp === 0 ? undefined : `${LEGACY_DERP_HOST}:${homeDerp}`,
    HomeDERP: homeDerp === 0 ? undefined : homeDerp,
    Hostinfo: hostinfoForPeers(record.hostinfo),
    Created: formatTime(record.createdAt),
    Cap: record.capver === 0 ? undefined : record.capver,
    LastSeen: view.isOnline || record.lastSeen === undefined ? undefined : formatTime(record.lastSeen),
    Online: view.isOnline && !expired,
    MachineAuthorized: true,
    Expired: expired ? true : undefined,
  };
}

const kept = new WeakMap<
  NodeView,
  { readonly json: string; readonly expired: boolean; readonly domain: string }
>();

/** A peer as JSON. Views are immutable, so the text holds for every stream until the machine changes. */
export function peerJson(view: NodeView, baseDomain: string, nowMs: number): string {
  const expired = isExpired(view.record, nowMs);
  const known = kept.get(view);
  if (known !== undefined && known.expired === expired && known.domain === baseDomain) return known.json;
  const json = stringifyJson(wireNode(view, baseDomain, expired));
  kept.set(view, { json, expired, domain: baseDomain });
  return json;
}

/** A machine as it sees itself. */
export function selfJson(view: NodeView, baseDomain: string, nowMs: number): string {
  const expired = isExpired(view.record, nowMs);
  return stringifyJson({
    ...wireNode(view, baseDomain, expired),
    Hostinfo: view.record.hostinfo,
    // A machine that reads this is online, whatever the books say at this moment.
    LastSeen: undefined,
    Online: true,
    CapMap: { 'tailnet-display-name': [baseDomain] },
  });
}

/** The changed parts of a peer that the recipient has already. */
export function patchJson(view: NodeView, what: number): string {
  const { record } = view;
  return JSON.stringify({
    NodeID: record.id,
    DERPRegion: what & What.Derp ? record.homeDerp : undefined,
    Endpoints: what & What.Endpoints ? endpointsOf(view) : undefined,
    Key: what & What.Key ? record.nodeKey : undefined,
    DiscoKey: what & (What.Disco | What.Key) ? record.discoKey : undefined,
    Online: what & What.Online ? view.isOnline : undefined,
    LastSeen:
      what & What.Online && !view.isOnline && record.lastSeen !== undefined
        ? formatTime(record.lastSeen)
        : undefined,
    KeyExpiry: what & (What.Key | What.Expiry) ? formatTime(record.expiry) : undefined,
  });
}

export const userJson = (user: UserRecord): string =>
  JSON.stringify({
    ID: user.id,
    LoginName: loginName(user),
    DisplayName: user.displayName,
    ProfilePicURL: user.identity?.pictureUrl,
  });

/** What the machine told, and behind it the address its control connection comes from, at the port it listens on. */
export function endpointsOf(view: NodeView): readonly string[] {
  const { endpoints, endpointTypes } = view.record;
  const observed = view.observedIp === undefined ? undefined : parseIp(view.observedIp);
  if (view.observedIp === undefined || observed === undefined) return endpoints;
  const sameFamily = endpoints
    .map((text, index) => ({ at: parseSockAddr(text), type: endpointTypes[index] }))
    .filter(({ at }) => at?.ip.includes(':') === (observed.length === 16));
  const local = sameFamily.find(({ type }) => type === EndpointType.Local) ?? sameFamily[0];
  if (local?.at === undefined) return endpoints;
  const extra = formatSockAddr({ ip: view.observedIp, port: local.at.port });
  return endpoints.includes(extra) ? endpoints : [...endpoints, extra];
}

const nonEmpty = <T>(list: readonly T[]): readonly T[] | undefined => (list.length === 0 ? undefined : list);
