/** The symmetric state of a Noise handshake (Noise §5.2) for the control channel: chaining key, hash, one key per message. */
import { utf8 } from '../bytes/bytes.ts';
import { assert } from '../errors.ts';
import { PROTOCOL_NAME } from '../noise/messages.ts';
import { AEAD_NONCE_BYTES, open, seal } from './aead.ts';
import { blake2s } from './blake2s.ts';
import { hkdf2 } from './hkdf.ts';

// Every handshake key seals exactly one message, so the nonce is always zero (control-protocol.md §3.5).
const ZERO_NONCE = new Uint8Array(AEAD_NONCE_BYTES);
const NOTHING = new Uint8Array(0);

export class SymmetricState {
  #chainingKey: Uint8Array;
  #hash: Uint8Array;
  #key: Uint8Array | undefined;

  constructor(prologue: Uint8Array) {
    // The name is longer than a hash, so the state begins with its hash (Noise §5.2 InitializeSymmetric).
    this.#chainingKey = blake2s(utf8(PROTOCOL_NAME));
    this.#hash = this.#chainingKey;
    this.mixHash(prologue);
  }

  get hash(): Uint8Array {
    return this.#hash;
  }

  get chainingKey(): Uint8Array {
    return this.#chainingKey;
  }

  get key(): Uint8Array | undefined {
    return this.#key;
  }

  mixHash(data: Uint8Array): void {
    this.#hash = blake2s(this.#hash, data);
  }

  mixKey(secret: Uint8Array): void {
    [this.#chainingKey, this.#key] = hkdf2(this.#chainingKey, secret);
  }

  /** Only after `mixKey`, and once per key. */
  sealAndHash(plaintext: Uint8Array): Uint8Array {
    const sealed = seal(this.#takeKey(), ZERO_NONCE, plaintext, this.#hash);
    this.mixHash(sealed);
    return sealed;
  }

  openAndHash(sealed: Uint8Array): Uint8Array | undefined {
    const plaintext = open(this.#takeKey(), ZERO_NONCE, sealed, this.#hash);
    this.mixHash(sealed);
    return plaintext;
  }

  /** The two transport keys: initiator to responder, responder to initiator. */
  split(): readonly [Uint8Array, Uint8Array] {
    return hkdf2(this.#chainingKey, NOTHING);
  }

  #takeKey(): Uint8Array {
    const key = this.#key;
    assert(key !== undefined, 'a Noise key is used once');
    this.#key = undefined;
    return key;
  }
}
