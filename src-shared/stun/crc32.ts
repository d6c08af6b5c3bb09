/** CRC-32 of IEEE 802.3, as the STUN fingerprint uses it (RFC 8489 §14.7); zlib's is not reachable from the pure part. */

const POLYNOMIAL = 0xedb8_8320;

const TABLE = ((): Uint32Array => {
  const table = new Uint32Array(256);
  for (let i = 0; i < 256; i++) {
    let value = i;
    for (let bit = 0; bit < 8; bit++) value = (value & 1) === 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
    table[i] = value;
  }
  return table;
})();

/** An unsigned 32-bit number. */
export function crc32(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ (TABLE[(crc ^ byte) & 0xff] as number);
  return ~crc >>> 0;
}
