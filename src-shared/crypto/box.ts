/** NaCl box (X25519, XSalsa20-Poly1305) as disco and the relay protocol use it. */
import nacl from 'tweetnacl';
import { utf8 } from '../bytes/bytes.ts';
import { dh, type X25519Private } from './x25519.ts';

export const BOX_NONCE_BYTES = 24;
/** Bytes that sealing adds (the Poly1305 tag). */
export const BOX_OVERHEAD = 16;

/** The precomputed key of a pair, to be kept per peer. */
export type BoxShared = Uint8Array;

/** Part of tweetnacl's interface that its types leave out. */
interface LowLevel {
  crypto_core_hsalsa20(out: Uint8Array, input: Uint8Array, key: Uint8Array, constant: Uint8Array): number;
}
const { lowlevel } = nacl as typeof nacl & { readonly lowlevel: LowLevel };

const SIGMA = utf8('expand 32-byte k');
const ZERO_INPUT = new Uint8Array(16);

/**
 * The shared key of our private and their public key, undefined for a public key of low order (RFC 7748 §6.1). The curve
 * is node:crypto's: tweetnacl's takes ten times as long, and a hundred times the first time, which a first packet would
 * wait for.
 */
export function boxShared(own: X25519Private, publicRaw: Uint8Array): BoxShared | undefined {
  const secret = dh(own, publicRaw);
  if (secret === undefined) return undefined;
  const shared = new Uint8Array(32);
  lowlevel.crypto_core_hsalsa20(shared, ZERO_INPUT, secret, SIGMA);
  secret.fill(0);
  return shared;
}

/** `nonce` has 24 bytes, random for each message. */
export const sealBox = (shared: BoxShared, nonce: Uint8Array, message: Uint8Array): Uint8Array =>
  nacl.box.after(message, nonce, shared);

/** The message, or undefined when it was not sealed with this key and nonce. */
export const openBox = (shared: BoxShared, nonce: Uint8Array, sealed: Uint8Array): Uint8Array | undefined =>
  sealed.length < BOX_OVERHEAD ? undefined : (nacl.box.open.after(sealed, nonce, shared) ?? undefined);
