/** NaCl box (X25519, XSalsa20-Poly1305) as disco and the relay protocol use it. */
import nacl from 'tweetnacl';

export const BOX_NONCE_BYTES = 24;
/** Bytes that sealing adds (the Poly1305 tag). */
export const BOX_OVERHEAD = 16;

/** The precomputed key of a pair, to be kept per peer. */
export type BoxShared = Uint8Array;

/**
 * The shared key of our private and their public key. tweetnacl's own curve takes about a millisecond, so it is kept per
 * peer by the caller.
 */
export const boxShared = (privateRaw: Uint8Array, publicRaw: Uint8Array): BoxShared =>
  nacl.box.before(publicRaw, privateRaw);

/** `nonce` has 24 bytes, random for each message. */
export const sealBox = (shared: BoxShared, nonce: Uint8Array, message: Uint8Array): Uint8Array =>
  nacl.box.after(message, nonce, shared);

/** The message, or undefined when it was not sealed with this key and nonce. */
export const openBox = (shared: BoxShared, nonce: Uint8Array, sealed: Uint8Array): Uint8Array | undefined =>
  sealed.length < BOX_OVERHEAD ? undefined : (nacl.box.open.after(sealed, nonce, shared) ?? undefined);
