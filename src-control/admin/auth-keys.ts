/** Calls about keys that let machines in without asking. */
import { z } from 'zod';
import { formatTime } from '#shared/wire/scalars.ts';
import { mintAuthKey } from '../auth/secrets.ts';
import { addAuthKey, expireAuthKey } from '../state/users.ts';
import type { AuthKeyRecord } from '../store/records.ts';
import { name, spanMs } from './args.ts';
import { defineCall } from './call.ts';
import type { AdminDeps } from './deps.ts';
import { findAuthKey, findUser } from './find.ts';
import { timeJson } from './time-json.ts';
import { ownerJson, type UserJson } from './users.ts';

export interface AuthKeyJson {
  readonly id: number;
  /** The whole key when it has just been made, later only its public beginning. */
  readonly key: string;
  /** `tagged-devices` when its machines belong to their tags alone. */
  readonly user: UserJson;
  readonly reusable: boolean;
  readonly ephemeral: boolean;
  readonly used: boolean;
  /** Null = never. */
  readonly expiration: string | null;
  readonly expired: boolean;
  readonly created_at: string;
}

export const authKeyJson = (deps: AdminDeps, key: AuthKeyRecord): AuthKeyJson => ({
  id: key.id,
  key: `rhkey-auth-${key.prefix}-***`,
  user: ownerJson(deps.network, key.userId),
  reusable: key.reusable,
  ephemeral: key.ephemeral,
  used: key.usedAt !== undefined,
  expiration: timeJson(key.expiresAt),
  expired: key.expiresAt !== undefined && key.expiresAt <= deps.clock.now(),
  created_at: formatTime(key.createdAt),
});

export const authKeyCalls = {
  'preauthkeys.create': defineCall({
    arg: z.strictObject({ user: name, reusable: z.boolean(), ephemeral: z.boolean(), expirationMs: spanMs }),
    scope: 'auth_keys',
    run: async (deps, arg) => {
      const owner = findUser(deps.network, arg.user);
      const minted = mintAuthKey();
      const createdAt = deps.clock.now();
      const record = await addAuthKey(deps.network, {
        prefix: minted.prefix,
        hash: minted.hash,
        userId: owner.id,
        reusable: arg.reusable,
        ephemeral: arg.ephemeral,
        createdAt,
        expiresAt: arg.expirationMs === 0 ? undefined : createdAt + arg.expirationMs,
      });
      return { ...authKeyJson(deps, record), key: minted.text };
    },
  }),
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
  'preauthkeys.expire': defineCall({
    arg: z.strictObject({ key: name }),
    scope: 'auth_keys',
    run: async (deps, { key }) => {
      const record = findAuthKey(deps.network, key);
      await expireAuthKey(deps.network, record, deps.clock.now());
      return authKeyJson(deps, findAuthKey(deps.network, String(record.id)));
    },
  }),
};
