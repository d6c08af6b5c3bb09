/** Passkeys of users: several each, with names; added after a proof, counted at each use, removed by their owner or an administrator. */
import { RhumbError } from '#shared/errors.ts';
import type { Actor, AuditEntry, PasskeyRecord, UserRecord, Write } from '../store/records.ts';
import type { Network } from './network.ts';

const MAX_PER_USER = 20;
const MAX_NAME = 64;

/** For people to read, so nothing that steers a terminal or hides. */
export const cleanPasskeyName = (text: string): string =>
  text
    .replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, '')
    .trim()
    .slice(0, MAX_NAME);

export const passkeysOf = (network: Network, userId: number): readonly PasskeyRecord[] =>
  [...network.passkeys.values()].filter((one) => one.userId === userId);

export type NewPasskey = Pick<
  PasskeyRecord,
  'userId' | 'credentialId' | 'publicKey' | 'signCount' | 'transports' | 'name'
>;

export async function addPasskey(
  network: Network,
  fresh: NewPasskey,
  nowMs: number,
  by: Actor,
): Promise<PasskeyRecord> {
  const own = passkeysOf(network, fresh.userId);
  if (own.length >= MAX_PER_USER)
    throw new RhumbError('conflict', `there are ${MAX_PER_USER} passkeys already: remove one first`);
  if (network.passkeys.find('credentialId', fresh.credentialId) !== undefined)
    throw new RhumbError('conflict', 'this passkey is registered already');
  const { id, write } = network.nextId('passkey');
  const name = cleanPasskeyName(fresh.name) || `Passkey ${own.length + 1}`;
  const value: PasskeyRecord = { ...fresh, id, name, createdAt: nowMs, lastUsedAt: undefined };
  await network.save({
    writes: [write, { put: 'passkey', value }],
    audit: [entry('create', value, nowMs, by)],
  });
  return value;
}

export async function renamePasskey(
  network: Network,
  passkey: PasskeyRecord,
  text: string,
  nowMs: number,
  by: Actor,
): Promise<PasskeyRecord> {
  const name = cleanPasskeyName(text);
  if (name === '') throw new RhumbError('bad-argument', 'a passkey needs a name of at least one letter');
  const value = { ...passkey, name };
  const change = { property: 'name', old: passkey.name, new: name };
  await network.save({
    writes: [{ put: 'passkey', value }],
    audit: [entry('update', value, nowMs, by, change)],
  });
  return value;
}

/** A user whom no provider knows keeps at least one: without it, only an administrator's code would let them in again. */
export async function removePasskey(
  network: Network,
  user: UserRecord,
  passkey: PasskeyRecord,
  nowMs: number,
  by: Actor,
): Promise<void> {
  const isOwn = by.id === String(user.id);
  if (isOwn && user.identity === undefined && passkeysOf(network, user.id).length === 1)
    throw new RhumbError('conflict', 'this is your last passkey: add another one before you remove it');
  await network.save({
    writes: [{ remove: 'passkey', id: passkey.id }],
    audit: [entry('delete', passkey, nowMs, by)],
  });
}

/** What a sign-in leaves behind; goes into the save that begins the session. */
export const usedPasskey = (passkey: PasskeyRecord, signCount: number, nowMs: number): Write => ({
  put: 'passkey',
  value: { ...passkey, signCount, lastUsedAt: nowMs },
});

export const removePasskeysOf = (network: Network, userId: number): readonly Write[] =>
  passkeysOf(network, userId).map(({ id }) => ({ remove: 'passkey', id }) as const);

const entry = (
  action: string,
  passkey: PasskeyRecord,
  at: number,
  actor: Actor,
  change: { readonly property?: string; readonly old?: string; readonly new?: string } = {},
): AuditEntry => ({
  at,
  actor,
  action,
  target: {
    type: 'passkey',
    id: String(passkey.id),
    name: passkey.name,
    ...(change.property === undefined ? {} : { property: change.property }),
  },
  old: change.old,
  new: change.new,
  details: `of user ${passkey.userId}`,
});
