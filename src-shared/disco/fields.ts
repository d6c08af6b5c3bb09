/** Fields that several disco messages share: addresses, keys, numbers (nat-traversal.md §4.2). */
import { concat } from '../bytes/bytes.ts';
import { formatIp, parseIp, type SockAddr, to16, unmap } from '../ip/address.ts';

/** Transaction ids are 12 random bytes. */
export const TX_ID_LENGTH = 12;
export const KEY_LENGTH = 32;
/** IPv6 or IPv4-mapped address(16), port(2). */
export const ADDRESS_LENGTH = 18;
/** No machine has as many; a relayed message has room for seven times that. */
export const MAX_ADDRESSES = 512;

export function encodeAddress(addr: SockAddr): Uint8Array {
  const ip = parseIp(addr.ip);
  if (ip === undefined) throw new TypeError(`not an ip address: ${addr.ip}`);
  return concat(to16(ip), Uint8Array.of(addr.port >> 8, addr.port & 255));
}

export function decodeAddress(bytes: Uint8Array): SockAddr {
  const port = ((bytes[16] as number) << 8) | (bytes[17] as number);
  return { ip: formatIp(unmap(bytes.subarray(0, 16))), port };
}

/** A length that does not divide gives an empty list; what is beyond the bound is left out. */
export function decodeAddresses(body: Uint8Array): SockAddr[] {
  if (body.length % ADDRESS_LENGTH !== 0) return [];
  const out: SockAddr[] = [];
  for (let at = 0; at < body.length && out.length < MAX_ADDRESSES; at += ADDRESS_LENGTH)
    out.push(decodeAddress(body.subarray(at, at + ADDRESS_LENGTH)));
  return out;
}

export const u32 = (value: number): Uint8Array => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
};

export const u64 = (value: bigint): Uint8Array => {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value);
  return bytes;
};

export const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
