/** mac1, mac2 and the cookie they rest on (data-plane.md §1.8): keyed BLAKE2s-128, not HMAC. */

import { equal, utf8 } from '#shared/bytes/bytes.ts';
import { openX, sealX } from '#shared/crypto/aead.ts';
import { blake2s, blake2sKeyed } from '#shared/crypto/blake2s.ts';
import { type CookieReply, MAC_BYTES } from './messages.ts';

const MAC1_LABEL = utf8('mac1----');
const COOKIE_LABEL = utf8('cookie--');

/** Keys derived from one static public key: of the receiver for mac1, of the replier for cookie replies. */
export interface MacKeys {
  readonly mac1: Uint8Array;
  readonly cookie: Uint8Array;
}

export const macKeysOf = (publicKey: Uint8Array): MacKeys => ({
  mac1: blake2s(MAC1_LABEL, publicKey),
  cookie: blake2s(COOKIE_LABEL, publicKey),
});

const mac1At = (message: Uint8Array): number => message.length - 2 * MAC_BYTES;
const mac2At = (message: Uint8Array): number => message.length - MAC_BYTES;

export const mac1Of = (message: Uint8Array): Uint8Array => message.slice(mac1At(message), mac2At(message));

/** Writes mac1, and mac2 when a cookie is held; gives mac1, which opens a cookie reply. */
export function stampMacs(
  message: Uint8Array,
  receiver: MacKeys,
  cookie: Uint8Array | undefined,
): Uint8Array {
  const mac1 = blake2sKeyed(receiver.mac1, message.subarray(0, mac1At(message)), MAC_BYTES);
  message.set(mac1, mac1At(message));
  if (cookie !== undefined)
    message.set(blake2sKeyed(cookie, message.subarray(0, mac2At(message)), MAC_BYTES), mac2At(message));
  return mac1;
}

export const hasMac1 = (message: Uint8Array, own: MacKeys): boolean =>
  equal(
    blake2sKeyed(own.mac1, message.subarray(0, mac1At(message)), MAC_BYTES),
    message.subarray(mac1At(message), mac2At(message)),
  );

export const hasMac2 = (message: Uint8Array, cookie: Uint8Array): boolean =>
  equal(
    blake2sKeyed(cookie, message.subarray(0, mac2At(message)), MAC_BYTES),
    message.subarray(mac2At(message)),
  );

/** The cookie for one source under the secret of the hour. */
export const cookieFor = (secret: Uint8Array, source: Uint8Array): Uint8Array =>
  blake2sKeyed(secret, source, MAC_BYTES);

export const sealCookie = (
  own: MacKeys,
  nonce: Uint8Array,
  cookie: Uint8Array,
  answeredMac1: Uint8Array,
): Uint8Array => sealX(own.cookie, nonce, cookie, answeredMac1);

/** The cookie in a reply of the peer whose keys these are, if it answers the message with `sentMac1`. */
export const openCookie = (
  replier: MacKeys,
  reply: CookieReply,
  sentMac1: Uint8Array,
): Uint8Array | undefined => openX(replier.cookie, reply.nonce, reply.sealedCookie, sentMac1);
