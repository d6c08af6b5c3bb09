/** Keys that let machines in without asking: made, ended, revoked, forgotten. */
import type { Actor, AuditEntry, AuthKeyRecord, Write } from '../store/records.ts';
import type { Network } from './network.ts';

type Facts = 'prefix' | 'hash' | 'userId' | 'reusable' | 'ephemeral' | 'createdAt' | 'expiresAt';
export type NewAuthKey = Pick<AuthKeyRecord, Facts> & Partial<Omit<AuthKeyRecord, 'id' | Facts>>;

const ORDINARY = {
  ...{ tags: [], isPreapproved: false, maxUses: undefined, useCount: 0, usedAt: undefined },
  ...{ revokedAt: undefined, description: '', ipv4: undefined, ipv6: undefined, hostname: undefined },
} as const;

/** Why the key lets nobody in any more; undefined while it does. */
export function whyDead(key: AuthKeyRecord, nowMs: number): 'revoked' | 'expired' | 'used' | undefined {
  if (key.revokedAt !== undefined) return 'revoked';
  if (key.expiresAt !== undefined && key.expiresAt <= nowMs) return 'expired';
  const most = key.reusable ? key.maxUses : 1;
  const uses = Math.max(key.useCount, key.usedAt === undefined ? 0 : 1);
  return most !== undefined && uses >= most ? 'used' : undefined;
}

export async function addAuthKey(network: Network, key: NewAuthKey, by: Actor): Promise<AuthKeyRecord> {
  const { id, write } = network.nextId('authKey');
  const value: AuthKeyRecord = { ...ORDINARY, createdBy: by.name, ...key, id };
  await network.save({
    writes: [write, { put: 'authKey', value }],
    audit: [{ ...entryFor(value, 'create', value.createdAt, by), new: factsOf(value) }],
  });
  return value;
}

/** From now on the key lets nobody in; machines it let in stay. */
export async function expireAuthKey(
  network: Network,
  key: AuthKeyRecord,
  nowMs: number,
  by: Actor,
): Promise<void> {
  if (whyDead(key, nowMs) === 'revoked' || whyDead(key, nowMs) === 'expired') return;
  await put(network, { ...key, expiresAt: nowMs }, entryFor(key, 'expire', nowMs, by));
}

/** The same, said by somebody who wants it back; it stays on record for a while. */
export async function revokeAuthKey(
  network: Network,
  key: AuthKeyRecord,
  nowMs: number,
  by: Actor,
): Promise<void> {
  if (key.revokedAt !== undefined) return;
  await put(network, { ...key, revokedAt: nowMs }, entryFor(key, 'revoke', nowMs, by));
}

async function put(network: Network, value: AuthKeyRecord, entry: AuditEntry): Promise<void> {
  await network.save({ writes: [{ put: 'authKey', value }], audit: [entry] });
}

/** Forgets the key; machines it let in stay and no longer say by which. */
export async function removeAuthKey(
  network: Network,
  key: AuthKeyRecord,
  nowMs: number,
  by: Actor,
): Promise<void> {
  const writes: Write[] = [...network.nodes()]
    .map(({ record }) => record)
    .filter((record) => record.authKeyId === key.id)
    .map((record) => ({ put: 'node', value: { ...record, authKeyId: undefined } }));
  await network.save({
    writes: [...writes, { remove: 'authKey', id: key.id }],
    audit: [entryFor(key, 'delete', nowMs, by)],
  });
}

const entryFor = (key: AuthKeyRecord, action: string, at: number, actor: Actor): AuditEntry => ({
  ...{ at, actor, action },
  target: { type: 'auth-key', id: String(key.id), name: key.description || `rhkey-auth-${key.prefix}-***` },
});

const factsOf = ({ userId, tags, reusable, ephemeral, isPreapproved, maxUses, expiresAt }: AuthKeyRecord) =>
  JSON.stringify({ userId, tags, reusable, ephemeral, isPreapproved, maxUses, expiresAt });
