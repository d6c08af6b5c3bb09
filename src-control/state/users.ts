/** Users as administrators see them: made, renamed, given a role, approved, suspended and restored. */
import { RhumbError } from '#shared/errors.ts';
import type { Actor, AuditEntry, NodeRecord, Role, UserRecord, Write } from '../store/records.ts';
import { endCodesOf } from './admin-codes.ts';
import { type Change, nodeChange, What } from './changes.ts';
import { parseUserName } from './names.ts';
import { isExpired, type Network } from './network.ts';
import { endSessionsOf } from './sessions.ts';
import { isActive } from './user-state.ts';

/** Stands for the owner of tagged machines on the wire; the number is the one that Headscale gives it. */
export const TAGGED_DEVICES: UserRecord = {
  id: 2_147_455_555,
  name: 'tagged-devices',
  displayName: 'Tagged Devices',
  createdAt: 0,
  role: 'member',
  approvedAt: 0,
};

/** Who a machine belongs to, as others see it. */
export const ownerOf = (network: Network, record: NodeRecord): UserRecord | undefined =>
  record.userId === undefined ? TAGGED_DEVICES : network.user(record.userId);

/** What machines show of a user. */
export const loginName = (user: UserRecord): string => user.identity?.email ?? user.name;

export const isTaken = (network: Network, name: string): boolean =>
  network.userByName(name) !== undefined || name === TAGGED_DEVICES.name;

export async function createUser(
  network: Network,
  name: string,
  displayName: string,
  nowMs: number,
  by: Actor,
  role: Role = 'member',
): Promise<UserRecord> {
  const { value, writes, audit } = newUser(network, { name, displayName, role }, nowMs, by);
  await network.save({ writes, changes: [{ kind: 'user', id: value.id }], audit });
  return value;
}

/** For a save that does more than that. */
export function newUser(
  network: Network,
  facts: Pick<UserRecord, 'name' | 'displayName' | 'role'>,
  nowMs: number,
  by: Actor,
): { readonly value: UserRecord; readonly writes: readonly Write[]; readonly audit: readonly AuditEntry[] } {
  parseUserName(facts.name);
  if (isTaken(network, facts.name)) throw new RhumbError('conflict', `user "${facts.name}" exists already`);
  const { id, write } = network.nextId('user');
  const value: UserRecord = {
    ...{ ...facts, id },
    displayName: facts.displayName || facts.name,
    createdAt: nowMs,
    approvedAt: nowMs,
  };
  return {
    value,
    writes: [write, { put: 'user', value }],
    audit: [userEntry('create', value, nowMs, by, { new: `role ${facts.role}` })],
  };
}

export async function renameUser(
  network: Network,
  user: UserRecord,
  facts: { readonly name?: string | undefined; readonly displayName?: string | undefined },
  nowMs: number,
  by: Actor,
): Promise<UserRecord> {
  const name = facts.name ?? user.name;
  if (name !== user.name) {
    parseUserName(name);
    if (isTaken(network, name)) throw new RhumbError('conflict', `user "${name}" exists already`);
  }
  const displayName = facts.displayName ?? (user.displayName === user.name ? name : user.displayName);
  const value = { ...user, name, displayName };
  const change = { property: 'name', old: user.name, new: name };
  await put(network, value, [userEntry('update', value, nowMs, by, change)], shownElsewhere(network, value));
  return value;
}

/** Machines show whose they and their peers are. */
const shownElsewhere = (network: Network, user: UserRecord): readonly Change[] =>
  [...network.nodes()]
    .filter(({ record }) => record.userId === user.id)
    .map(({ record }) => nodeChange(record.id, What.Tags));

export const owners = (network: Network): readonly UserRecord[] =>
  [...network.users()].filter((user) => user.role === 'owner' && isActive(user));

const isLastOwner = (network: Network, user: UserRecord): boolean =>
  user.role === 'owner' && owners(network).every(({ id }) => id === user.id);

export async function setRole(
  network: Network,
  user: UserRecord,
  role: Role,
  nowMs: number,
  by: Actor,
): Promise<UserRecord> {
  if (user.role === role) return user;
  refuseLastOwner(network, user, 'make somebody else owner first');
  const value = { ...user, role };
  const change = { property: 'role', old: user.role, new: role };
  await network.save({
    // Whoever is signed in with other rights proves again who they are.
    writes: [{ put: 'user', value }, ...endSessionsOf(network, user.id), ...endCodesOf(network, user.id)],
    changes: [{ kind: 'user', id: user.id }, ...shownElsewhere(network, user)],
    audit: [userEntry('update', value, nowMs, by, change)],
  });
  return value;
}

export function refuseLastOwner(network: Network, user: UserRecord, what: string): void {
  if (isLastOwner(network, user))
    throw new RhumbError('conflict', `${user.name} is the only owner of this network: ${what}`);
}

export async function approveUser(
  network: Network,
  user: UserRecord,
  nowMs: number,
  by: Actor,
): Promise<UserRecord> {
  if (user.approvedAt !== undefined) return user;
  const value = { ...user, approvedAt: nowMs };
  await put(network, value, [userEntry('approve', value, nowMs, by)]);
  return value;
}

/**
 * No sign-in and no new machines from now on, and those there are end at `endsAt` unless they end earlier; all of it is
 * one save. The number is of machines.
 */
export async function suspendUser(
  network: Network,
  user: UserRecord,
  how: { readonly endsAt: number; readonly by: 'provider' | 'admin'; readonly why?: string },
  nowMs: number,
  by: Actor,
): Promise<number> {
  if (how.by === 'admin') refuseLastOwner(network, user, 'make somebody else owner first');
  // A sign-in undoes what a provider did: what an administrator did stays theirs.
  const suspendedBy = user.suspendedAt !== undefined && user.suspendedBy === 'admin' ? 'admin' : how.by;
  const value: UserRecord = { ...user, suspendedAt: nowMs, suspendedBy };
  const ended = [...network.nodes()]
    .map(({ record }) => record)
    .filter((record) => record.userId === user.id && !isExpired(record, how.endsAt));
  await network.save({
    writes: [
      { put: 'user', value },
      ...(network.grantOf(user.id) === undefined ? [] : [{ remove: 'grant', id: user.id } as const]),
      ...endSessionsOf(network, user.id),
      ...endCodesOf(network, user.id),
      ...ended.map((record) => ({ put: 'node', value: { ...record, expiry: how.endsAt } }) as const),
    ],
    changes: [...ended.map(({ id }) => nodeChange(id, What.Whole)), { kind: 'user', id: user.id }],
    audit: [
      {
        ...userEntry('suspend', value, nowMs, by),
        details: how.why ?? `${ended.length} machines signed out`,
      },
    ],
  });
  return ended.length;
}

/** The user may sign in again; their machines do so each. */
export async function restoreUser(
  network: Network,
  user: UserRecord,
  nowMs: number,
  by: Actor,
): Promise<UserRecord> {
  if (user.suspendedAt === undefined) return user;
  const value = { ...user, suspendedAt: undefined, suspendedBy: undefined };
  await put(network, value, [userEntry('restore', value, nowMs, by)]);
  return value;
}

async function put(
  network: Network,
  value: UserRecord,
  audit: readonly AuditEntry[],
  changes: readonly Change[] = [],
): Promise<void> {
  await network.save({
    writes: [{ put: 'user', value }],
    changes: [{ kind: 'user', id: value.id }, ...changes],
    audit,
  });
}

export const userEntry = (
  action: string,
  user: UserRecord,
  at: number,
  actor: Actor,
  change: { readonly property?: string; readonly old?: string; readonly new?: string } = {},
): AuditEntry => ({
  ...{ at, actor, action },
  target: {
    type: 'user',
    id: String(user.id),
    name: user.name,
    ...(change.property === undefined ? {} : { property: change.property }),
  },
  ...(change.old === undefined ? {} : { old: change.old }),
  ...(change.new === undefined ? {} : { new: change.new }),
});
