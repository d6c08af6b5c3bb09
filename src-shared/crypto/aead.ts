/** ChaCha20-Poly1305 (RFC 8439) and XChaCha20-Poly1305: seal appends the 16-byte tag, open gives undefined on any failure. */
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import { ChaCha20Poly1305 } from '@stablelib/chacha20poly1305';
import { XChaCha20Poly1305 } from '@stablelib/xchacha20poly1305';

export const AEAD_NONCE_BYTES = 12;
export const TAG_BYTES = 16;

// A node:crypto cipher costs about 15 µs to set up; below this size the JavaScript one is done before that (measured).
const SMALL = 1_024;
const ALGORITHM = 'chacha20-poly1305';
const OPTIONS = { authTagLength: TAG_BYTES } as const;

// With a prepared key it costs about 6 µs.
const SMALL_PREPARED = 256;

/** A key for many messages: what node:crypto makes of it for each is made once. The bytes must stay as they are. */
export class PreparedKey {
  readonly bytes: Uint8Array;
  #object: KeyObject | undefined;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get object(): KeyObject {
    this.#object ??= createSecretKey(this.bytes);
    return this.#object;
  }
}

type Key = Uint8Array | PreparedKey;

const bytesOf = (key: Key): Uint8Array => (key instanceof PreparedKey ? key.bytes : key);
const objectOf = (key: Key): Uint8Array | KeyObject => (key instanceof PreparedKey ? key.object : key);
const isSmall = (key: Key, length: number): boolean =>
  length <= (key instanceof PreparedKey ? SMALL_PREPARED : SMALL);

/** `nonce` has 12 bytes and must never repeat under one key. */
export function seal(
  key: Key,
  nonce: Uint8Array,
  plaintext: Uint8Array,
  associated?: Uint8Array,
): Uint8Array {
  if (isSmall(key, plaintext.length))
    return new ChaCha20Poly1305(bytesOf(key)).seal(nonce, plaintext, associated);
  const cipher = createCipheriv(ALGORITHM, objectOf(key), nonce, OPTIONS);
  if (associated !== undefined) cipher.setAAD(associated, { plaintextLength: plaintext.length });
  const out = new Uint8Array(plaintext.length + TAG_BYTES);
  out.set(cipher.update(plaintext));
  cipher.final();
  out.set(cipher.getAuthTag(), plaintext.length);
  return out;
}

/** The plaintext, or undefined when the tag does not match or the input is shorter than a tag. */
export function open(
  key: Key,
  nonce: Uint8Array,
  sealed: Uint8Array,
  associated?: Uint8Array,
): Uint8Array | undefined {
  const length = sealed.length - TAG_BYTES;
  if (length < 0) return undefined;
  if (isSmall(key, length))
    return new ChaCha20Poly1305(bytesOf(key)).open(nonce, sealed, associated) ?? undefined;
  const decipher = createDecipheriv(ALGORITHM, objectOf(key), nonce, OPTIONS);
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
