/** Calls about people who own machines. */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { formatTime } from '#shared/wire/scalars.ts';
import type { Network } from '../state/network.ts';
import { deleteUser, type Machines } from '../state/user-removal.ts';
import {
  approveUser,
  createUser,
  renameUser,
  restoreUser,
  setRole,
  suspendUser,
  TAGGED_DEVICES,
} from '../state/users.ts';
import { ROLES, type Role, type UserRecord } from '../store/records.ts';
import { name, nothing } from './args.ts';
import { defineCall } from './call.ts';
import type { Caller } from './caller.ts';
import type { AdminDeps } from './deps.ts';
import { findUser } from './find.ts';
import { grants, ROLE_SCOPES } from './scopes.ts';
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

/** Who gives and takes roles must not reach above themselves: owners are made and touched by owners and on the server only. */
export function refuseAbove({ network }: AdminDeps, by: Caller, ...roles: readonly Role[]): void {
  if (by.origin === 'cli') return;
  const own = by.userId === undefined ? undefined : network.user(by.userId)?.role;
  const isAdmin = by.scopes.includes('all');
  if (roles.includes('owner') && !(isAdmin && own === 'owner'))
    throw new RhumbError('not-allowed', 'only an owner can do that to an owner, or make one');
  if (roles.includes('admin') && !isAdmin)
    throw new RhumbError('not-allowed', 'only an owner or administrator can do that to an administrator');
}

/** Whether the role holds nothing that the caller lacks. */
const isWithin = (by: Caller, given: Role): boolean =>
  ROLE_SCOPES[given].every((scope) => grants(by.scopes, scope));

function refuseToGive(deps: AdminDeps, by: Caller, given: Role): void {
  refuseAbove(deps, by, given);
  if (!isWithin(by, given))
    throw new RhumbError('not-allowed', `not allowed to make anybody ${given}: it may do what you may not`);
}

/** What a machine of somebody may reach, whoever lets it in may reach as well: none is made for those above, nor for anybody by a program with tags. */
export function refuseMachineFor(by: Caller, owner: UserRecord): void {
  if (by.tags !== undefined)
    throw new RhumbError('not-allowed', `machines of this key belong to its tags, not to ${owner.name}`);
  if (owner.id !== by.userId && !isWithin(by, owner.role))
    throw new RhumbError(
      'not-allowed',
      `not allowed to let machines in as ${owner.name}, whose role may do what you may not`,
    );
}

/** Any text comes in, and is told what would be right. */
const role = z.string().max(32).pipe(z.enum(ROLES));
const oneUser = z.strictObject({ user: name });

export const userCalls = {
  'users.create': defineCall({
    arg: z.strictObject({
      name,
      displayName: z.string().max(256).optional(),
      role: role.optional(),
    }),
    scope: 'users',
    run: async (deps, { name: text, displayName = '', role: first = 'member' }, by) => {
      refuseToGive(deps, by, first);
      return userJson(await createUser(deps.network, text, displayName, deps.clock.now(), by, first));
    },
  }),
  'users.list': defineCall({
    arg: nothing,
    scope: 'users:read',
    run: async ({ network }) => [...network.users()].map(userJson),
  }),
  'users.rename': defineCall({
    arg: z
      .strictObject({
        user: name,
        newName: name.optional(),
        displayName: z.string().min(1).max(256).optional(),
      })
      .refine((arg) => arg.newName !== undefined || arg.displayName !== undefined, 'say the new name'),
    scope: 'users',
    run: async (deps, { user, newName, displayName }, by) => {
      const found = findUser(deps.network, user);
      refuseAbove(deps, by, found.role);
      const facts = { name: newName, displayName };
      return userJson(await renameUser(deps.network, found, facts, deps.clock.now(), by));
    },
  }),
  'users.role': defineCall({
    arg: z.strictObject({ user: name, role }),
    scope: 'users',
    run: async (deps, { user, role: next }, by) => {
      const found = findUser(deps.network, user);
      refuseAbove(deps, by, found.role);
      refuseToGive(deps, by, next);
      return userJson(await setRole(deps.network, found, next, deps.clock.now(), by));
    },
  }),
  'users.approve': defineCall({
    arg: oneUser,
    scope: 'users',
    run: async ({ network, clock }, { user }, by) =>
      userJson(await approveUser(network, findUser(network, user), clock.now(), by)),
  }),
  'users.suspend': defineCall({
    arg: oneUser,
    scope: 'users',
    run: async (deps, { user }, by) => {
      const found = findUser(deps.network, user);
      refuseAbove(deps, by, found.role);
      const now = deps.clock.now();
      await suspendUser(deps.network, found, { endsAt: now, by: 'admin' }, now, by);
      return userJson(findUser(deps.network, String(found.name)));
    },
  }),
  'users.restore': defineCall({
    arg: oneUser,
    scope: 'users',
    run: async (deps, { user }, by) => {
      const found = findUser(deps.network, user);
      refuseAbove(deps, by, found.role);
      return userJson(await restoreUser(deps.network, found, deps.clock.now(), by));
    },
  }),
  'users.delete': defineCall({
    arg: z
      .strictObject({ user: name, force: z.boolean().optional(), moveTo: name.optional() })
      .refine((arg) => arg.force !== true || arg.moveTo === undefined, 'say force or moveTo, not both'),
    scope: 'users',
    run: async (deps, { user, force, moveTo }, by) => {
      const { network, clock } = deps;
      const found = findUser(network, user);
      refuseAbove(deps, by, found.role);
      const to = moveTo === undefined ? undefined : findUser(network, moveTo);
      if (to !== undefined) refuseMachineFor(by, to);
      const machines: Machines =
        to === undefined ? { kind: force === true ? 'delete' : 'refuse' } : { kind: 'move', to };
      await deleteUser(network, found, machines, clock.now(), by);
      return userJson(found);
    },
  }),
};
