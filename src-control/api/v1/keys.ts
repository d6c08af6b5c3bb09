/** `/api/v1/preauthkey` and `/api/v1/apikey` (coordination-server.md §12). */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { findApiKey } from '../../admin/api-keys.ts';
import { tags } from '../../admin/args.ts';
import { type Asked, empty, endpoint } from '../endpoint.ts';
import { authKeyOf, id, maybeTime, spanUntil, userById } from './common.ts';
import { apiKey, apiKeyJson, preAuthKey, preAuthKeyJson } from './shapes.ts';

const authTag = 'v1 auth keys';
const apiTag = 'v1 API keys';

/** By its id or its prefix, not by both; a prefix may be masked as it is shown. */
function namedKey({ deps }: Asked, prefix: string | undefined, byId: string | undefined): string {
  const hasId = byId !== undefined && byId !== '' && byId !== '0';
  if (hasId && prefix) throw new RhumbError('bad-argument', 'provide either id or prefix, not both');
  const text = hasId ? byId : prefix?.replace(/-?\*+$/, '');
  if (!text) throw new RhumbError('bad-argument', 'must provide id or prefix');
  return findApiKey(deps.network, text).prefix;
}

export const v1KeyEndpoints = [
  endpoint({
    ...{ method: 'POST', path: '/api/v1/preauthkey', need: 'auth_keys', tag: authTag },
    summary: 'Make a key that lets machines in; it is shown once',
    body: z.object({
      user: id.optional(),
      reusable: z.boolean().optional(),
      ephemeral: z.boolean().optional(),
      expiration: maybeTime,
      aclTags: tags.nullish(),
    }),
    result: z.object({ preAuthKey }),
    run: async (asked, { body }) => {
      const { user, expiration } = body;
      const made = await asked.call('preauthkeys.create', {
        ...(user === undefined || user === '0' || user === '' ? {} : { user: userById(asked, user).name }),
        ...{ reusable: body.reusable ?? false, ephemeral: body.ephemeral ?? false },
        // There is no approval in Headscale: whoever makes a key with its API wants machines in.
        preapproved: true,
        tags: body.aclTags ?? [],
        expirationMs: expiration === undefined ? 0 : spanUntil(asked, expiration),
      });
      const record = authKeyOf(asked, String(made.id));
      return { preAuthKey: { ...preAuthKeyJson(asked.deps, record), key: made.key } };
    },
  }),
  endpoint({
    ...{ method: 'GET', path: '/api/v1/preauthkey', need: 'auth_keys:read', tag: authTag },
    summary: 'List keys that let machines in',
    query: z.object({ user: z.string().optional() }),
    result: z.object({ preAuthKeys: z.array(preAuthKey) }),
    run: async (asked, { query }) => {
      const wanted = query.user ? userById(asked, query.user).id : undefined;
      const keys = [...asked.deps.network.authKeys()].filter(
        ({ userId }) => wanted === undefined || userId === wanted,
      );
      return { preAuthKeys: keys.map((key) => preAuthKeyJson(asked.deps, key)) };
    },
  }),
  endpoint({
    ...{ method: 'POST', path: '/api/v1/preauthkey/expire', need: 'auth_keys', tag: authTag },
    ...{ summary: 'End a key that lets machines in', body: z.object({ id }), result: empty },
    run: async (asked, { body }) => {
      await asked.call('preauthkeys.expire', { key: String(authKeyOf(asked, body.id).id) });
      return {};
    },
  }),
  endpoint({
    ...{ method: 'DELETE', path: '/api/v1/preauthkey', need: 'auth_keys', tag: authTag },
    ...{ summary: 'Forget a key that lets machines in', query: z.object({ id }), result: empty },
    run: async (asked, { query }) => {
      await asked.call('preauthkeys.delete', { key: String(authKeyOf(asked, query.id).id) });
      return {};
    },
  }),
  endpoint({
    ...{ method: 'POST', path: '/api/v1/apikey', need: 'api_access_tokens', tag: apiTag },
    summary: 'Make an API key; it is shown once',
    body: z.object({ expiration: maybeTime }).optional(),
    result: z.object({ apiKey: z.string() }),
    run: async (asked, { body }) => {
      const at = body?.expiration;
      const arg = at === undefined ? {} : { expirationMs: spanUntil(asked, at) };
      return { apiKey: (await asked.call('apikeys.create', arg)).key };
    },
  }),
  endpoint({
    ...{ method: 'GET', path: '/api/v1/apikey', need: 'api_access_tokens:read', tag: apiTag },
    ...{ summary: 'List API keys', result: z.object({ apiKeys: z.array(apiKey) }) },
    run: async ({ deps }) => ({
      apiKeys: [...deps.network.apiKeys.values()].filter(({ kind }) => kind === 'api').map(apiKeyJson),
    }),
  }),
  endpoint({
    ...{ method: 'POST', path: '/api/v1/apikey/expire', need: 'api_access_tokens', tag: apiTag },
    ...{ summary: 'End an API key', result: empty },
    body: z.object({ prefix: z.string().max(128).optional(), id: id.optional() }),
    run: async (asked, { body }) => {
      await asked.call('apikeys.expire', { key: namedKey(asked, body.prefix, body.id) });
      return {};
    },
  }),
  endpoint({
    ...{ method: 'DELETE', path: '/api/v1/apikey/:prefix', need: 'api_access_tokens', tag: apiTag },
    ...{ summary: 'Forget an API key', result: empty },
    params: z.object({ prefix: z.string().max(128) }),
    run: async (asked, { params }) => {
      await asked.call('apikeys.delete', { key: namedKey(asked, params.prefix, undefined) });
      return {};
    },
  }),
];
