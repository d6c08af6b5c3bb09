/** The tailnet-lock key pair: Ed25519, made with the profile because every registration names its public half. */
import { generateKeyPairSync } from 'node:crypto';
import type { Opaque } from '#shared/brand.ts';
import { fromHex, toHex } from '#shared/bytes/hex.ts';
import { RhumbError } from '#shared/errors.ts';
import { type LockKey, lockKeyFrom } from '#shared/key/key.ts';

/** Seed and public key, 32 bytes each, as the state file holds them. */
export type LockPrivate = Opaque<Uint8Array, 'LockPrivate'>;

const PREFIX = 'nlpriv:';

export function newLockPrivate(): LockPrivate {
  const jwk = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  if (jwk.d === undefined || jwk.x === undefined)
    throw new RhumbError('internal', 'no Ed25519 key from node:crypto');
  const both = Buffer.concat([Buffer.from(jwk.d, 'base64url'), Buffer.from(jwk.x, 'base64url')]);
  return new Uint8Array(both) as LockPrivate;
}

export function parseLockPrivate(text: string): LockPrivate | undefined {
  const raw = text.startsWith(PREFIX) ? fromHex(text.slice(PREFIX.length)) : undefined;
  return raw?.length === 64 ? (raw as LockPrivate) : undefined;
}

/** For the state file only. */
export const formatLockPrivate = (key: LockPrivate): string => `${PREFIX}${toHex(key)}`;

export const lockPublic = (key: LockPrivate): LockKey => lockKeyFrom(key.subarray(32));
