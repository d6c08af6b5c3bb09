/** Calls about people who own machines. */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { formatTime } from '#shared/wire/scalars.ts';
import type { Network } from '../state/network.ts';
import { createUser, TAGGED_DEVICES } from '../state/users.ts';
import type { UserRecord } from '../store/records.ts';
import { name, nothing } from './args.ts';
import { defineCall } from './call.ts';
import { timeJson } from './time-json.ts';

export interface UserJson {
  readonly id: number;
  readonly name: string;
  readonly display_name: string;
  /** As the provider vouches for it; null without one. */
  readonly email: string | null;
  /** Name of the identity provider; empty for users made here. */
  readonly provider: string;
  /** `issuer/subject`: who the user is there, for ever; empty without a provider. */
  readonly provider_id: string;
  readonly profile_pic_url: string;
  readonly groups: readonly string[];
  readonly role: string;
  /** False while the user waits for an administrator's yes. */
  readonly approved: boolean;
  /** The provider or an administrator refuses the user. */
  readonly suspended: boolean;
  readonly last_login_at: string | null;
  readonly created_at: string;
}

export const userJson = (user: UserRecord): UserJson => ({
  id: user.id,
  name: user.name,
  display_name: user.displayName,
  email: user.identity?.email ?? null,
  provider: user.identity?.provider ?? '',
  provider_id: user.identity === undefined ? '' : `${user.identity.issuer}/${user.identity.subject}`,
  profile_pic_url: user.identity?.pictureUrl ?? '',
  groups: user.identity?.groups ?? [],
  role: user.role,
  approved: user.approvedAt !== undefined,
  suspended: user.suspendedAt !== undefined,
  last_login_at: timeJson(user.identity?.lastLoginAt),
  created_at: formatTime(user.createdAt),
});

export function ownerJson(network: Network, id: number | undefined): UserJson {
  const user = id === undefined ? TAGGED_DEVICES : network.user(id);
  if (user === undefined) throw new RhumbError('internal', `user ${id} is missing`);
  return userJson(user);
}

export const userCalls = {
  'users.create': defineCall({
    arg: z.strictObject({ name, displayName: z.string().max(256).optional() }),
    scope: 'users',
    run: async ({ network, clock }, arg, by) =>
      userJson(await createUser(network, arg.name, arg.displayName ?? '', clock.now(), by)),
  }),
  'users.list': defineCall({
    arg: nothing,
    scope: 'users:read',
    run: async ({ network }) => [...network.users()].map(userJson),
  }),
};
