/** X25519 (RFC 7748) through node:crypto, with imported keys kept, because importing costs more than the curve itself. */
import { createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from 'node:crypto';
import { isZero } from '../bytes/bytes.ts';
import { RhumbError } from '../errors.ts';
import { type PrivateKey, privateKeyFrom } from '../key/key.ts';
import { randomBytes } from './random.ts';

export const X25519_BYTES = 32;

// RFC 8410 §7: the PKCS#8 wrapping of a raw X25519 private key.
const PKCS8_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex');

/** An imported private key and its public half. */
export interface X25519Private {
  readonly key: KeyObject;
  readonly publicRaw: Uint8Array;
}

/** An imported public key: worth keeping when it is used more than once. */
export interface X25519Public {
  readonly key: KeyObject;
  readonly raw: Uint8Array;
}

/** Imports 32 raw private bytes (clamping happens inside the curve as well). */
export function importPrivate(raw: Uint8Array): X25519Private {
  if (raw.length !== X25519_BYTES) throw wrongLength('private', raw.length);
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, raw]), format: 'der', type: 'pkcs8' });
  return { key, publicRaw: rawPublic(createPublicKey(key)) };
}

export function importPublic(raw: Uint8Array): X25519Public {
  if (raw.length !== X25519_BYTES) throw wrongLength('public', raw.length);
  // JWK imports in about half the time of SPKI (measured on Node 24).
  const x = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).toString('base64url');
  return { key: createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x }, format: 'jwk' }), raw };
}

/**
 * The shared secret, or undefined when it is all zero (the peer sent a low-order point): the handshake must end then
 * (RFC 7748 §6.1).
 */
export function dh(own: X25519Private, peer: Uint8Array | X25519Public): Uint8Array | undefined {
  const publicKey = peer instanceof Uint8Array ? importPublic(peer).key : peer.key;
  try {
    const secret = diffieHellman({ privateKey: own.key, publicKey });
    return isZero(secret) ? undefined : new Uint8Array(secret);
  } catch (error) {
    // OpenSSL refuses to derive an all-zero secret instead of returning it.
    if ((error as { code?: unknown }).code === 'ERR_OSSL_FAILED_DURING_DERIVATION') return undefined;
    throw error;
  }
}

/** The public half of a raw private key. */
export const publicOf = (raw: Uint8Array): Uint8Array => importPrivate(raw).publicRaw;

/** A fresh clamped private key. */
export const generatePrivate = (): PrivateKey => privateKeyFrom(randomBytes(X25519_BYTES));

function rawPublic(key: KeyObject): Uint8Array {
  const { x } = key.export({ format: 'jwk' });
  if (typeof x !== 'string') throw new RhumbError('internal', 'node:crypto exported an X25519 key without x');
  return new Uint8Array(Buffer.from(x, 'base64url'));
}

const wrongLength = (kind: string, length: number): RhumbError =>
  new RhumbError('bad-argument', `an X25519 ${kind} key has 32 bytes, not ${length}`);
