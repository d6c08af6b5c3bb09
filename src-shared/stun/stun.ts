/** STUN binding requests and responses in the fixed forms that relays and their clients exchange (nat-traversal.md §2). */
import { equal, utf8 } from '../bytes/bytes.ts';
import { formatIp, type IpBytes, parseIp, type SockAddr, unmap } from '../ip/address.ts';
import { crc32 } from './crc32.ts';

export const TX_ID_BYTES = 12;
const HEADER_BYTES = 20;
const COOKIE = 0x2112_a442;
/** Bytes 4 to 20, cookie and transaction id, are what addresses are masked with. */
const MASK_AT = 4;

const TYPE_REQUEST = 0x0001;
const TYPE_RESPONSE = 0x0101;

const ATTR_MAPPED_ADDRESS = 0x0001;
const ATTR_XOR_MAPPED_ADDRESS = 0x0020;
/** What XOR-MAPPED-ADDRESS was before RFC 5389; some servers still send it. */
const ATTR_XOR_MAPPED_ADDRESS_OLD = 0x8020;
const ATTR_SOFTWARE = 0x8022;
const ATTR_FINGERPRINT = 0x8028;

/** Relays answer nobody else, and an in-kernel one wants it first and of this length. */
const SOFTWARE = utf8('tailnode');
const FINGERPRINT_BYTES = 8;
const FINGERPRINT_XOR = 0x5354_554e;
const REQUEST_BYTES = HEADER_BYTES + 4 + SOFTWARE.length + FINGERPRINT_BYTES;

export interface StunRequest {
  readonly txId: Uint8Array;
}

export interface StunResponse {
  readonly txId: Uint8Array;
  /** The asker as the server saw it; an IPv4-mapped address is given as IPv4. */
  readonly addr: SockAddr;
}

/** Whether this is a STUN message at all: enough bytes, two zero bits, the cookie. */
export function isStun(datagram: Uint8Array): boolean {
  if (datagram.length < HEADER_BYTES || ((datagram[0] as number) & 0xc0) !== 0) return false;
  return view(datagram).getUint32(4) === COOKIE;
}

/** The test for a socket that is shared with WireGuard and disco: a STUN message of the method Binding (§2.4). */
export const isStunBinding = (datagram: Uint8Array): boolean => isStun(datagram) && datagram[1] === 0x01;

/** `txId` is 12 bytes from a good random source: whoever guesses it can forge the answer. */
export function encodeRequest(txId: Uint8Array): Uint8Array {
  const out = new Uint8Array(REQUEST_BYTES);
  const data = view(out);
  // The length counts the fingerprint although that is computed over what stands before it (RFC 8489 §14.7).
  writeHeader(data, TYPE_REQUEST, REQUEST_BYTES - HEADER_BYTES);
  out.set(txId.subarray(0, TX_ID_BYTES), 8);
  writeAttribute(data, HEADER_BYTES, ATTR_SOFTWARE, SOFTWARE.length);
  out.set(SOFTWARE, HEADER_BYTES + 4);
  const at = REQUEST_BYTES - FINGERPRINT_BYTES;
  writeAttribute(data, at, ATTR_FINGERPRINT, 4);
  data.setUint32(at + 4, fingerprint(out.subarray(0, at)));
  return out;
}

/**
 * What a server may answer (§2.2): a binding request of a client of this kind, with its fingerprint last and right. All else is
 * undefined and gets no answer, so that the port is of no use to scanners.
 */
export const decodeRequest = (datagram: Uint8Array): StunRequest | undefined =>
  decodeBindingRequest(datagram, { strict: true });

/** With `strict` false, any well-formed binding request of RFC 8489; a fingerprint that is there must be right all the same. */
export function decodeBindingRequest(
  datagram: Uint8Array,
  options: { readonly strict: boolean },
): StunRequest | undefined {
  if (!isStun(datagram)) return undefined;
  const data = view(datagram);
  if (data.getUint16(0) !== TYPE_REQUEST || data.getUint16(2) !== datagram.length - HEADER_BYTES)
    return undefined;
  let isOurs = false;
  let seal: Attribute | undefined;
  let last: Attribute | undefined;
  for (const attribute of attributes(datagram)) {
    if (attribute === 'malformed') return undefined;
    last = attribute;
    if (attribute.type === ATTR_SOFTWARE && equal(attribute.value, SOFTWARE)) isOurs = true;
    if (attribute.type === ATTR_FINGERPRINT) seal = attribute;
  }
  if (seal !== undefined && !(seal === last && isSealed(datagram, seal))) return undefined;
  if (options.strict && !(isOurs && seal !== undefined)) return undefined;
  return { txId: txIdOf(datagram) };
}

/** A single XOR-MAPPED-ADDRESS: 32 bytes for IPv4, 44 for IPv6, never longer than the request. */
export function encodeResponse(txId: Uint8Array, source: SockAddr): Uint8Array {
  const parsed = parseIp(source.ip);
  if (parsed === undefined) throw new TypeError(`${source.ip} is not an address`);
  const ip = unmap(parsed);
  const out = new Uint8Array(HEADER_BYTES + 8 + ip.length);
  const data = view(out);
  writeHeader(data, TYPE_RESPONSE, 8 + ip.length);
  out.set(txId.subarray(0, TX_ID_BYTES), 8);
  writeAttribute(data, HEADER_BYTES, ATTR_XOR_MAPPED_ADDRESS, 4 + ip.length);
  out[HEADER_BYTES + 5] = ip.length === 4 ? 1 : 2;
  data.setUint16(HEADER_BYTES + 6, source.port ^ (COOKIE >>> 16));
  out.set(masked(ip, out), HEADER_BYTES + 8);
  return out;
}

/** Tolerant (§2.3): unknown attributes and bytes after the message are ignored. Errors and everything malformed give undefined. */
export function decodeResponse(datagram: Uint8Array): StunResponse | undefined {
  if (!isStun(datagram)) return undefined;
  const data = view(datagram);
  const end = HEADER_BYTES + data.getUint16(2);
  if (data.getUint16(0) !== TYPE_RESPONSE || end > datagram.length) return undefined;
  let xored: SockAddr | undefined;
  let plain: SockAddr | undefined;
  for (const attribute of attributes(datagram.subarray(0, end))) {
    if (attribute === 'malformed') return undefined;
    const { type, value } = attribute;
    // Of an attribute that comes twice the first counts (RFC 8489 §14).
    if (type === ATTR_XOR_MAPPED_ADDRESS || type === ATTR_XOR_MAPPED_ADDRESS_OLD) {
      const addr = addressOf(value, datagram);
      if (addr === undefined) return undefined;
      xored ??= addr;
    } else if (type === ATTR_MAPPED_ADDRESS) {
      const addr = addressOf(value, undefined);
      if (addr === undefined) return undefined;
      plain ??= addr;
    }
  }
  const addr = xored ?? plain;
  return addr === undefined ? undefined : { txId: txIdOf(datagram), addr };
}

interface Attribute {
  readonly type: number;
  readonly value: Uint8Array;
  /** Where its header begins in the datagram. */
  readonly at: number;
}

/** Walks the attributes to the end of `datagram`; each is at least four bytes, so a datagram bounds the walk. */
function* attributes(datagram: Uint8Array): Generator<Attribute | 'malformed'> {
  const data = view(datagram);
  let at = HEADER_BYTES;
  while (at < datagram.length) {
    if (at + 4 > datagram.length) {
      yield 'malformed';
      return;
    }
    const length = data.getUint16(at + 2);
    const next = at + 4 + ((length + 3) & ~3);
    if (next > datagram.length) {
      yield 'malformed';
      return;
    }
    yield { type: data.getUint16(at), value: datagram.subarray(at + 4, at + 4 + length), at };
    at = next;
  }
}

/** Layout: zero(1) · family(1) · port(2) · address(4 | 16); masked when `message` is given. */
function addressOf(value: Uint8Array, message: Uint8Array | undefined): SockAddr | undefined {
  const family = value[1];
  if (family !== 1 && family !== 2) return undefined;
  const length = family === 1 ? 4 : 16;
  if (value.length < 4 + length) return undefined;
  const port = view(value).getUint16(2);
  const ip = value.subarray(4, 4 + length);
  if (message === undefined) return { ip: formatIp(unmap(ip)), port };
  return { ip: formatIp(unmap(masked(ip, message))), port: port ^ (COOKIE >>> 16) };
}

const masked = (ip: IpBytes, message: Uint8Array): Uint8Array =>
  Uint8Array.from(ip, (byte, i) => byte ^ (message[MASK_AT + i] as number));

function isSealed(datagram: Uint8Array, seal: Attribute): boolean {
  if (seal.value.length !== 4) return false;
  return view(seal.value).getUint32(0) === fingerprint(datagram.subarray(0, seal.at));
}

const fingerprint = (before: Uint8Array): number => (crc32(before) ^ FINGERPRINT_XOR) >>> 0;

/** A plain array of its own, also from a Node Buffer. */
const txIdOf = (datagram: Uint8Array): Uint8Array => new Uint8Array(datagram.subarray(8, HEADER_BYTES));

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function writeHeader(data: DataView, type: number, length: number): void {
  data.setUint16(0, type);
  data.setUint16(2, length);
  data.setUint32(4, COOKIE);
}

function writeAttribute(data: DataView, at: number, type: number, length: number): void {
  data.setUint16(at, type);
  data.setUint16(at + 2, length);
}
