/** `/tailnet/{t}/keys`: auth keys, OAuth clients and API keys as one resource (coordination-server.md §13.3). */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { formatTime } from '#shared/wire/scalars.ts';
import { description, scopes, tags } from '../../admin/args.ts';
import { may } from '../../admin/caller.ts';
import type { Scope } from '../../admin/scopes.ts';
import { isUsable } from '../../state/api-keys.ts';
import { whyDead } from '../../state/auth-keys.ts';
import type { ApiKeyRecord, AuthKeyRecord } from '../../store/records.ts';
import { type Asked, empty, endpoint } from '../endpoint.ts';
import { checkTailnet, inTailnet, NO_TIME, timeOr } from './common.ts';

/** When nothing is said (coordination-server.md §4.2). */
const USUAL_SECONDS = 90 * 86_400;
const MAX_SECONDS = 90 * 86_400;

const capabilities = z.object({
  devices: z.object({
    create: z.object({
      reusable: z.boolean(),
      ephemeral: z.boolean(),
      preauthorized: z.boolean(),
      tags: z.array(z.string()),
    }),
  }),
});

const key = z
  .object({
    id: z.string(),
    keyType: z.enum(['auth', 'client', 'api']),
    key: z.string().optional(),
    description: z.string(),
    created: z.string(),
    updated: z.string(),
    expires: z.string(),
    revoked: z.string(),
    invalid: z.boolean(),
    expirySeconds: z.number().optional(),
    capabilities: capabilities.optional(),
    scopes: z.array(z.string()).optional(),
    tags: z.array(z.string()).optional(),
    userId: z.string().optional(),
  })
  .meta({ id: 'Key' });
type KeyJson = z.output<typeof key>;

function authKey({ deps }: Asked, record: AuthKeyRecord): KeyJson {
  return {
    id: `k${record.id}`,
    keyType: 'auth',
    description: record.description,
    created: formatTime(record.createdAt),
    updated: formatTime(record.createdAt),
    expires: timeOr(record.expiresAt, NO_TIME),
    revoked: timeOr(record.revokedAt, NO_TIME),
    invalid: whyDead(record, deps.clock.now()) !== undefined,
    ...lifetime(record),
    capabilities: {
      devices: {
        create: {
          reusable: record.reusable,
          ephemeral: record.ephemeral,
          preauthorized: record.isPreapproved,
          tags: [...record.tags],
        },
      },
    },
    tags: [...record.tags],
    ...(record.userId === undefined ? {} : { userId: String(record.userId) }),
  };
}

function apiKey({ deps }: Asked, record: ApiKeyRecord): KeyJson {
  return {
    id: record.prefix,
    keyType: record.kind === 'client' ? 'client' : 'api',
    description: record.description,
    created: formatTime(record.createdAt),
    updated: formatTime(record.createdAt),
    expires: timeOr(record.expiresAt, NO_TIME),
    revoked: timeOr(record.revokedAt, NO_TIME),
    invalid: !isUsable(deps.network, record, deps.clock.now()),
    ...lifetime(record),
    scopes: [...record.scopes],
    tags: [...record.tags],
    ...(record.userId === undefined ? {} : { userId: String(record.userId) }),
  };
}

const lifetime = ({ createdAt, expiresAt }: AuthKeyRecord | ApiKeyRecord) =>
  expiresAt === undefined ? {} : { expirySeconds: Math.round(Math.max(0, expiresAt - createdAt) / 1_000) };

type Found =
  | { readonly kind: 'auth'; readonly record: AuthKeyRecord }
  | { readonly kind: 'api' | 'client'; readonly record: ApiKeyRecord };

const AREA = { auth: 'auth_keys', client: 'oauth_keys', api: 'api_access_tokens' } as const;
const readScope = (kind: Found['kind']): Scope => `${AREA[kind]}:read`;

/** One that the caller may not see is as unknown as one that there is not. */
function find({ deps: { network }, by }: Asked, id: string, need: (kind: Found['kind']) => Scope): Found {
  const record = /^k?\d{1,15}$/.test(id) ? network.authKey(Number(id.replace('k', ''))) : undefined;
  if (record !== undefined && may(by, need('auth'))) return { kind: 'auth', record };
  const other = network.apiKeys.find('prefix', id);
  if (other !== undefined && other.kind !== 'token' && may(by, need(other.kind)))
    return { kind: other.kind, record: other };
  if (!(['auth', 'client', 'api'] as const).some((kind) => may(by, need(kind))))
    throw new RhumbError('not-allowed', `not allowed: this needs the scope ${need('auth')}`);
  throw new RhumbError('not-found', 'key not found');
}

const show = (asked: Asked, found: Found): KeyJson =>
  found.kind === 'auth' ? authKey(asked, found.record) : apiKey(asked, found.record);

/** Clients in Go send `null` where they have nothing. */
const maybeTags = tags.nullish().transform((list) => list ?? []);
const maybeText = description.nullish().transform((text) => text ?? '');
const flag = z
  .boolean()
  .nullish()
  .transform((value) => value ?? false);

const newKey = z.object({
  keyType: z.enum(['', 'auth', 'client', 'api']).optional(),
  capabilities: z
    .object({
      devices: z.object({
        create: z
          .object({ reusable: flag, ephemeral: flag, preauthorized: flag, tags: maybeTags })
          .optional(),
      }),
    })
    .nullish(),
  expirySeconds: z.int().min(0).max(MAX_SECONDS, 'a key lives for 90 days at most').nullish(),
  description: maybeText,
  scopes: scopes.nullish().transform((list) => list ?? []),
  tags: maybeTags,
});

async function create(asked: Asked, body: z.output<typeof newKey>): Promise<KeyJson> {
  if (body.keyType === 'client') {
    const { scopes, tags, description } = body;
    if (scopes.length === 0) throw new RhumbError('bad-argument', 'a client needs at least one scope');
    const made = await asked.call('oauth-clients.create', { scopes, tags, description });
    return {
      ...show(
        asked,
        find(asked, made.client_id, () => 'oauth_keys'),
      ),
      key: made.secret,
    };
  }
  const expirationMs = (body.expirySeconds || USUAL_SECONDS) * 1_000;
  if (body.keyType === 'api') {
    const { scopes, description } = body;
    const made = await asked.call('apikeys.create', {
      ...{ description, expirationMs },
      ...(scopes.length === 0 ? {} : { scopes }),
    });
    return {
      ...show(
        asked,
        find(asked, made.prefix, () => 'api_access_tokens'),
      ),
      key: made.key,
    };
  }
  const wanted = body.capabilities?.devices.create;
  const made = await asked.call('preauthkeys.create', {
    reusable: wanted?.reusable ?? false,
    ephemeral: wanted?.ephemeral ?? false,
    preapproved: wanted?.preauthorized ?? false,
    tags: [...(wanted?.tags ?? [])],
    description: body.description,
    expirationMs,
  });
  return {
    ...show(
      asked,
      find(asked, `k${made.id}`, () => 'auth_keys'),
    ),
    key: made.key,
  };
}

const keyParams = inTailnet.extend({ id: z.string() });
const common = { tag: 'Keys', need: 'open' } as const;

export const keyEndpoints = [
  endpoint({
    ...{ ...common, method: 'GET', path: '/api/v2/tailnet/:t/keys' },
    summary: 'List auth keys, OAuth clients and API keys',
    params: inTailnet,
    query: z.object({ all: z.string().optional() }),
    result: z.object({ keys: z.array(key) }),
    run: async (asked, { params, query }) => {
      checkTailnet(asked, params.t);
      const { network } = asked.deps;
      const kinds = (['auth', 'client', 'api'] as const).filter((kind) => may(asked.by, readScope(kind)));
      if (kinds.length === 0)
        throw new RhumbError('not-allowed', 'not allowed: this needs the scope auth_keys:read');
      const own = (userId: number | undefined): boolean =>
        // Without `all` a user's key sees that user's, as the public API does.
        query.all === 'true' || asked.by.userId === undefined || userId === asked.by.userId;
      const auth = kinds.includes('auth')
        ? [...network.authKeys()].filter(({ userId }) => own(userId)).map((one) => authKey(asked, one))
        : [];
      const others = [...network.apiKeys.values()].filter(
        ({ kind, userId }) => kind !== 'token' && kinds.includes(kind) && (kind === 'client' || own(userId)),
      );
      return { keys: [...auth, ...others.map((one) => apiKey(asked, one))] };
    },
  }),
  endpoint({
    ...{ ...common, method: 'POST', path: '/api/v2/tailnet/:t/keys' },
    summary: 'Make an auth key, an OAuth client or an API key',
    params: inTailnet,
    body: newKey,
    result: key,
    run: async (asked, { params, body }) => {
      checkTailnet(asked, params.t);
      return create(asked, body);
    },
  }),
  endpoint({
    ...{ ...common, method: 'GET', path: '/api/v2/tailnet/:t/keys/:id' },
    summary: 'Show a key',
    params: keyParams,
    result: key,
    run: async (asked, { params }) => {
      checkTailnet(asked, params.t);
      return show(asked, find(asked, params.id, readScope));
    },
  }),
  endpoint({
    ...{ ...common, method: 'PUT', path: '/api/v2/tailnet/:t/keys/:id' },
    summary: 'Change an OAuth client',
    params: keyParams,
    body: newKey,
    result: key,
    run: async (asked, { params, body }) => {
      checkTailnet(asked, params.t);
      const found = find(asked, params.id, (kind) => AREA[kind]);
      if (found.kind !== 'client')
        throw new RhumbError('bad-argument', 'only OAuth clients can be changed: make a new key instead');
      const { scopes, tags, description } = body;
      await asked.call('oauth-clients.update', { client: params.id, scopes, tags, description });
      return show(
        asked,
        find(asked, params.id, () => 'oauth_keys'),
      );
    },
  }),
  endpoint({
    ...{ ...common, method: 'DELETE', path: '/api/v2/tailnet/:t/keys/:id' },
    summary: 'Revoke an auth key (it stays on record), delete an OAuth client or an API key',
    params: keyParams,
    result: empty,
    run: async (asked, { params }) => {
      checkTailnet(asked, params.t);
      const found = find(asked, params.id, (kind) => AREA[kind]);
      if (found.kind === 'auth') await asked.call('preauthkeys.revoke', { key: String(found.record.id) });
      else if (found.kind === 'client') await asked.call('oauth-clients.delete', { client: params.id });
      else await asked.call('apikeys.delete', { key: params.id });
      return {};
    },
  }),
];
