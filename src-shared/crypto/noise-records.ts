/** The record layer of the control channel: bytes to sealed frames and back (control-protocol.md §3.6). */
import { FrameSplitter, MAX_PLAINTEXT_BYTES } from '../noise/frames.ts';
import { HEADER_BYTES, MessageType } from '../noise/messages.ts';
import { AEAD_NONCE_BYTES, open, PreparedKey, seal, TAG_BYTES } from './aead.ts';

/** Four zero bytes and a big-endian 64-bit counter. Big-endian: unlike the Noise specification and unlike WireGuard. */
class Nonce {
  readonly bytes: Uint8Array = new Uint8Array(AEAD_NONCE_BYTES);
  readonly #view = new DataView(this.bytes.buffer);
  #next: bigint;

  constructor(start: bigint) {
    this.#next = start;
  }

  /** False at the last value, which must not be used; there is no rekeying. */
  advance(): boolean {
    if (this.#next >= 0xffff_ffff_ffff_ffffn) return false;
    this.#view.setBigUint64(4, this.#next);
    this.#next += 1n;
    return true;
  }
}

/** One direction, sending. The order of calls is the order on the wire. */
export class RecordSealer {
  readonly #key: PreparedKey;
  readonly #nonce: Nonce;

  constructor(key: Uint8Array, start = 0n) {
    this.#key = new PreparedKey(key);
    this.#nonce = new Nonce(start);
  }

  /** The frames that carry `plaintext`, one after another; undefined when the counter is used up. */
  seal(plaintext: Uint8Array): Uint8Array | undefined {
    const records = Math.max(1, Math.ceil(plaintext.length / MAX_PLAINTEXT_BYTES));
    const out = new Uint8Array(plaintext.length + records * (HEADER_BYTES + TAG_BYTES));
    let at = 0;
    for (let i = 0; i < records; i++) {
      if (!this.#nonce.advance()) return undefined;
      const part = plaintext.subarray(i * MAX_PLAINTEXT_BYTES, (i + 1) * MAX_PLAINTEXT_BYTES);
      const sealed = seal(this.#key, this.#nonce.bytes, part);
      out[at] = MessageType.Record;
      out[at + 1] = sealed.length >> 8;
      out[at + 2] = sealed.length & 0xff;
      out.set(sealed, at + HEADER_BYTES);
      at += HEADER_BYTES + sealed.length;
    }
    return out;
  }
}

/** One direction, receiving. After one failure it never decrypts again. */
export class RecordOpener {
  readonly #key: PreparedKey;
  readonly #nonce: Nonce;
  readonly #frames = new FrameSplitter();

  constructor(key: Uint8Array, start = 0n) {
    this.#key = new PreparedKey(key);
    this.#nonce = new Nonce(start);
  }

  /** Calls `onPlaintext` for each non-empty record. False when the connection must end. */
  feed(chunk: Uint8Array, onPlaintext: (plaintext: Uint8Array) => void): boolean {
    return this.#frames.feed(chunk, (ciphertext) => {
      if (!this.#nonce.advance()) return false;
      const plaintext = open(this.#key, this.#nonce.bytes, ciphertext);
      if (plaintext === undefined) return false;
      // Empty records are legal and mean nothing; an empty chunk would end a Node stream's read.
      if (plaintext.length > 0) onPlaintext(plaintext);
      return true;
    });
  }
}
