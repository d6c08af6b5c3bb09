/** Just enough DER (X.690) to write the two certificates a relay makes for itself. */
import { utf8 } from '#shared/bytes/bytes.ts';

const Tag = {
  Boolean: 0x01,
  Integer: 0x02,
  BitString: 0x03,
  OctetString: 0x04,
  Null: 0x05,
  Oid: 0x06,
  Utf8String: 0x0c,
  Sequence: 0x30,
  Set: 0x31,
  UtcTime: 0x17,
  GeneralizedTime: 0x18,
} as const;

/** One element: tag, length in its shortest form, content. */
export function tlv(tag: number, ...content: readonly Uint8Array[]): Uint8Array {
  const body = Buffer.concat(content);
  const head =
    body.length < 0x80
      ? [tag, body.length]
      : body.length < 0x100
        ? [tag, 0x81, body.length]
        : [tag, 0x82, body.length >> 8, body.length & 0xff];
  return Buffer.concat([Uint8Array.from(head), body]);
}

export const sequence = (...items: readonly Uint8Array[]): Uint8Array => tlv(Tag.Sequence, ...items);
export const set = (...items: readonly Uint8Array[]): Uint8Array => tlv(Tag.Set, ...items);
export const octetString = (bytes: Uint8Array): Uint8Array => tlv(Tag.OctetString, bytes);
export const utf8String = (text: string): Uint8Array => tlv(Tag.Utf8String, utf8(text));
export const boolean = (value: boolean): Uint8Array => tlv(Tag.Boolean, Uint8Array.of(value ? 0xff : 0));
/** Whole bytes only; `unused` of the last one's low bits don't count. */
export const bitString = (bytes: Uint8Array, unused = 0): Uint8Array =>
  tlv(Tag.BitString, Uint8Array.of(unused), bytes);
/** `[number]`, constructed: explicit tags of X.509. */
export const explicit = (number: number, ...items: readonly Uint8Array[]): Uint8Array =>
  tlv(0xa0 | number, ...items);
/** `[number]`, primitive: the choices of a GeneralName. */
export const implicit = (number: number, bytes: Uint8Array): Uint8Array => tlv(0x80 | number, bytes);

/** A non-negative integer from its big-endian bytes. */
export function integer(bytes: Uint8Array): Uint8Array {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const short = bytes.subarray(start);
  const needsZero = ((short[0] ?? 0) & 0x80) !== 0;
  return needsZero ? tlv(Tag.Integer, Uint8Array.of(0), short) : tlv(Tag.Integer, short);
}

/** An object identifier from its dotted form. */
export function oid(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes: number[] = [];
  for (const arc of [first * 40 + second, ...rest]) {
    const groups = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return tlv(Tag.Oid, Uint8Array.from(bytes));
}

/** Whole seconds; UTCTime until 2049, GeneralizedTime after (RFC 5280 §4.1.2.5). */
export function time(ms: number): Uint8Array {
  const digits = `${new Date(ms).toISOString().slice(0, 19).replace(/[-:T]/g, '')}Z`;
  return Number(digits.slice(0, 4)) < 2050
    ? tlv(Tag.UtcTime, utf8(digits.slice(2)))
    : tlv(Tag.GeneralizedTime, utf8(digits));
}
