/** Numbers and the fixed places of DNS messages (RFC 1035 §4, RFC 6891). */

export const HEADER_BYTES = 12;
/** Wire length of a name including its final zero (RFC 1035 §2.3.4). */
export const MAX_NAME_BYTES = 255;
/** Of the answers that we take and of the size that we tell others. */
export const MAX_UDP_BYTES = 4_095;
/** What most servers put into a datagram at most, whatever they are asked for (dnsflagday.net/2020). */
export const USUAL_UDP_BYTES = 1_232;
/** Without EDNS (RFC 1035 §4.2.1). */
export const PLAIN_UDP_BYTES = 512;
export const MAX_MESSAGE_BYTES = 65_535;

export const Type = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  HINFO: 13,
  AAAA: 28,
  DNAME: 39,
  OPT: 41,
  RRSIG: 46,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
} as const;

export const Class = { IN: 1, ANY: 255 } as const;

export const Rcode = {
  NoError: 0,
  FormErr: 1,
  ServFail: 2,
  NxDomain: 3,
  NotImp: 4,
  Refused: 5,
} as const;

/** Bits of the second word of the header. */
export const Flag = {
  QR: 0x8000,
  AA: 0x0400,
  TC: 0x0200,
  RD: 0x0100,
  RA: 0x0080,
  AD: 0x20,
  CD: 0x10,
} as const;
export const OPCODE_MASK = 0x7800;
export const RCODE_MASK = 0x0f;
/** In the TTL of an OPT record. */
export const DNSSEC_OK = 0x8000;
/** An OPT record without options. */
export const OPT_BYTES = 11;
/** Type, class, TTL and length, which follow each record's name. */
export const RECORD_BYTES = 10;

export const get16 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] as number) << 8) | (bytes[at + 1] as number);

export const get32 = (bytes: Uint8Array, at: number): number =>
  get16(bytes, at) * 0x1_0000 + get16(bytes, at + 2);

export function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

export function put32(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at, (value >>> 16) & 0xffff);
  put16(bytes, at + 2, value & 0xffff);
}

export function putOpt(out: Uint8Array, at: number, flags: number, extendedRcode = 0): void {
  out.fill(0, at, at + OPT_BYTES);
  put16(out, at + 1, Type.OPT);
  put16(out, at + 3, MAX_UDP_BYTES);
  out[at + 5] = extendedRcode;
  put16(out, at + 7, flags);
}
