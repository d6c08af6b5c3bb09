/** Machines as the map stream shows them: whole nodes, patches, and the text of each kept as long as it stays true. */
import { stringifyJson } from '#shared/wire/json.ts';
import { formatTime } from '#shared/wire/scalars.ts';
import type { NodeCapMap } from '../policy/compile/node-attrs.ts';
import type { PeerRoutes, PolicyView } from '../policy/live/view.ts';
import { What } from '../state/changes.ts';
import { hostinfoForPeers } from '../state/hostinfo.ts';
import { isAdmitted, isExpired, type NodeView } from '../state/network.ts';
import { loginName, TAGGED_DEVICES } from '../state/users.ts';
import type { NodeRecord, UserRecord } from '../store/records.ts';
import type { DnsSource } from './dns-source.ts';
import { endpointsOf } from './endpoints.ts';

/** Legacy form of the home relay, for clients before capability version 111. */
const LEGACY_DERP_HOST = '127.3.3.40';
const HOME_DERP_VERSION = 111;
/** From here on AllowedIPs may be left out where they are the addresses. */
const ALLOWED_IPS_VERSION = 112;

/** Clients to whom a peer's text is the same. */
export type Dialect = 'oldest' | 'home-derp' | 'current';

export function dialectOf(capver: number): Dialect {
  if (capver >= ALLOWED_IPS_VERSION) return 'current';
  return capver >= HOME_DERP_VERSION ? 'home-derp' : 'oldest';
}

/** How one machine sees another, beyond what all see alike. */
export interface Sight {
  readonly routes: Pick<PeerRoutes, 'allowedIps' | 'primaryRoutes'>;
  readonly caps: NodeCapMap;
  /** Equal for sights that are alike; empty for a peer with its two addresses and nothing else, as nearly all are. */
  readonly key: string;
}

export function sightOf(policy: PolicyView, dns: DnsSource, viewer: number, { record }: NodeView): Sight {
  const routes = policy.routesOf(viewer, record.id);
  const caps = merged(policy.peerCapMapOf(viewer, record.id), dns.peerCapsOf(record.id));
  const hasCaps = !isEmpty(caps);
  const isPlain = !hasCaps && record.approvedRoutes.length === 0 && routes.allowedIps.length === 2;
  if (isPlain) return { routes, caps, key: '' };
  return { routes, caps, key: hasCaps ? `${routes.key} ${JSON.stringify(caps)}` : routes.key };
}

const merged = (a: NodeCapMap, b: NodeCapMap): NodeCapMap => (isEmpty(b) ? a : { ...a, ...b });
const isEmpty = (caps: NodeCapMap): boolean => Object.keys(caps).length === 0;

/** What a machine that is not admitted knows of itself. */
export const ownAddresses = (record: NodeRecord): Sight['routes'] => ({
  allowedIps: [`${record.ipv4}/32`, `${record.ipv6}/128`],
  primaryRoutes: [],
});

/** What both sides of the view share; member order as the protocol's reference emits it. */
function wireNode(
  view: NodeView,
  { routes, caps }: Omit<Sight, 'key'>,
  baseDomain: string,
  dialect: Dialect,
  expired: boolean,
): Record<string, unknown> {
  const { record } = view;
  const { allowedIps } = routes;
  const addresses = ownAddresses(record).allowedIps.filter((own) => allowedIps.includes(own));
  // A peer whose key has ended must not be reachable by what is left of it (control-protocol.md §8).
  const homeDerp = expired ? 0 : record.homeDerp;
  const isOld = dialect === 'oldest';
  return {
    ID: record.id,
    StableID: String(record.id),
    Name: `${record.givenName}.${baseDomain}.`,
    User: record.userId ?? TAGGED_DEVICES.id,
    Key: record.nodeKey,
    KeyExpiry: record.expiry === undefined ? undefined : formatTime(record.expiry),
    Machine: record.machineKey,
    DiscoKey: record.discoKey,
    Addresses: addresses,
    AllowedIPs: dialect === 'current' && allowedIps.length === addresses.length ? undefined : allowedIps,
    Endpoints: expired ? undefined : nonEmpty(endpointsOf(view)),
    DERP: homeDerp === 0 || !isOld ? undefined : `${LEGACY_DERP_HOST}:${homeDerp}`,
    HomeDERP: homeDerp === 0 || isOld ? undefined : homeDerp,
    Hostinfo: hostinfoForPeers(record.hostinfo),
    Created: formatTime(record.createdAt),
    Cap: record.capver === 0 ? undefined : record.capver,
    Tags: nonEmpty(record.tags),
    PrimaryRoutes: nonEmpty(routes.primaryRoutes),
    LastSeen: view.isOnline || record.lastSeen === undefined ? undefined : formatTime(record.lastSeen),
    Online: view.isOnline && !expired,
    MachineAuthorized: isAdmitted(record),
    CapMap: isEmpty(caps) ? undefined : caps,
    Expired: expired ? true : undefined,
  };
}

interface Fragment {
  readonly key: string;
  readonly dialect: Dialect;
  readonly domain: string;
  readonly expired: boolean;
  readonly json: string;
}

/** Nearly every peer has one, a router two or three. */
const MAX_FRAGMENTS = 16;
const fragments = new WeakMap<NodeView, Fragment[]>();

/** A peer as JSON. Views are immutable, so the text holds for every stream that sees it alike until the machine changes. */
export function peerJson(
  view: NodeView,
  sight: Sight,
  baseDomain: string,
  dialect: Dialect,
  nowMs: number,
): string {
  const expired = isExpired(view.record, nowMs);
  const known = fragments.get(view) ?? [];
  const found = known.find(
    (one) =>
      one.key === sight.key &&
      one.dialect === dialect &&
      one.expired === expired &&
      one.domain === baseDomain,
  );
  if (found !== undefined) return found.json;
  const json = stringifyJson(wireNode(view, sight, baseDomain, dialect, expired));
  if (known.length === MAX_FRAGMENTS) known.shift();
  known.push({ key: sight.key, dialect, domain: baseDomain, expired, json });
  fragments.set(view, known);
  return json;
}

/** A machine as it sees itself. */
export function selfJson(
  view: NodeView,
  sight: Omit<Sight, 'key'>,
  baseDomain: string,
  dialect: Dialect,
  nowMs: number,
): string {
  const expired = isExpired(view.record, nowMs);
  return stringifyJson({
    ...wireNode(view, sight, baseDomain, dialect, expired),
    AllowedIPs: sight.routes.allowedIps,
    Hostinfo: view.record.hostinfo,
    // A machine that reads this is online, whatever the books say at this moment.
    LastSeen: undefined,
    Online: true,
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

const nonEmpty = <T>(list: readonly T[]): readonly T[] | undefined => (list.length === 0 ? undefined : list);
