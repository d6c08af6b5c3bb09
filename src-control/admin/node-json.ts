/** A machine, and one that waits to be let in, as administrators are shown them. */
import { shortKey } from '#shared/key/key.ts';
import { formatTime } from '#shared/wire/scalars.ts';
import type { PendingMachine } from '../auth/pending.ts';
import type { WireApp } from '../policy/language/ast.ts';
import { activeRoutes, announcedRoutes, isExitRoute } from '../state/announced.ts';
import { isExpired, type NodeView } from '../state/network.ts';
import { currentAttributes } from '../state/ownership.ts';
import type { AdminDeps } from './deps.ts';
import { timeJson } from './time-json.ts';
import { ownerJson, type UserJson } from './users.ts';

export interface AttributeJson {
  readonly value: string | number | boolean;
  /** Null = never. */
  readonly expires_at: string | null;
  readonly updated_at: string;
  readonly comment: string;
}

export interface AppConnectorJson {
  /** Empty: the policy names it nowhere. */
  readonly apps: readonly WireApp[];
  /** Announced addresses that none of the apps asks for by itself: they were found behind a domain. */
  readonly learned_routes: readonly string[];
}

export interface NodeJson {
  readonly id: number;
  /** The machine's name in the network; `given_name` is the same under Headscale's name for it. */
  readonly name: string;
  readonly given_name: string;
  /** An administrator chose the name: it doesn't follow the host name. */
  readonly name_locked: boolean;
  /** What the machine calls itself. */
  readonly hostname: string;
  readonly fqdn: string;
  readonly machine_key: string;
  readonly node_key: string;
  readonly disco_key: string | null;
  readonly ip_addresses: readonly string[];
  /** `tagged-devices` for machines that belong to tags. */
  readonly user: UserJson;
  readonly tags: readonly string[];
  readonly register_method: string;
  /** Of the key that let it in; null = none, or it is gone. */
  readonly auth_key_id: number | null;
  readonly created_by: string;
  readonly ephemeral: boolean;
  /** False = waits for an administrator's yes. */
  readonly approved: boolean;
  readonly disabled: boolean;
  readonly online: boolean;
  readonly expired: boolean;
  readonly expiry: string | null;
  readonly key_expiry_disabled: boolean;
  readonly last_seen: string | null;
  readonly created_at: string;
  readonly os: string;
  readonly os_version: string;
  readonly client_version: string;
  readonly capability_version: number;
  readonly endpoints: readonly string[];
  /** Region of the relay where it is reached; 0 = none. */
  readonly home_derp: number;
  /** Seconds to the relays that it has measured, as `region-v4` or `region-v6`. */
  readonly latency: Readonly<Record<string, number>>;
  /** Announced; approved, whether announced or not; in use: of subnet routes those that it carries for the network. */
  readonly available_routes: readonly string[];
  readonly approved_routes: readonly string[];
  readonly subnet_routes: readonly string[];
  /** Announced and can't be, with the reason. */
  readonly refused_routes: readonly string[];
  readonly exit_node: boolean;
  readonly route_priority: number | null;
  readonly ssh: boolean;
  /** The apps that it serves, as the policy has them; null = it does not offer itself as a connector. */
  readonly app_connector: AppConnectorJson | null;
  readonly attributes: Readonly<Record<string, AttributeJson>>;
}

export interface PendingJson {
  readonly id: string;
  readonly name: string;
  readonly os: string;
  readonly address: string;
  readonly key: string;
  readonly tags: readonly string[];
  readonly url: string;
  readonly created_at: string;
}

export function nodeJson(deps: AdminDeps, view: NodeView): NodeJson {
  const { record } = view;
  const expired = isExpired(record, deps.clock.now());
  return {
    id: record.id,
    name: record.givenName,
    given_name: record.givenName,
    name_locked: record.givenNameLocked,
    hostname: record.hostname,
    fqdn: `${record.givenName}.${deps.baseDomain}`,
    machine_key: record.machineKey,
    node_key: record.nodeKey,
    disco_key: record.discoKey ?? null,
    ip_addresses: [record.ipv4, record.ipv6],
    user: ownerJson(deps.network, record.userId),
    tags: record.tags,
    register_method: record.registerMethod,
    auth_key_id: record.authKeyId ?? null,
    created_by: record.createdBy,
    ephemeral: record.ephemeral,
    approved: record.approvedAt !== undefined,
    disabled: record.disabledAt !== undefined,
    // One whose key has ended talks to nobody, whatever its control connection does.
    online: view.isOnline && !expired,
    expired,
    expiry: timeJson(record.expiry),
    key_expiry_disabled: record.keyExpiryDisabled,
    last_seen: timeJson(record.lastSeen),
    created_at: formatTime(record.createdAt),
    ...reported(view),
    ...routesJson(deps, view),
    app_connector: appConnectorJson(deps, view),
    attributes: attributesJson(deps, view),
  };
}

const reported = ({ record: { hostinfo, capver, endpoints, homeDerp } }: NodeView) => ({
  os: hostinfo.OS ?? '',
  os_version: hostinfo.OSVersion ?? '',
  client_version: hostinfo.IPNVersion ?? '',
  capability_version: capver,
  endpoints,
  home_derp: homeDerp,
  latency: hostinfo.NetInfo?.DERPLatency ?? {},
  ssh: (hostinfo.sshHostKeys ?? []).length > 0,
});

function routesJson({ network }: AdminDeps, { record, refusedRoutes }: NodeView) {
  const active = activeRoutes(record);
  const exits = active.filter(isExitRoute);
  const carried = active.filter((route) => network.primaries.get(route) === record.id);
  return {
    available_routes: announcedRoutes(record),
    approved_routes: record.approvedRoutes,
    subnet_routes: [...carried, ...exits],
    refused_routes: refusedRoutes,
    exit_node: exits.length > 0,
    route_priority: record.routePriority ?? null,
  };
}

function appConnectorJson({ policy }: AdminDeps, { record }: NodeView): AppConnectorJson | null {
  if (record.hostinfo['AppConnector'] !== true) return null;
  const apps = policy.appsOf(record.id);
  return {
    apps: apps.map(({ wire }) => wire),
    learned_routes: announcedRoutes(record).filter(
      (text) =>
        /\/(32|128)$/.test(text) && !apps.some(({ routes }) => routes.some((one) => one.text === text)),
    ),
  };
}

const attributesJson = ({ clock }: AdminDeps, { record }: NodeView): NodeJson['attributes'] =>
  Object.fromEntries(
    currentAttributes(record, clock.now()).map(([key, { value, expiresAt, updatedAt, comment }]) => [
      key,
      { value, expires_at: timeJson(expiresAt), updated_at: formatTime(updatedAt), comment },
    ]),
  );

export const pendingJson = (machine: PendingMachine, serverUrl: string): PendingJson => ({
  id: machine.id,
  name: machine.hostinfo.Hostname ?? '',
  os: machine.hostinfo.OS ?? '',
  address: machine.remoteAddress ?? '',
  key: shortKey(machine.nodeKey),
  tags: machine.hostinfo.RequestTags ?? [],
  url: `${serverUrl}/register/${machine.id}`,
  created_at: formatTime(machine.createdAt),
});
