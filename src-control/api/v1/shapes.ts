/** Users, keys and machines as Headscale's API shows them: 64-bit numbers are texts, nothing is left out (coordination-server.md §12). */
import { z } from 'zod';
import { formatTime } from '#shared/wire/scalars.ts';
import type { AdminDeps } from '../../admin/deps.ts';
import { nodeJson } from '../../admin/node-json.ts';
import { timeJson } from '../../admin/time-json.ts';
import type { NodeView } from '../../state/network.ts';
import { ownerOf } from '../../state/users.ts';
import type { ApiKeyRecord, AuthKeyRecord, RegisterMethod, UserRecord } from '../../store/records.ts';
import { NO_TIME } from '../v2/common.ts';

const strings = z.array(z.string());
const time = z.string().nullable();

export const user = z
  .object({
    id: z.string(),
    name: z.string(),
    createdAt: z.string(),
    displayName: z.string(),
    email: z.string(),
    providerId: z.string(),
    provider: z.string(),
    profilePicUrl: z.string(),
  })
  .meta({ id: 'V1User' });

export const preAuthKey = z
  .object({
    user: user.nullable(),
    id: z.string(),
    key: z.string(),
    reusable: z.boolean(),
    ephemeral: z.boolean(),
    used: z.boolean(),
    expiration: time,
    createdAt: z.string(),
    aclTags: strings,
  })
  .meta({ id: 'V1PreAuthKey' });

export const apiKey = z
  .object({ id: z.string(), prefix: z.string(), expiration: time, createdAt: z.string(), lastSeen: time })
  .meta({ id: 'V1ApiKey' });

export const node = z
  .object({
    id: z.string(),
    machineKey: z.string(),
    nodeKey: z.string(),
    discoKey: z.string(),
    ipAddresses: strings,
    name: z.string(),
    user: user.nullable(),
    lastSeen: time,
    expiry: time,
    preAuthKey: preAuthKey.nullable(),
    createdAt: z.string(),
    registerMethod: z.string(),
    givenName: z.string(),
    online: z.boolean(),
    approvedRoutes: strings,
    availableRoutes: strings,
    subnetRoutes: strings,
    tags: strings,
  })
  .meta({ id: 'V1Node' });

export const userJson = (record: UserRecord): z.output<typeof user> => ({
  id: String(record.id),
  name: record.name,
  createdAt: formatTime(record.createdAt),
  displayName: record.displayName,
  email: record.identity?.email ?? '',
  providerId: record.identity === undefined ? '' : `${record.identity.issuer}/${record.identity.subject}`,
  provider: record.identity === undefined ? '' : 'oidc',
  profilePicUrl: record.identity?.pictureUrl ?? '',
});

/** `never` is how a key without an end is told: null inside a machine, Go's year 1 in lists. */
export function preAuthKeyJson(
  { network }: AdminDeps,
  record: AuthKeyRecord,
  never: string | null = NO_TIME,
): z.output<typeof preAuthKey> {
  const owner = record.userId === undefined ? undefined : network.user(record.userId);
  return {
    user: owner === undefined ? null : userJson(owner),
    id: String(record.id),
    key: `rhkey-auth-${record.prefix}-***`,
    reusable: record.reusable,
    ephemeral: record.ephemeral,
    used: record.usedAt !== undefined,
    expiration: timeJson(record.expiresAt) ?? never,
    createdAt: formatTime(record.createdAt),
    aclTags: [...record.tags],
  };
}

export const apiKeyJson = (record: ApiKeyRecord): z.output<typeof apiKey> => ({
  id: String(record.id),
  prefix: `rhkey-api-${record.prefix}-***`,
  expiration: timeJson(record.expiresAt),
  createdAt: formatTime(record.createdAt),
  lastSeen: timeJson(record.lastUsedAt),
});

/** Headscale knows three ways; ours are told as the nearest. */
const METHODS: Readonly<Record<RegisterMethod, string>> = {
  authkey: 'REGISTER_METHOD_AUTH_KEY',
  cli: 'REGISTER_METHOD_CLI',
  code: 'REGISTER_METHOD_CLI',
  api: 'REGISTER_METHOD_CLI',
  oidc: 'REGISTER_METHOD_OIDC',
  passkey: 'REGISTER_METHOD_OIDC',
};

/** Lists give tagged machines an owner of their own, as Headscale's do; a single one has none. */
export function v1Node(deps: AdminDeps, view: NodeView, isListed: boolean): z.output<typeof node> {
  const { record } = view;
  const shown = nodeJson(deps, view);
  const owner = record.userId === undefined && !isListed ? undefined : ownerOf(deps.network, record);
  const key = record.authKeyId === undefined ? undefined : deps.network.authKey(record.authKeyId);
  return {
    id: String(record.id),
    machineKey: record.machineKey,
    nodeKey: record.nodeKey,
    discoKey: record.discoKey ?? '',
    ipAddresses: [...shown.ip_addresses],
    name: record.hostname,
    user: owner === undefined ? null : userJson(owner),
    lastSeen: timeJson(view.isOnline ? deps.clock.now() : (record.lastSeen ?? record.createdAt)),
    expiry: timeJson(record.expiry),
    preAuthKey: key === undefined ? null : preAuthKeyJson(deps, key, null),
    createdAt: formatTime(record.createdAt),
    registerMethod: METHODS[record.registerMethod],
    givenName: record.givenName,
    online: shown.online,
    approvedRoutes: [...shown.approved_routes],
    availableRoutes: [...shown.available_routes],
    subnetRoutes: [...shown.subnet_routes],
    tags: [...record.tags],
  };
}
