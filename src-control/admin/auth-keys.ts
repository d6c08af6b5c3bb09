/** Calls about keys that let machines in without asking. */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { formatTime } from '#shared/wire/scalars.ts';
import { mintAuthKey } from '../auth/secrets.ts';
import { addAuthKey, expireAuthKey, removeAuthKey, revokeAuthKey, whyDead } from '../state/auth-keys.ts';
import { parseLabel } from '../state/names.ts';
import type { AuthKeyRecord } from '../store/records.ts';
import { description, name, spanMs, tags } from './args.ts';
import { defineCall } from './call.ts';
import type { Caller } from './caller.ts';
import type { AdminDeps } from './deps.ts';
import { findAuthKey, findUser } from './find.ts';
import { assignableTags } from './minting.ts';
import { timeJson } from './time-json.ts';
import { ownerJson, refuseMachineFor, type UserJson } from './users.ts';

export interface AuthKeyJson {
  readonly id: number;
  /** The whole key when it has just been made, later only its public beginning. */
  readonly key: string;
  /** `tagged-devices` when its machines belong to their tags alone. */
  readonly user: UserJson;
  readonly tags: readonly string[];
  readonly reusable: boolean;
  readonly ephemeral: boolean;
  readonly preapproved: boolean;
  /** Null = any number when reusable, else one. */
  readonly max_uses: number | null;
  readonly uses: number;
  readonly used: boolean;
  /** Null = never. */
  readonly expiration: string | null;
  readonly expired: boolean;
  readonly revoked: boolean;
  /** Lets machines in as things are. */
  readonly valid: boolean;
  readonly description: string;
  /** What its machine is to have; null = whatever comes. */
  readonly ipv4: string | null;
  readonly ipv6: string | null;
  readonly hostname: string | null;
  readonly created_at: string;
  readonly created_by: string;
}

export const authKeyJson = (deps: AdminDeps, key: AuthKeyRecord): AuthKeyJson => ({
  id: key.id,
  key: `rhkey-auth-${key.prefix}-***`,
  user: ownerJson(deps.network, key.userId),
  tags: key.tags,
  reusable: key.reusable,
  ephemeral: key.ephemeral,
  preapproved: key.isPreapproved,
  max_uses: key.maxUses ?? null,
  uses: key.useCount,
  used: key.usedAt !== undefined,
  expiration: timeJson(key.expiresAt),
  expired: key.expiresAt !== undefined && key.expiresAt <= deps.clock.now(),
  revoked: key.revokedAt !== undefined,
  valid: whyDead(key, deps.clock.now()) === undefined,
  description: key.description,
  ipv4: key.ipv4 ?? null,
  ipv6: key.ipv6 ?? null,
  hostname: key.hostname ?? null,
  created_at: formatTime(key.createdAt),
  created_by: key.createdBy,
});

const newKey = z.strictObject({
  /** Without one the machines belong to the tags alone, or to whoever asks. */
  user: name.optional(),
  tags: tags.optional(),
  reusable: z.boolean(),
  ephemeral: z.boolean(),
  preapproved: z.boolean().optional(),
  maxUses: z.int().min(1).max(1_000_000).optional(),
  expirationMs: spanMs,
  description: description.optional(),
  ipv4: z.ipv4().optional(),
  ipv6: z.ipv6().optional(),
  hostname: z.string().min(1).max(63).optional(),
});

function ownerOf(deps: AdminDeps, arg: z.output<typeof newKey>, by: Caller): number | undefined {
  if (arg.user !== undefined) {
    const user = findUser(deps.network, arg.user);
    // With tags its machines are the tags' and not the user's.
    if (by.tags === undefined && (arg.tags ?? []).length === 0) refuseMachineFor(by, user);
    return user.id;
  }
  if ((arg.tags ?? []).length > 0) return undefined;
  // What a program with tags makes belongs to tags: it is nobody's user.
  if (by.userId !== undefined && by.tags === undefined) return by.userId;
  throw new RhumbError('bad-argument', 'say whose the machines will be: a user, tags, or both');
}

async function create(deps: AdminDeps, arg: z.output<typeof newKey>, by: Caller): Promise<AuthKeyJson> {
  const userId = ownerOf(deps, arg, by);
  const given = assignableTags(deps, by, arg.tags ?? []);
  if (by.tags !== undefined && given.length === 0)
    throw new RhumbError('not-allowed', `machines of this key must have tags: ${by.tags.join(', ')}`);
  if (arg.maxUses !== undefined && arg.maxUses > 1 && !arg.reusable)
    throw new RhumbError('bad-argument', 'a key that is not reusable works once: make it reusable');
  if (arg.hostname !== undefined) parseLabel(arg.hostname);
  // With an address it stays one machine: who comes with the key takes the place of who had it.
  if (arg.hostname !== undefined && arg.reusable && (arg.ipv4 ?? arg.ipv6) === undefined)
    throw new RhumbError(
      'bad-argument',
      'a fixed name is for one machine: make the key for one use, or give it an address too',
    );
  for (const address of [arg.ipv4, arg.ipv6])
    if (address !== undefined && !deps.network.addresses.holds(address))
      throw new RhumbError('bad-argument', `${address} is outside the network's prefixes (addresses)`);
  const minted = mintAuthKey();
  const createdAt = deps.clock.now();
  const record = await addAuthKey(
    deps.network,
    {
      ...{ prefix: minted.prefix, hash: minted.hash, userId, tags: given, createdAt },
      ...{ reusable: arg.reusable, ephemeral: arg.ephemeral, isPreapproved: arg.preapproved ?? false },
      ...{ maxUses: arg.maxUses, description: arg.description ?? '' },
      ...{ ipv4: arg.ipv4, ipv6: arg.ipv6, hostname: arg.hostname },
      expiresAt: arg.expirationMs === 0 ? undefined : createdAt + arg.expirationMs,
    },
    by,
  );
  return { ...authKeyJson(deps, record), key: minted.text };
}

type Ending = typeof expireAuthKey;

/** Does one thing to a key, and shows it as it was left or is. */
const ending =
  (end: Ending) =>
  async (deps: AdminDeps, { key }: { readonly key: string }, by: Caller): Promise<AuthKeyJson> => {
    const record = findAuthKey(deps.network, key);
    await end(deps.network, record, deps.clock.now(), by);
    return authKeyJson(deps, deps.network.authKey(record.id) ?? record);
  };

const which = z.strictObject({ key: name });

export const authKeyCalls = {
  'preauthkeys.create': defineCall({ arg: newKey, scope: 'auth_keys', run: create }),
  'preauthkeys.list': defineCall({
    arg: z.strictObject({ user: name.optional() }),
    scope: 'auth_keys:read',
    run: async (deps, { user }) => {
      const owner = user === undefined ? undefined : findUser(deps.network, user);
      return [...deps.network.authKeys()]
        .filter((key) => owner === undefined || key.userId === owner.id)
        .map((key) => authKeyJson(deps, key));
    },
  }),
  'preauthkeys.expire': defineCall({ arg: which, scope: 'auth_keys', run: ending(expireAuthKey) }),
  'preauthkeys.revoke': defineCall({ arg: which, scope: 'auth_keys', run: ending(revokeAuthKey) }),
  'preauthkeys.delete': defineCall({ arg: which, scope: 'auth_keys', run: ending(removeAuthKey) }),
};
