/**
 * Noise_IKpsk2 as WireGuard uses it (data-plane.md §1.3): four pure steps over copies, so that a forged message leaves
 * whatever state there was untouched. Messages come out with both macs zero.
 */

import { utf8 } from '#shared/bytes/bytes.ts';
import { open, seal } from '#shared/crypto/aead.ts';
import { blake2s } from '#shared/crypto/blake2s.ts';
import { hkdf1, hkdf2, hkdf3 } from '#shared/crypto/hkdf.ts';
import { dh, type X25519Private, type X25519Public } from '#shared/crypto/x25519.ts';
import { encodeInitiation, encodeResponse, type Initiation, type Response } from './messages.ts';

const CONSTRUCTION = utf8('Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s');
const IDENTIFIER = utf8('WireGuard v1 zx2c4 Jason@zx2c4.com');
const CK0 = blake2s(CONSTRUCTION);
const H0 = blake2s(CK0, IDENTIFIER);
const NO_PSK = new Uint8Array(32);
const NOTHING = new Uint8Array(0);
// Every handshake key seals one message, so its nonce is zero.
const ZERO_NONCE = new Uint8Array(12);

/** The static key of a peer, with DH(own static, peer static), which is the same in every handshake. */
export interface RemoteStatic {
  readonly key: X25519Public;
  readonly shared: Uint8Array;
}

/** What the initiator keeps until the response comes. */
export interface PendingInitiation {
  readonly localIndex: number;
  readonly ephemeral: X25519Private;
  readonly chainingKey: Uint8Array;
  readonly hash: Uint8Array;
}

/** An initiation whose static key was opened; nothing in it is fresh yet. */
export interface OpenedInitiation {
  readonly message: Initiation;
  readonly remoteStatic: Uint8Array;
  readonly chainingKey: Uint8Array;
  readonly hash: Uint8Array;
}

/** An initiation that is authentic; only its timestamp can still refuse it. */
export interface AuthenticInitiation {
  readonly senderIndex: number;
  readonly remoteEphemeral: Uint8Array;
  readonly timestamp: Uint8Array;
  readonly chainingKey: Uint8Array;
  readonly hash: Uint8Array;
}

export interface SessionKeys {
  readonly sendKey: Uint8Array;
  readonly receiveKey: Uint8Array;
  readonly remoteIndex: number;
  /** Last transcript hash, for tests against vectors. */
  readonly hash: Uint8Array;
}

/** Step 1 to 4 of the initiator; undefined when the peer's key is a low-order point. */
export function initiate(
  own: X25519Private,
  remote: RemoteStatic,
  fresh: {
    readonly ephemeral: X25519Private;
    readonly localIndex: number;
    readonly timestamp: Uint8Array;
  },
): { readonly pending: PendingInitiation; readonly message: Uint8Array } | undefined {
  const { ephemeral, localIndex, timestamp } = fresh;
  const transcript = new Transcript(CK0, blake2s(H0, remote.key.raw));
  transcript.mixEphemeral(ephemeral.publicRaw);
  const es = dh(ephemeral, remote.key);
  if (es === undefined) return undefined;
  const sealedStatic = transcript.seal(transcript.mixKey(es), own.publicRaw);
  const sealedTimestamp = transcript.seal(transcript.mixKey(remote.shared), timestamp);
  es.fill(0);
  return {
    pending: { localIndex, ephemeral, chainingKey: transcript.chainingKey, hash: transcript.hash },
    message: encodeInitiation({
      sender: localIndex,
      ephemeral: ephemeral.publicRaw,
      sealedStatic,
      sealedTimestamp,
    }),
  };
}

/** The responder learns who calls. */
export function openInitiation(own: X25519Private, message: Initiation): OpenedInitiation | undefined {
  const transcript = new Transcript(CK0, blake2s(H0, own.publicRaw));
  transcript.mixEphemeral(message.ephemeral);
  const es = dh(own, message.ephemeral);
  if (es === undefined) return undefined;
  const remoteStatic = transcript.open(transcript.mixKey(es), message.sealedStatic);
  es.fill(0);
  if (remoteStatic === undefined) return undefined;
  return { message, remoteStatic, chainingKey: transcript.chainingKey, hash: transcript.hash };
}

/** The responder makes sure that the caller holds the key it names. */
export function authenticate(
  opened: OpenedInitiation,
  remote: RemoteStatic,
): AuthenticInitiation | undefined {
  const transcript = new Transcript(opened.chainingKey, opened.hash);
  const timestamp = transcript.open(transcript.mixKey(remote.shared), opened.message.sealedTimestamp);
  if (timestamp === undefined) return undefined;
  return {
    senderIndex: opened.message.sender,
    remoteEphemeral: opened.message.ephemeral.slice(),
    timestamp,
    chainingKey: transcript.chainingKey,
    hash: transcript.hash,
  };
}

/** Steps 6 to 10 of the responder. */
export function respond(
  initiation: AuthenticInitiation,
  remote: RemoteStatic,
  fresh: {
    readonly ephemeral: X25519Private;
    readonly localIndex: number;
    readonly presharedKey: Uint8Array | undefined;
  },
): { readonly keys: SessionKeys; readonly message: Uint8Array } | undefined {
  const { ephemeral, localIndex } = fresh;
  const transcript = new Transcript(initiation.chainingKey, initiation.hash);
  transcript.mixEphemeral(ephemeral.publicRaw);
  const ee = dh(ephemeral, initiation.remoteEphemeral);
  const se = dh(ephemeral, remote.key);
  if (ee === undefined || se === undefined) return undefined;
  transcript.mixSecret(ee);
  transcript.mixSecret(se);
  const sealedNothing = transcript.seal(transcript.mixPsk(fresh.presharedKey ?? NO_PSK), NOTHING);
  const [receiveKey, sendKey] = transcript.split();
  return {
    keys: { sendKey, receiveKey, remoteIndex: initiation.senderIndex, hash: transcript.hash },
    message: encodeResponse({
      sender: localIndex,
      receiver: initiation.senderIndex,
      ephemeral: ephemeral.publicRaw,
      sealedNothing,
    }),
  };
}

/** The initiator's end. `pending` stays as it was, so that the true response still works after a forged one. */
export function finish(
  own: X25519Private,
  pending: PendingInitiation,
  message: Response,
  presharedKey: Uint8Array | undefined,
): SessionKeys | undefined {
  const transcript = new Transcript(pending.chainingKey, pending.hash);
  transcript.mixEphemeral(message.ephemeral);
  const ee = dh(pending.ephemeral, message.ephemeral);
  const se = dh(own, message.ephemeral);
  if (ee === undefined || se === undefined) return undefined;
  transcript.mixSecret(ee);
  transcript.mixSecret(se);
  if (transcript.open(transcript.mixPsk(presharedKey ?? NO_PSK), message.sealedNothing) === undefined)
    return undefined;
  const [sendKey, receiveKey] = transcript.split();
  return { sendKey, receiveKey, remoteIndex: message.sender, hash: transcript.hash };
}

/** Forgets the secrets of an initiation. The ephemeral lives in OpenSSL and goes with its KeyObject. */
export function wipePending(pending: PendingInitiation): void {
  pending.chainingKey.fill(0);
  pending.hash.fill(0);
}

/** Chaining key and hash; each step makes new arrays and wipes secrets it replaces, never those it was given. */
class Transcript {
  #chainingKey: Uint8Array;
  #hash: Uint8Array;
  #ownsKey = false;

  constructor(chainingKey: Uint8Array, hash: Uint8Array) {
    this.#chainingKey = chainingKey;
    this.#hash = hash;
  }

  get chainingKey(): Uint8Array {
    return this.#chainingKey;
  }

  get hash(): Uint8Array {
    return this.#hash;
  }

  /** Both are required by the psk pattern; their order does not matter. */
  mixEphemeral(publicKey: Uint8Array): void {
    this.#advance(hkdf1(this.#chainingKey, publicKey));
    this.#hash = blake2s(this.#hash, publicKey);
  }

  /** Mixes a secret whose key nobody uses, and wipes it. */
  mixSecret(secret: Uint8Array): void {
    this.#advance(hkdf1(this.#chainingKey, secret));
    secret.fill(0);
  }

  /** Mixes a secret and gives the key for the next `seal` or `open`. */
  mixKey(secret: Uint8Array): Uint8Array {
    const [chainingKey, key] = hkdf2(this.#chainingKey, secret);
    this.#advance(chainingKey);
    return key;
  }

  mixPsk(presharedKey: Uint8Array): Uint8Array {
    const [chainingKey, tau, key] = hkdf3(this.#chainingKey, presharedKey);
    this.#advance(chainingKey);
    this.#hash = blake2s(this.#hash, tau);
    return key;
  }

  seal(key: Uint8Array, plaintext: Uint8Array): Uint8Array {
    const sealed = seal(key, ZERO_NONCE, plaintext, this.#hash);
    key.fill(0);
    this.#hash = blake2s(this.#hash, sealed);
    return sealed;
  }

  open(key: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
    const plaintext = open(key, ZERO_NONCE, sealed, this.#hash);
    key.fill(0);
    this.#hash = blake2s(this.#hash, sealed);
    return plaintext;
  }

  /** Ends the transcript: initiator-to-responder key, then responder-to-initiator. */
  split(): readonly [Uint8Array, Uint8Array] {
    const keys = hkdf2(this.#chainingKey, NOTHING);
    this.#advance(new Uint8Array(32));
    return keys;
  }

  #advance(chainingKey: Uint8Array): void {
    if (this.#ownsKey) this.#chainingKey.fill(0);
    this.#chainingKey = chainingKey;
    this.#ownsKey = true;
  }
}
