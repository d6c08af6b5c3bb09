/** Secrets of programs that speak to the admin API: keys, OAuth clients and the tokens these are given. */
import { RhumbError } from '#shared/errors.ts';
import type { Actor, ApiKeyRecord, AuditEntry, Write } from '../store/records.ts';
import type { Network } from './network.ts';
import { isActive } from './user-state.ts';

/** Written no more often than this: asking must not cost a write each time. */
const TOUCH_MS = 60_000;
/** Of one client at once: each lives for an hour, and a program needs one. */
const MAX_TOKENS = 256;
/** How long a token that is over stays on record. */
const KEEP_TOKENS_MS = 3_600_000;

export type NewApiKey = Pick<
  ApiKeyRecord,
  'kind' | 'prefix' | 'hash' | 'scopes' | 'tags' | 'description' | 'createdAt' | 'expiresAt'
> &
  Partial<Pick<ApiKeyRecord, 'userId' | 'clientId'>>;

/** Whether it opens anything now: it, the client it came from, and the user it belongs to. */
export function isUsable(network: Network, key: ApiKeyRecord, nowMs: number): boolean {
  if (key.revokedAt !== undefined || (key.expiresAt !== undefined && key.expiresAt <= nowMs)) return false;
  if (key.clientId !== undefined) {
    const client = network.apiKeys.get(key.clientId);
    if (client === undefined || !isUsable(network, client, nowMs)) return false;
  }
  if (key.userId === undefined) return true;
  const user = network.user(key.userId);
  return user !== undefined && isActive(user);
}

export async function addApiKey(network: Network, key: NewApiKey, by: Actor): Promise<ApiKeyRecord> {
  const { id, write } = network.nextId('apiKey');
  const value: ApiKeyRecord = {
    ...{ userId: undefined, clientId: undefined, lastUsedAt: undefined, revokedAt: undefined },
    ...{ createdBy: by.name, ...key, id },
  };
  await network.save({
    writes: [...tidy(network, value), write, { put: 'apiKey', value }],
    audit: [{ ...entryFor(value, 'create', value.createdAt, by), new: factsOf(value) }],
  });
  return value;
}

/** Room for a token among those of its client. */
function tidy(network: Network, fresh: ApiKeyRecord): readonly Write[] {
  if (fresh.kind !== 'token') return [];
  const now = fresh.createdAt;
  const tokens = [...network.apiKeys.values()].filter(({ kind }) => kind === 'token');
  const own = tokens.filter(({ clientId }) => clientId === fresh.clientId);
  if (own.filter((one) => isUsable(network, one, now)).length >= MAX_TOKENS)
    throw new RhumbError('unavailable', 'this client has too many tokens: use each for the hour it lives');
  return tokens
    .filter(({ expiresAt }) => expiresAt !== undefined && expiresAt + KEEP_TOKENS_MS < now)
    .map(({ id }) => ({ remove: 'apiKey', id }));
}

export type ClientFacts = Pick<ApiKeyRecord, 'scopes' | 'tags' | 'description'>;

/** Tokens that the client has already end: they may hold what it now lacks. */
export async function changeClient(
  network: Network,
  client: ApiKeyRecord,
  facts: ClientFacts,
  nowMs: number,
  by: Actor,
): Promise<ApiKeyRecord> {
  const value = { ...client, ...facts };
  await network.save({
    writes: [{ put: 'apiKey', value }, ...tokensOf(network, client).map(removal)],
    audit: [{ ...entryFor(value, 'update', nowMs, by), old: factsOf(client), new: factsOf(value) }],
  });
  return value;
}

/** From now on it opens nothing; it stays on record. */
export async function expireApiKey(
  network: Network,
  key: ApiKeyRecord,
  nowMs: number,
  by: Actor,
): Promise<void> {
  if (key.revokedAt !== undefined || (key.expiresAt !== undefined && key.expiresAt <= nowMs)) return;
  const value = { ...key, expiresAt: nowMs };
  await network.save({
    writes: [{ put: 'apiKey', value }, ...tokensOf(network, key).map(removal)],
    audit: [entryFor(key, 'expire', nowMs, by)],
  });
}

/** Forgets it, and every token that it was given. */
export async function removeApiKey(
  network: Network,
  key: ApiKeyRecord,
  nowMs: number,
  by: Actor,
): Promise<void> {
  await network.save({
    writes: [...tokensOf(network, key).map(removal), removal(key)],
    audit: [entryFor(key, 'delete', nowMs, by)],
  });
}

export async function touchApiKey(network: Network, key: ApiKeyRecord, nowMs: number): Promise<void> {
  if (key.lastUsedAt !== undefined && Math.abs(nowMs - key.lastUsedAt) < TOUCH_MS) return;
  await network.save({ writes: [{ put: 'apiKey', value: { ...key, lastUsedAt: nowMs } }], pace: 'lazy' });
}

const tokensOf = (network: Network, key: ApiKeyRecord): readonly ApiKeyRecord[] =>
  key.kind === 'client' ? [...network.apiKeys.values()].filter(({ clientId }) => clientId === key.id) : [];

const removal = ({ id }: ApiKeyRecord) => ({ remove: 'apiKey', id }) as const satisfies Write;

const NOUN = { api: 'api-key', client: 'oauth-client', token: 'oauth-token' } as const;

const entryFor = (key: ApiKeyRecord, action: string, at: number, actor: Actor): AuditEntry => ({
  ...{ at, actor, action },
  target: { type: NOUN[key.kind], id: String(key.id), name: key.description || key.prefix },
});

const factsOf = ({ userId, scopes, tags, description, expiresAt }: ApiKeyRecord): string =>
  JSON.stringify({ userId, scopes, tags, description, expiresAt });
