/** ChaCha20-Poly1305 (RFC 8439) and XChaCha20-Poly1305: seal appends the 16-byte tag, open gives undefined on any failure. */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { ChaCha20Poly1305 } from '@stablelib/chacha20poly1305';
import { XChaCha20Poly1305 } from '@stablelib/xchacha20poly1305';

export const AEAD_NONCE_BYTES = 12;
export const TAG_BYTES = 16;

// A node:crypto cipher costs about 15 µs to set up; below this size the JavaScript one is done before that (measured).
const SMALL = 1_024;
const ALGORITHM = 'chacha20-poly1305';
const OPTIONS = { authTagLength: TAG_BYTES } as const;

/** `nonce` has 12 bytes and must never repeat under one key. */
export function seal(
  key: Uint8Array,
  nonce: Uint8Array,
  plaintext: Uint8Array,
  associated?: Uint8Array,
): Uint8Array {
  if (plaintext.length <= SMALL) return new ChaCha20Poly1305(key).seal(nonce, plaintext, associated);
  const cipher = createCipheriv(ALGORITHM, key, nonce, OPTIONS);
  if (associated !== undefined) cipher.setAAD(associated, { plaintextLength: plaintext.length });
  const out = new Uint8Array(plaintext.length + TAG_BYTES);
  out.set(cipher.update(plaintext));
  cipher.final();
  out.set(cipher.getAuthTag(), plaintext.length);
  return out;
}

/** The plaintext, or undefined when the tag does not match or the input is shorter than a tag. */
export function open(
  key: Uint8Array,
  nonce: Uint8Array,
  sealed: Uint8Array,
  associated?: Uint8Array,
): Uint8Array | undefined {
  const length = sealed.length - TAG_BYTES;
  if (length < 0) return undefined;
  if (length <= SMALL) return new ChaCha20Poly1305(key).open(nonce, sealed, associated) ?? undefined;
  const decipher = createDecipheriv(ALGORITHM, key, nonce, OPTIONS);
  decipher.setAuthTag(sealed.subarray(length));
  if (associated !== undefined) decipher.setAAD(associated, { plaintextLength: length });
  const plaintext = decipher.update(sealed.subarray(0, length));
  try {
    decipher.final();
  } catch {
    return undefined; // the tag did not match: the only way final() fails here
  }
  return new Uint8Array(plaintext.buffer, plaintext.byteOffset, plaintext.byteLength);
}

/** XChaCha20-Poly1305 with a 24-byte nonce (WireGuard's cookie reply). */
export const sealX = (
  key: Uint8Array,
  nonce: Uint8Array,
  plaintext: Uint8Array,
  associated?: Uint8Array,
): Uint8Array => new XChaCha20Poly1305(key).seal(nonce, plaintext, associated);

export function openX(
  key: Uint8Array,
  nonce: Uint8Array,
  sealed: Uint8Array,
  associated?: Uint8Array,
): Uint8Array | undefined {
  if (sealed.length < TAG_BYTES) return undefined;
  return new XChaCha20Poly1305(key).open(nonce, sealed, associated) ?? undefined;
}
