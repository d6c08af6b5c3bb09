/** The disco key as its owner tells it through the tunnel, in a TSMP packet (nat-traversal.md §4.6-2). */
import { concat } from '../bytes/bytes.ts';
import { type DiscoKey, discoKeyFrom, isZeroKey, keyBytes } from '../key/key.ts';

/** 'a', the kind of TSMP message. */
const ADVERTISEMENT = 0x61;
const KEY_LENGTH = 32;

/** What follows the IP header of a packet of protocol 99. */
export const encodeAdvertisement = (key: DiscoKey): Uint8Array =>
  concat(Uint8Array.of(ADVERTISEMENT), keyBytes(key));

/** Undefined for other TSMP messages, and for a key of zeros, which means none. */
export function decodeAdvertisement(payload: Uint8Array): DiscoKey | undefined {
  if (payload.length < 1 + KEY_LENGTH || payload[0] !== ADVERTISEMENT) return undefined;
  const key = discoKeyFrom(payload.subarray(1, 1 + KEY_LENGTH));
  return isZeroKey(key) ? undefined : key;
}
