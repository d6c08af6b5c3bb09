/** Calls about keys of programs that speak to the admin API. */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { formatTime } from '#shared/wire/scalars.ts';
import { mintSecret } from '../auth/secrets.ts';
import { addApiKey, expireApiKey, isUsable, removeApiKey } from '../state/api-keys.ts';
import type { Network } from '../state/network.ts';
import type { ApiKeyRecord } from '../store/records.ts';
import { description, name, nothing, scopes, spanMs } from './args.ts';
import { defineCall } from './call.ts';
import type { Caller } from './caller.ts';
import type { AdminDeps } from './deps.ts';
import { findUser } from './find.ts';
import { grantableScopes } from './minting.ts';
import { grants } from './scopes.ts';
import { timeJson } from './time-json.ts';
import { refuseAbove } from './users.ts';

/** How long a key works when nothing is said (coordination-server.md §2.3). */
const USUAL_MS = 90 * 86_400_000;

export interface ApiKeyJson {
  readonly id: number;
  /** The whole key when it has just been made, later only its public beginning. */
  readonly key: string;
  readonly prefix: string;
  /** Name of the user whom it belongs to; null = nobody's. */
  readonly user: string | null;
  readonly scopes: readonly string[];
  readonly description: string;
  /** Null = never. */
  readonly expiration: string | null;
  readonly valid: boolean;
  readonly last_used_at: string | null;
  readonly created_at: string;
  readonly created_by: string;
}

export const apiKeyJson = (deps: AdminDeps, key: ApiKeyRecord): ApiKeyJson => ({
  id: key.id,
  key: `rhkey-api-${key.prefix}-***`,
  prefix: key.prefix,
  user: key.userId === undefined ? null : (deps.network.user(key.userId)?.name ?? null),
  scopes: key.scopes,
  description: key.description,
  expiration: timeJson(key.expiresAt),
  valid: isUsable(deps.network, key, deps.clock.now()),
  last_used_at: timeJson(key.lastUsedAt),
  created_at: formatTime(key.createdAt),
  created_by: key.createdBy,
});

/** Of one kind, by id, by its public part, or by the whole secret. */
export function findSecret(network: Network, kind: 'api' | 'client', text: string): ApiKeyRecord | undefined {
  const prefix = /^(?:rhkey-(?:api|client)-)?([0-9A-Za-z]{12})(?:-|$)/.exec(text)?.[1];
  const byPrefix = prefix === undefined ? undefined : network.apiKeys.find('prefix', prefix);
  const found = byPrefix ?? (/^\d{1,15}$/.test(text) ? network.apiKeys.get(Number(text)) : undefined);
  return found?.kind === kind ? found : undefined;
}

export function findApiKey(network: Network, text: string): ApiKeyRecord {
  const key = findSecret(network, 'api', text);
  if (key === undefined) throw new RhumbError('not-found', 'no such API key: see apikeys list');
  return key;
}

const newKey = z.strictObject({
  /** Whose it is: it can do no more than this user. Without one, whoever asks; a key of nobody stays nobody's. */
  user: name.optional(),
  scopes: scopes.min(1).optional(),
  description: description.optional(),
  expirationMs: spanMs.optional(),
});

function ownerOf(deps: AdminDeps, wanted: string | undefined, by: Caller): number | undefined {
  if (wanted === undefined) return by.userId;
  const user = findUser(deps.network, wanted);
  // The audit log would say that somebody else did what is done with it.
  if (user.id !== by.userId && !grants(by.scopes, 'all'))
    throw new RhumbError('not-allowed', `not allowed to make a key of ${user.name}`);
  // With a key of an owner somebody could make owners.
  if (user.id !== by.userId) refuseAbove(deps, by, user.role);
  return user.id;
}

export const apiKeyCalls = {
  'apikeys.create': defineCall({
    arg: newKey,
    scope: 'api_access_tokens',
    run: async (deps, arg, by): Promise<ApiKeyJson> => {
      if (by.tags !== undefined)
        throw new RhumbError('not-allowed', 'a program bound to tags can make auth keys, not API keys');
      const minted = mintSecret('api');
      const createdAt = deps.clock.now();
      const lifeMs = arg.expirationMs ?? USUAL_MS;
      const record = await addApiKey(
        deps.network,
        {
          ...{ kind: 'api', prefix: minted.prefix, hash: minted.hash, tags: [], createdAt },
          userId: ownerOf(deps, arg.user, by),
          scopes: grantableScopes(by, arg.scopes ?? by.scopes),
          description: arg.description ?? '',
          expiresAt: lifeMs === 0 ? undefined : createdAt + lifeMs,
        },
        by,
      );
      return { ...apiKeyJson(deps, record), key: minted.text };
    },
  }),
  'apikeys.list': defineCall({
    arg: nothing,
    scope: 'api_access_tokens:read',
    run: async (deps) =>
      [...deps.network.apiKeys.values()]
        .filter(({ kind }) => kind === 'api')
        .map((key) => apiKeyJson(deps, key)),
  }),
  'apikeys.expire': defineCall({
    arg: z.strictObject({ key: name }),
    scope: 'api_access_tokens',
    run: async (deps, { key }, by) => {
      const record = findApiKey(deps.network, key);
      await expireApiKey(deps.network, record, deps.clock.now(), by);
      return apiKeyJson(deps, deps.network.apiKeys.get(record.id) ?? record);
    },
  }),
  'apikeys.delete': defineCall({
    arg: z.strictObject({ key: name }),
    scope: 'api_access_tokens',
    run: async (deps, { key }, by) => {
      const record = findApiKey(deps.network, key);
      await removeApiKey(deps.network, record, deps.clock.now(), by);
      return { ...apiKeyJson(deps, record), valid: false };
    },
  }),
};
