/** BLAKE2s (RFC 7693): the plain 32-byte hash through node:crypto, the keyed one through @stablelib, which Node lacks. */
import { createHash, hash } from 'node:crypto';
import { BLAKE2s } from '@stablelib/blake2s';

/** BLAKE2s-256 of the concatenation of `parts`. */
export function blake2s(...parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return new Uint8Array(hash('blake2s256', parts[0] as Uint8Array, 'buffer'));
  const state = createHash('blake2s256');
  for (const part of parts) state.update(part);
  return new Uint8Array(state.digest());
}

/** Keyed BLAKE2s with `length` bytes of output (WireGuard's MAC uses 16); the key has at most 32 bytes. */
export function blake2sKeyed(key: Uint8Array, data: Uint8Array, length = 16): Uint8Array {
  return new BLAKE2s(length, { key }).update(data).digest();
}
