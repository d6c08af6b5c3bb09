/** HMAC and HKDF over BLAKE2s as the Noise framework defines them (Noise §4.3): one, two or three outputs of 32 bytes. */
import { createHmac, hkdfSync } from 'node:crypto';

/** HMAC-BLAKE2s-256, which is not keyed BLAKE2s. */
export function hmacBlake2s(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const state = createHmac('blake2s256', key);
  for (const part of parts) state.update(part);
  return new Uint8Array(state.digest());
}

const NO_INFO = new Uint8Array(0);

// HKDF of RFC 5869 with empty info: T(n) = HMAC(prk, T(n-1) ‖ n), which is exactly the Noise definition.
const expand = (chainingKey: Uint8Array, input: Uint8Array, outputs: number): Uint8Array =>
  new Uint8Array(hkdfSync('blake2s256', input, chainingKey, NO_INFO, outputs * 32));

export const hkdf1 = (chainingKey: Uint8Array, input: Uint8Array): Uint8Array =>
  expand(chainingKey, input, 1);

export function hkdf2(chainingKey: Uint8Array, input: Uint8Array): readonly [Uint8Array, Uint8Array] {
  const out = expand(chainingKey, input, 2);
  return [out.slice(0, 32), out.slice(32)];
}

export function hkdf3(
  chainingKey: Uint8Array,
  input: Uint8Array,
): readonly [Uint8Array, Uint8Array, Uint8Array] {
  const out = expand(chainingKey, input, 3);
  return [out.slice(0, 32), out.slice(32, 64), out.slice(64)];
}
