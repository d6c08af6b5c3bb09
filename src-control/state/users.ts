/** Users, auth keys and one-time codes: what administrators make. */
import { RhumbError } from '#shared/errors.ts';
import type { AdminCodeRecord, AuthKeyRecord, UserRecord, Write } from '../store/records.ts';
import { parseUserName } from './names.ts';
import type { Network } from './network.ts';

/** How long a code that is over stays on record. */
const KEEP_CODES_MS = 24 * 3_600_000;

export async function createUser(
  network: Network,
  name: string,
  displayName: string,
  nowMs: number,
): Promise<UserRecord> {
  parseUserName(name);
  if (network.userByName(name) !== undefined)
    throw new RhumbError('conflict', `user "${name}" exists already`);
  const { id, write } = network.nextId('user');
  const value = { id, name, displayName: displayName || name, createdAt: nowMs };
  await network.save({ writes: [write, { put: 'user', value }], changes: [{ kind: 'user', id }] });
  return value;
}

export type NewAuthKey = Omit<AuthKeyRecord, 'id' | 'usedAt'>;

export async function addAuthKey(network: Network, key: NewAuthKey): Promise<AuthKeyRecord> {
  const { id, write } = network.nextId('authKey');
  const value = { ...key, id, usedAt: undefined };
  await network.save({ writes: [write, { put: 'authKey', value }] });
  return value;
}

/** From now on the key lets nobody in; machines it let in stay. */
export async function expireAuthKey(network: Network, key: AuthKeyRecord, nowMs: number): Promise<void> {
  if (key.expiresAt !== undefined && key.expiresAt <= nowMs) return;
  await network.save({ writes: [{ put: 'authKey', value: { ...key, expiresAt: nowMs } }] });
}

export type NewAdminCode = Omit<AdminCodeRecord, 'id' | 'usedAt'>;

export async function addAdminCode(network: Network, code: NewAdminCode): Promise<AdminCodeRecord> {
  const { id, write } = network.nextId('adminCode');
  const value = { ...code, id, usedAt: undefined };
  const writes: Write[] = [write, { put: 'adminCode', value }];
  for (const old of network.adminCodes())
    if (old.expiresAt < code.createdAt - KEEP_CODES_MS) writes.push({ remove: 'adminCode', id: old.id });
  await network.save({ writes });
  return value;
}

export async function useAdminCode(network: Network, code: AdminCodeRecord, nowMs: number): Promise<void> {
  await network.save({ writes: [{ put: 'adminCode', value: { ...code, usedAt: nowMs } }] });
}
