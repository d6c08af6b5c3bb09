/** Which table holds which kind of record, and the conversion between rows and records, column by column. */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { parseDiscoKey, parseMachineKey, parseNodeKey } from '#shared/key/key.ts';
import { hostinfo } from '#shared/wire/hostinfo.ts';
import { parseJson, stringifyJson } from '#shared/wire/json.ts';
import {
  CODE_PURPOSES,
  type Kind,
  REGISTER_METHODS,
  type Records,
  ROLES,
  SUSPENDERS,
  type UserIdentity,
} from './records.ts';

export type SqlValue = number | string | Uint8Array | null;
export type Row = Readonly<Record<string, SqlValue>> & { readonly id: number };

/** One column: how a member of a record becomes its value, and back. */
interface Column<T> {
  readonly name: string;
  to(value: T): SqlValue;
  from(value: SqlValue): T;
}

/** Every member of a record but the nested ones has a column. */
type Columns<R> = { readonly [K in keyof R]-?: Column<R[K]> };

export interface Table<R> {
  readonly name: string;
  toRow(record: R): Row;
  /** Throws `internal` when the row can't be read. */
  fromRow(row: Row): R;
}

/** A column whose value is checked by a schema when it comes back from disk. */
const checked = <T extends SqlValue>(name: string, schema: z.ZodType<T>): Column<T> => ({
  name,
  to: (value) => value,
  from: (value) => schema.parse(value),
});

const text = (name: string): Column<string> => checked(name, z.string());
const int = (name: string): Column<number> => checked(name, z.int());
const real = (name: string): Column<number> => checked(name, z.number());
const blob = (name: string): Column<Uint8Array> => checked(name, z.instanceof(Uint8Array));
const oneOf = <const T extends readonly string[]>(name: string, values: T): Column<T[number]> =>
  checked(name, z.enum(values));

const flag = (name: string): Column<boolean> => ({
  name,
  to: (value) => Number(value),
  from: (value) => value !== 0,
});

/** Absence is NULL. */
const optional = <T>(column: Column<T>): Column<T | undefined> => ({
  name: column.name,
  to: (value) => (value === undefined ? null : column.to(value)),
  from: (value) => (value === null ? undefined : column.from(value)),
});

const parsed = <T>(name: string, parse: (text: string) => T): Column<T> => ({
  name,
  to: (value) => String(value),
  from: (value) => parse(z.string().parse(value)),
});

const json = <T>(name: string, schema: z.ZodType<T>): Column<T> => ({
  name,
  to: (value) => stringifyJson(value),
  from: (value) => schema.parse(parseJson(z.string().parse(value))),
});

const strings = (name: string): Column<readonly string[]> => json(name, z.array(z.string()));

function table<R extends { readonly id: number }>(name: string, columns: Columns<R>): Table<R> {
  const entries = Object.entries(columns) as [keyof R & string, Column<unknown>][];
  return {
    name,
    toRow: (record) =>
      Object.fromEntries(entries.map(([key, column]) => [column.name, column.to(record[key])])) as Row,
    fromRow: (row) => {
      try {
        const members = entries.map(([key, column]) => [key, column.from(row[column.name] ?? null)]);
        return Object.fromEntries(members) as R;
      } catch (cause) {
        throw new RhumbError(
          'internal',
          `the database's row ${row.id} of ${name} can't be read: restore a backup`,
          { cause },
        );
      }
    },
  };
}

const attribute = z.object({
  value: z.union([z.string(), z.number(), z.boolean()]),
  updatedAt: z.number(),
  expiresAt: z.number().optional(),
  comment: z.string(),
});

const identitySchema = z.object({
  issuer: z.string(),
  subject: z.string(),
  provider: z.string(),
  email: z.string().optional(),
  pictureUrl: z.string().optional(),
  groups: z.array(z.string()),
  claimsAt: z.number(),
  lastLoginAt: z.number(),
}) as z.ZodType<UserIdentity>;

export const tables: { readonly [K in Kind]: Table<Records[K]> } = {
  user: table('users', {
    id: int('id'),
    name: text('name'),
    displayName: text('display_name'),
    createdAt: real('created_at'),
    role: oneOf('role', ROLES),
    approvedAt: optional(real('approved_at')),
    identity: optional(json('identity', identitySchema)),
    suspendedAt: optional(real('suspended_at')),
    suspendedBy: optional(oneOf('suspended_by', SUSPENDERS)),
  }),
  node: table('nodes', {
    id: int('id'),
    machineKey: parsed('machine_key', parseMachineKey),
    nodeKey: parsed('node_key', parseNodeKey),
    discoKey: optional(parsed('disco_key', parseDiscoKey)),
    userId: optional(int('user_id')),
    tags: strings('tags'),
    hostname: text('hostname'),
    givenName: text('given_name'),
    givenNameLocked: flag('given_name_locked'),
    ipv4: text('ipv4'),
    ipv6: text('ipv6'),
    registerMethod: oneOf('register_method', REGISTER_METHODS),
    authKeyId: optional(int('auth_key_id')),
    ephemeral: flag('ephemeral'),
    expiry: optional(real('expiry')),
    createdAt: real('created_at'),
    lastSeen: optional(real('last_seen')),
    hostinfo: json('host_info', hostinfo),
    endpoints: strings('endpoints'),
    endpointTypes: json('endpoint_types', z.array(z.number())),
    homeDerp: int('home_derp'),
    capver: int('capver'),
    approvedRoutes: strings('approved_routes'),
    approvedAt: optional(real('approved_at')),
    disabledAt: optional(real('disabled_at')),
    keyExpiryDisabled: flag('key_expiry_disabled'),
    attributes: json('attributes', z.record(z.string(), attribute)),
    routePriority: optional(int('route_priority')),
    createdBy: text('created_by'),
  }),
  authKey: table('auth_keys', {
    id: int('id'),
    prefix: text('prefix'),
    hash: blob('hash'),
    userId: optional(int('user_id')),
    tags: strings('tags'),
    reusable: flag('reusable'),
    ephemeral: flag('ephemeral'),
    isPreapproved: flag('is_preapproved'),
    maxUses: optional(int('max_uses')),
    useCount: int('use_count'),
    createdAt: real('created_at'),
    expiresAt: optional(real('expires_at')),
    usedAt: optional(real('used_at')),
    revokedAt: optional(real('revoked_at')),
    description: text('description'),
    ipv4: optional(text('ipv4')),
    ipv6: optional(text('ipv6')),
    hostname: optional(text('hostname')),
    createdBy: text('created_by'),
  }),
  adminCode: table('admin_codes', {
    id: int('id'),
    hash: blob('hash'),
    purpose: oneOf('purpose', CODE_PURPOSES),
    userId: int('user_id'),
    createdAt: real('created_at'),
    expiresAt: real('expires_at'),
    usedAt: optional(real('used_at')),
  }),
  grant: table('oidc_grants', {
    id: int('id'),
    sealedToken: blob('sealed_token'),
    checkedAt: real('checked_at'),
  }),
  apiKey: table('api_keys', {
    id: int('id'),
    kind: oneOf('kind', ['api', 'client', 'token']),
    prefix: text('prefix'),
    hash: blob('hash'),
    userId: optional(int('user_id')),
    clientId: optional(int('client_id')),
    scopes: strings('scopes'),
    tags: strings('tags'),
    description: text('description'),
    createdAt: real('created_at'),
    expiresAt: optional(real('expires_at')),
    lastUsedAt: optional(real('last_used_at')),
    revokedAt: optional(real('revoked_at')),
    createdBy: text('created_by'),
  }),
  session: table('sessions', {
    id: int('id'),
    idHash: blob('id_hash'),
    userId: int('user_id'),
    createdAt: real('created_at'),
    authAt: real('auth_at'),
    lastUsedAt: real('last_used_at'),
    expiresAt: real('expires_at'),
    address: text('address'),
    userAgent: text('user_agent'),
  }),
  passkey: table('passkeys', {
    id: int('id'),
    userId: int('user_id'),
    credentialId: text('credential_id'),
    publicKey: blob('public_key'),
    signCount: int('sign_count'),
    transports: strings('transports'),
    name: text('name'),
    createdAt: real('created_at'),
    lastUsedAt: optional(real('last_used_at')),
  }),
  policy: table('policies', {
    id: int('id'),
    text: text('text'),
    sha256: text('sha256'),
    author: text('author'),
    comment: text('comment'),
    createdAt: real('created_at'),
  }),
  dnsRecord: table('dns_records', {
    id: int('id'),
    name: text('name'),
    type: oneOf('type', ['A', 'AAAA', 'CNAME', 'TXT', 'SRV']),
    value: text('value'),
    comment: text('comment'),
    createdAt: real('created_at'),
  }),
  webhook: table('webhooks', {
    id: int('id'),
    url: text('url'),
    provider: text('provider'),
    subscriptions: strings('subscriptions'),
    sealedSecret: blob('sealed_secret'),
    createdBy: text('created_by'),
    createdAt: real('created_at'),
    updatedAt: real('updated_at'),
    disabledAt: optional(real('disabled_at')),
    previousSecret: optional(blob('previous_secret')),
    previousUntil: optional(real('previous_until')),
  }),
  delivery: table('webhook_deliveries', {
    id: int('id'),
    webhookId: int('webhook_id'),
    events: strings('events'),
    body: text('body'),
    createdAt: real('created_at'),
    attempts: int('attempts'),
    nextAt: optional(real('next_at')),
    deliveredAt: optional(real('delivered_at')),
    status: optional(int('status')),
    problem: optional(text('problem')),
  }),
  freedAddress: table('freed_addresses', {
    id: int('id'),
    address: text('address'),
    until: real('until'),
  }),
  sshCheck: table('ssh_checks', {
    id: int('id'),
    source: int('source'),
    destination: int('destination'),
    login: text('login'),
    userId: int('user_id'),
    at: real('at'),
    sourceKey: parsed('source_key', parseNodeKey),
    rules: text('rules'),
  }),
};

export const KINDS = Object.keys(tables) as readonly Kind[];
