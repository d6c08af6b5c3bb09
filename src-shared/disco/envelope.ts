/** The outer form of a disco datagram: who sent it and the sealed message (nat-traversal.md §4.1). */
import { concat } from '../bytes/bytes.ts';
import { type DiscoKey, discoKeyFrom, keyBytes } from '../key/key.ts';

/** `TS` and a speech balloon in UTF-8. */
export const DISCO_MAGIC: Uint8Array = Uint8Array.of(0x54, 0x53, 0xf0, 0x9f, 0x92, 0xac);
const KEY_AT = 6;
const NONCE_AT = 38;
/** Below this a datagram with the magic is not disco; relays use the same bound. */
export const DISCO_HEADER_LENGTH = 62;

export interface DiscoEnvelope {
  readonly sender: DiscoKey;
  /** Views into the datagram. */
  readonly nonce: Uint8Array;
  readonly box: Uint8Array;
}

export function looksLikeDisco(datagram: Uint8Array): boolean {
  if (datagram.length < DISCO_HEADER_LENGTH) return false;
  for (let i = 0; i < DISCO_MAGIC.length; i++) if (datagram[i] !== DISCO_MAGIC[i]) return false;
  return true;
}

/** Layout: magic(6) · sender's disco key(32) · nonce(24) · NaCl box (tag first). */
export function encodeEnvelope(envelope: DiscoEnvelope): Uint8Array {
  return concat(DISCO_MAGIC, keyBytes(envelope.sender), envelope.nonce, envelope.box);
}

export function decodeEnvelope(datagram: Uint8Array): DiscoEnvelope | undefined {
  if (!looksLikeDisco(datagram)) return undefined;
  return {
    sender: discoKeyFrom(datagram.subarray(KEY_AT, NONCE_AT)),
    nonce: datagram.subarray(NONCE_AT, DISCO_HEADER_LENGTH),
    box: datagram.subarray(DISCO_HEADER_LENGTH),
  };
}
