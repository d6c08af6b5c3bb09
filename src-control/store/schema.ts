/** Tables as Kysely sees them, and the conversion between their rows and our records. */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { parseDiscoKey, parseMachineKey, parseNodeKey } from '#shared/key/key.ts';
import { hostinfo } from '#shared/wire/hostinfo.ts';
import { parseJson, stringifyJson } from '#shared/wire/json.ts';
import type {
  AdminCodeRecord,
  AuthKeyRecord,
  GrantRecord,
  NodeRecord,
  UserIdentity,
  UserRecord,
} from './records.ts';

export interface Database {
  settings: { key: string; value: string };
  users: {
    id: number;
    name: string;
    display_name: string;
    created_at: number;
    /** Null with all below for users without a provider. */
    issuer: string | null;
    subject: string | null;
    provider: string | null;
    email: string | null;
    picture_url: string | null;
    provider_groups: string | null;
    claims_at: number | null;
    last_login_at: number | null;
    suspended_at: number | null;
  };
  oidc_grants: { id: number; sealed_token: Uint8Array; checked_at: number };
  auth_keys: {
    id: number;
    prefix: string;
    hash: Uint8Array;
    user_id: number;
    reusable: number;
    ephemeral: number;
    created_at: number;
    expires_at: number | null;
    used_at: number | null;
  };
  nodes: {
    id: number;
    machine_key: string;
    node_key: string;
    disco_key: string | null;
    user_id: number;
    hostname: string;
    given_name: string;
    given_name_locked: number;
    ipv4: string;
    ipv6: string;
    register_method: string;
    auth_key_id: number | null;
    ephemeral: number;
    expiry: number | null;
    created_at: number;
    last_seen: number | null;
    host_info: string;
    endpoints: string;
    endpoint_types: string;
    home_derp: number;
    capver: number;
  };
  admin_codes: {
    id: number;
    hash: Uint8Array;
    user_id: number;
    created_at: number;
    expires_at: number;
    used_at: number | null;
  };
}

const strings = z.array(z.string());
const numbers = z.array(z.number());
const method = z.enum(['authkey', 'cli', 'code', 'oidc']);

export const toUserRow = (user: UserRecord): Database['users'] => ({
  id: user.id,
  name: user.name,
  display_name: user.displayName,
  created_at: user.createdAt,
  issuer: user.identity?.issuer ?? null,
  subject: user.identity?.subject ?? null,
  provider: user.identity?.provider ?? null,
  email: user.identity?.email ?? null,
  picture_url: user.identity?.pictureUrl ?? null,
  provider_groups: user.identity === undefined ? null : JSON.stringify(user.identity.groups),
  claims_at: user.identity?.claimsAt ?? null,
  last_login_at: user.identity?.lastLoginAt ?? null,
  suspended_at: user.suspendedAt ?? null,
});

function readIdentity(row: Database['users']): UserIdentity | undefined {
  if (row.issuer === null || row.subject === null) return undefined;
  return {
    issuer: row.issuer,
    subject: row.subject,
    provider: row.provider ?? '',
    email: row.email ?? undefined,
    pictureUrl: row.picture_url ?? undefined,
    groups: strings.parse(parseJson(row.provider_groups ?? '[]')),
    claimsAt: row.claims_at ?? row.created_at,
    lastLoginAt: row.last_login_at ?? row.created_at,
  };
}

export const fromUserRow = (row: Database['users']): UserRecord => ({
  id: row.id,
  name: row.name,
  displayName: row.display_name,
  createdAt: row.created_at,
  identity: readIdentity(row),
  suspendedAt: row.suspended_at ?? undefined,
});

export const toGrantRow = (grant: GrantRecord): Database['oidc_grants'] => ({
  id: grant.id,
  sealed_token: grant.sealedToken,
  checked_at: grant.checkedAt,
});

export const fromGrantRow = (row: Database['oidc_grants']): GrantRecord => ({
  id: row.id,
  sealedToken: row.sealed_token,
  checkedAt: row.checked_at,
});

export const toNodeRow = (node: NodeRecord): Database['nodes'] => ({
  id: node.id,
  machine_key: node.machineKey,
  node_key: node.nodeKey,
  disco_key: node.discoKey ?? null,
  user_id: node.userId,
  hostname: node.hostname,
  given_name: node.givenName,
  given_name_locked: Number(node.givenNameLocked),
  ipv4: node.ipv4,
  ipv6: node.ipv6,
  register_method: node.registerMethod,
  auth_key_id: node.authKeyId ?? null,
  ephemeral: Number(node.ephemeral),
  expiry: node.expiry ?? null,
  created_at: node.createdAt,
  last_seen: node.lastSeen ?? null,
  host_info: stringifyJson(node.hostinfo),
  endpoints: JSON.stringify(node.endpoints),
  endpoint_types: JSON.stringify(node.endpointTypes),
  home_derp: node.homeDerp,
  capver: node.capver,
});

function readNodeRow(row: Database['nodes']): NodeRecord {
  return {
    id: row.id,
    machineKey: parseMachineKey(row.machine_key),
    nodeKey: parseNodeKey(row.node_key),
    discoKey: row.disco_key === null ? undefined : parseDiscoKey(row.disco_key),
    userId: row.user_id,
    hostname: row.hostname,
    givenName: row.given_name,
    givenNameLocked: row.given_name_locked !== 0,
    ipv4: row.ipv4,
    ipv6: row.ipv6,
    registerMethod: method.parse(row.register_method),
    authKeyId: row.auth_key_id ?? undefined,
    ephemeral: row.ephemeral !== 0,
    expiry: row.expiry ?? undefined,
    createdAt: row.created_at,
    lastSeen: row.last_seen ?? undefined,
    hostinfo: hostinfo.parse(parseJson(row.host_info)),
    endpoints: strings.parse(parseJson(row.endpoints)),
    endpointTypes: numbers.parse(parseJson(row.endpoint_types)),
    homeDerp: row.home_derp,
    capver: row.capver,
  };
}

export function fromNodeRow(row: Database['nodes']): NodeRecord {
  try {
    return readNodeRow(row);
  } catch (cause) {
    throw new RhumbError('internal', `the database's row of node ${row.id} can't be read: restore a backup`, {
      cause,
    });
  }
}

export const toAuthKeyRow = (key: AuthKeyRecord): Database['auth_keys'] => ({
  id: key.id,
  prefix: key.prefix,
  hash: key.hash,
  user_id: key.userId,
  reusable: Number(key.reusable),
  ephemeral: Number(key.ephemeral),
  created_at: key.createdAt,
  expires_at: key.expiresAt ?? null,
  used_at: key.usedAt ?? null,
});

export const fromAuthKeyRow = (row: Database['auth_keys']): AuthKeyRecord => ({
  id: row.id,
  prefix: row.prefix,
  hash: row.hash,
  userId: row.user_id,
  reusable: row.reusable !== 0,
  ephemeral: row.ephemeral !== 0,
  createdAt: row.created_at,
  expiresAt: row.expires_at ?? undefined,
  usedAt: row.used_at ?? undefined,
});

export const toAdminCodeRow = (code: AdminCodeRecord): Database['admin_codes'] => ({
  id: code.id,
  hash: code.hash,
  user_id: code.userId,
  created_at: code.createdAt,
  expires_at: code.expiresAt,
  used_at: code.usedAt ?? null,
});

export const fromAdminCodeRow = (row: Database['admin_codes']): AdminCodeRecord => ({
  id: row.id,
  hash: row.hash,
  userId: row.user_id,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
  usedAt: row.used_at ?? undefined,
});
