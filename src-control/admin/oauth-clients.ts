/** Calls about OAuth clients: programs that ask for a token of an hour with less than they might have. */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { formatTime } from '#shared/wire/scalars.ts';
import { mintSecret } from '../auth/secrets.ts';
import { addApiKey, changeClient, isUsable, removeApiKey } from '../state/api-keys.ts';
import type { Network } from '../state/network.ts';
import type { ApiKeyRecord } from '../store/records.ts';
import { findSecret } from './api-keys.ts';
import { description, name, nothing, scopes, tags } from './args.ts';
import { defineCall } from './call.ts';
import type { Caller } from './caller.ts';
import type { AdminDeps } from './deps.ts';
import { assignableTags, grantableScopes } from './minting.ts';
import { needsTags } from './scopes.ts';
import { timeJson } from './time-json.ts';

export interface OauthClientJson {
  readonly id: number;
  /** What the program calls itself when it asks for a token. */
  readonly client_id: string;
  /** The whole secret when it has just been made, later only its public beginning. */
  readonly secret: string;
  readonly scopes: readonly string[];
  readonly tags: readonly string[];
  readonly description: string;
  readonly valid: boolean;
  readonly last_used_at: string | null;
  readonly created_at: string;
  readonly created_by: string;
}

const clientJson = (deps: AdminDeps, client: ApiKeyRecord): OauthClientJson => ({
  id: client.id,
  client_id: client.prefix,
  secret: `rhkey-client-${client.prefix}-***`,
  scopes: client.scopes,
  tags: client.tags,
  description: client.description,
  valid: isUsable(deps.network, client, deps.clock.now()),
  last_used_at: timeJson(client.lastUsedAt),
  created_at: formatTime(client.createdAt),
  created_by: client.createdBy,
});

function findClient(network: Network, text: string): ApiKeyRecord {
  const client = findSecret(network, 'client', text);
  if (client === undefined) throw new RhumbError('not-found', 'no such OAuth client: see oauth-clients list');
  return client;
}

const facts = {
  scopes: scopes.min(1),
  tags: tags.optional(),
  description: description.optional(),
};
const newClient = z.strictObject(facts);

function granted(deps: AdminDeps, arg: z.output<typeof newClient>, by: Caller) {
  const held = grantableScopes(by, arg.scopes);
  const given = assignableTags(deps, by, arg.tags ?? []);
  if (needsTags(held) && given.length === 0)
    throw new RhumbError(
      'bad-argument',
      'a client with devices:core or auth_keys needs tags for its machines',
    );
  return { scopes: held, tags: given, description: arg.description ?? '' };
}

export const oauthClientCalls = {
  'oauth-clients.create': defineCall({
    arg: newClient,
    scope: 'oauth_keys',
    run: async (deps, arg, by): Promise<OauthClientJson> => {
      const { text, prefix, hash } = mintSecret('client');
      const createdAt = deps.clock.now();
      const client = { kind: 'client', prefix, hash, createdAt, expiresAt: undefined } as const;
      const record = await addApiKey(deps.network, { ...client, ...granted(deps, arg, by) }, by);
      return { ...clientJson(deps, record), secret: text };
    },
  }),
  'oauth-clients.update': defineCall({
    arg: z.strictObject({ client: name, ...facts }),
    scope: 'oauth_keys',
    run: async (deps, { client, ...arg }, by) => {
      const record = findClient(deps.network, client);
      const value = granted(deps, arg, by);
      return clientJson(deps, await changeClient(deps.network, record, value, deps.clock.now(), by));
    },
  }),
  'oauth-clients.list': defineCall({
    arg: nothing,
    scope: 'oauth_keys:read',
    run: async (deps) =>
      [...deps.network.apiKeys.values()]
        .filter(({ kind }) => kind === 'client')
        .map((client) => clientJson(deps, client)),
  }),
  'oauth-clients.delete': defineCall({
    arg: z.strictObject({ client: name }),
    scope: 'oauth_keys',
    run: async (deps, { client }, by) => {
      const record = findClient(deps.network, client);
      await removeApiKey(deps.network, record, deps.clock.now(), by);
      return { ...clientJson(deps, record), valid: false };
    },
  }),
};
