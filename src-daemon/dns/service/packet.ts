/** Packets of this host to a service address: read with every length checked, and answered. */
import { inverted, sum16 } from './checksum.ts';

export const Protocol = { ICMP: 1, TCP: 6, UDP: 17, ICMP6: 58 } as const;

/** One whole, unfragmented packet; offsets into `bytes`. */
export interface IpPacket {
  readonly bytes: Uint8Array;
  readonly version: 4 | 6;
  readonly protocol: number;
  /** Where the addresses stand, source before destination. */
  readonly addressesAt: number;
  readonly addressSize: 4 | 16;
  /** Where the header of the protocol begins. */
  readonly at: number;
  readonly end: number;
}

const V4_BYTES = 20;
const V6_BYTES = 40;
const UDP_BYTES = 8;
const TCP_BYTES = 20;
const ICMP_BYTES = 8;
const TTL = 64;
/** RFC 4443 §2.4(c): an error fits into the smallest MTU of IPv6. */
const MIN_MTU = 1_280;
const ECHO_REQUEST = { 4: 8, 6: 128 } as const;
const ECHO_REPLY = { 4: 0, 6: 129 } as const;
/** Destination unreachable, port unreachable. */
const UNREACHABLE = { 4: [3, 3], 6: [1, 4] } as const;
const Tcp = { FIN: 1, SYN: 2, RST: 4, ACK: 16 } as const;

export const get16 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] as number) << 8) | (bytes[at + 1] as number);

export function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

const get32 = (bytes: Uint8Array, at: number): number => get16(bytes, at) * 0x1_0000 + get16(bytes, at + 2);

function put32(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at, (value >>> 16) & 0xffff);
  put16(bytes, at + 2, value & 0xffff);
}

/** Undefined for fragments, extension headers and whatever is shorter than it says. */
export function readPacket(bytes: Uint8Array): IpPacket | undefined {
  const version = (bytes[0] ?? 0) >>> 4;
  if (version === 4) return readV4(bytes);
  return version === 6 ? readV6(bytes) : undefined;
}

function readV4(bytes: Uint8Array): IpPacket | undefined {
  if (bytes.length < V4_BYTES) return undefined;
  const at = 4 * ((bytes[0] as number) & 0x0f);
  const end = get16(bytes, 2);
  const isFragment = (get16(bytes, 6) & 0x3fff) !== 0;
  if (at < V4_BYTES || end < at || end > bytes.length || isFragment) return undefined;
  return {
    bytes,
    version: 4,
    protocol: bytes[9] as number,
    addressesAt: 12,
    addressSize: 4,
    at,
    end,
  };
}

function readV6(bytes: Uint8Array): IpPacket | undefined {
  if (bytes.length < V6_BYTES) return undefined;
  const end = V6_BYTES + get16(bytes, 4);
  if (end > bytes.length) return undefined;
  const protocol = bytes[6] as number;
  return { bytes, version: 6, protocol, addressesAt: 8, addressSize: 16, at: V6_BYTES, end };
}

export const sourceOf = ({ bytes, addressesAt, addressSize }: IpPacket): Uint8Array =>
  bytes.subarray(addressesAt, addressesAt + addressSize);

export const destinationOf = ({ bytes, addressesAt, addressSize }: IpPacket): Uint8Array =>
  bytes.subarray(addressesAt + addressSize, addressesAt + 2 * addressSize);

export interface Ports {
  readonly source: number;
  readonly destination: number;
}

/** Of TCP or UDP; undefined when the header isn't all there. */
export function portsOf({ bytes, protocol, at, end }: IpPacket): Ports | undefined {
  const size = protocol === Protocol.TCP ? TCP_BYTES : UDP_BYTES;
  if (end - at < size) return undefined;
  return { source: get16(bytes, at), destination: get16(bytes, at + 2) };
}

/** What a datagram carries; undefined when its length is a lie. */
export function udpPayload({ bytes, at, end }: IpPacket): Uint8Array | undefined {
  const length = get16(bytes, at + 4);
  return length < UDP_BYTES || at + length > end ? undefined : bytes.subarray(at + UDP_BYTES, at + length);
}

/** Back to where a datagram came from. */
export function udpReply(to: IpPacket, payload: Uint8Array): Uint8Array {
  const { out, at } = answerTo(to, Protocol.UDP, UDP_BYTES + payload.length);
  out.set(to.bytes.subarray(to.at + 2, to.at + 4), at);
  out.set(to.bytes.subarray(to.at, to.at + 2), at + 2);
  put16(out, at + 4, UDP_BYTES + payload.length);
  out.set(payload, at + UDP_BYTES);
  const checksum = protocolChecksum(out, to, at, Protocol.UDP);
  // Zero would say that there is none (RFC 768).
  put16(out, at + 6, checksum === 0 ? 0xffff : checksum);
  return out;
}

/** Undefined for what is no echo request. */
export function echoReply(to: IpPacket): Uint8Array | undefined {
  const { bytes, at: from, end, version } = to;
  if (end - from < ICMP_BYTES || bytes[from] !== ECHO_REQUEST[version]) return undefined;
  const { out, at } = answerTo(to, to.protocol, end - from);
  out.set(bytes.subarray(from, end), at);
  out[at] = ECHO_REPLY[version];
  return withIcmpChecksum(out, to, at);
}

/** Nobody listens at that port. */
export function portUnreachable(to: IpPacket): Uint8Array {
  const { bytes, at: from, end, version } = to;
  const quoted = version === 4 ? Math.min(end, from + 8) : Math.min(end, MIN_MTU - V6_BYTES - ICMP_BYTES);
  const protocol = version === 4 ? Protocol.ICMP : Protocol.ICMP6;
  const { out, at } = answerTo(to, protocol, ICMP_BYTES + quoted);
  const [type, code] = UNREACHABLE[version];
  out[at] = type;
  out[at + 1] = code;
  out.set(bytes.subarray(0, quoted), at + ICMP_BYTES);
  return withIcmpChecksum(out, to, at);
}

/** RFC 9293 §3.10.7.1: the refusal of a segment; resets get none. */
export function tcpReset(to: IpPacket): Uint8Array | undefined {
  const { bytes, at: from, end } = to;
  const flags = bytes[from + 13] as number;
  const header = 4 * ((bytes[from + 12] as number) >>> 4);
  if ((flags & Tcp.RST) !== 0 || header < TCP_BYTES || from + header > end) return undefined;
  const { out, at } = answerTo(to, Protocol.TCP, TCP_BYTES);
  out.set(bytes.subarray(from + 2, from + 4), at);
  out.set(bytes.subarray(from, from + 2), at + 2);
  if ((flags & Tcp.ACK) !== 0) {
    out.set(bytes.subarray(from + 8, from + 12), at + 4);
    out[at + 13] = Tcp.RST;
  } else {
    const phantom = ((flags & Tcp.SYN) === 0 ? 0 : 1) + ((flags & Tcp.FIN) === 0 ? 0 : 1);
    put32(out, at + 8, (get32(bytes, from + 4) + (end - from - header) + phantom) % 0x1_0000_0000);
    out[at + 13] = Tcp.RST | Tcp.ACK;
  }
  out[at + 12] = (TCP_BYTES / 4) << 4;
  put16(out, at + 16, protocolChecksum(out, to, at, Protocol.TCP));
  return out;
}

/** A packet with the addresses of another the other way round, and room for `size` bytes of its protocol. */
function answerTo(
  to: IpPacket,
  protocol: number,
  size: number,
): { readonly out: Uint8Array; readonly at: number } {
  const { version, addressesAt, addressSize } = to;
  const at = version === 4 ? V4_BYTES : V6_BYTES;
  const out = new Uint8Array(at + size);
  out.set(destinationOf(to), addressesAt);
  out.set(sourceOf(to), addressesAt + addressSize);
  if (version === 4) {
    out[0] = 0x45;
    put16(out, 2, at + size);
    out[6] = 0x40; // don't fragment: then the id says nothing (RFC 6864)
    out[8] = TTL;
    out[9] = protocol;
    put16(out, 10, inverted(sum16(out, 0, at)));
  } else {
    out[0] = 0x60;
    put16(out, 4, size);
    out[6] = protocol;
    out[7] = TTL;
  }
  return { out, at };
}

/** Over the pseudo header and everything from `at` on, whose checksum field is still zero. */
function protocolChecksum(out: Uint8Array, like: IpPacket, at: number, protocol: number): number {
  const { addressesAt, addressSize } = like;
  const length = out.length - at;
  const pseudo = sum16(out, addressesAt, addressesAt + 2 * addressSize, protocol + length);
  return inverted(sum16(out, at, out.length, pseudo));
}

function withIcmpChecksum(out: Uint8Array, to: IpPacket, at: number): Uint8Array {
  put16(out, at + 2, 0);
  const checksum =
    to.version === 4 ? inverted(sum16(out, at, out.length)) : protocolChecksum(out, to, at, Protocol.ICMP6);
  put16(out, at + 2, checksum);
  return out;
}
