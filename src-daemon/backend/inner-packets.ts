/** Pings inside the tunnel: ICMP echo (RFC 792, RFC 4443) and TSMP, the network's own protocol 99 (control-protocol.md). */
import { concat } from '#shared/bytes/bytes.ts';
import { decodeAdvertisement, encodeAdvertisement } from '#shared/disco/advertisement.ts';
import { RhumbError } from '#shared/errors.ts';
import { formatIp, formatSockAddr, type IpBytes, parseIp, type SockAddr } from '#shared/ip/address.ts';
import type { DiscoKey } from '#shared/key/key.ts';

const PROTO_ICMP = 1;
const PROTO_ICMP6 = 58;
const PROTO_TSMP = 99;
const TTL = 64;

const TSMP_PING = 0x70; // 'p'
const TSMP_PONG = 0x6f; // 'o'
const TSMP_REFUSED = 0x21; // '!'
/** Type, protocol, reason, two ports. */
const REFUSED_BYTES = 7;
/** Why a peer refused a connection, in the words of official clients. */
const REFUSAL_REASONS = {
  acl: 0x41, // 'A'
  shields: 0x53, // 'S'
  'host-ip-forwarding-unavailable': 0x46, // 'F'
  'host-firewall': 0x57, // 'W'
  'app-connector-transit-ip-unknown': 0x54, // 'T'
} as const;
export const TSMP_DATA_BYTES = 8;

export type InnerReply =
  | { readonly kind: 'disco-key'; readonly key: DiscoKey }
  /** The peer let in no connection of ours; ends as this machine sees them, `ip:port`. */
  | {
      readonly kind: 'refused';
      readonly protocol: number;
      readonly from: string;
      readonly to: string;
      readonly reason: string;
    }
  | { readonly kind: 'echo-reply'; readonly from: string; readonly ident: number; readonly sequence: number }
  | { readonly kind: 'tsmp-ping'; readonly from: string; readonly to: string; readonly data: Uint8Array }
  | {
      readonly kind: 'tsmp-pong';
      readonly from: string;
      readonly data: Uint8Array;
      readonly peerApiPort: number;
    };

function bytesOf(ip: string): IpBytes {
  const bytes = parseIp(ip);
  if (bytes === undefined) throw new RhumbError('bad-argument', `not an IP address: ${ip}`);
  return bytes;
}

/** RFC 1071 sum over 16-bit words, folded, not yet inverted. */
function sum16(parts: readonly Uint8Array[]): number {
  let sum = 0;
  for (const part of parts)
    for (let i = 0; i < part.length; i += 2) sum += ((part[i] as number) << 8) | (part[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

const put16 = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value & 0xff;
};

/** IPv4 (20 bytes) or IPv6 (40 bytes) header before `payload`. */
function ipPacket(from: IpBytes, to: IpBytes, protocol: number, payload: Uint8Array): Uint8Array {
  if (from.length !== to.length)
    throw new RhumbError('bad-argument', 'source and destination differ in IP version');
  if (from.length === 4) {
    const header = new Uint8Array(20);
    header[0] = 0x45;
    put16(header, 2, 20 + payload.length);
    header[8] = TTL;
    header[9] = protocol;
    header.set(from, 12);
    header.set(to, 16);
    put16(header, 10, ~sum16([header]) & 0xffff);
    return concat(header, payload);
  }
  const header = new Uint8Array(40);
  header[0] = 0x60;
  put16(header, 4, payload.length);
  header[6] = protocol;
  header[7] = TTL;
  header.set(from, 8);
  header.set(to, 24);
  return concat(header, payload);
}

export interface EchoRequest {
  readonly from: string;
  readonly to: string;
  readonly ident: number;
  readonly sequence: number;
}

export function encodeEchoRequest({ from, to, ident, sequence }: EchoRequest): Uint8Array {
  const [source, target] = [bytesOf(from), bytesOf(to)];
  const body = new Uint8Array(8);
  body[0] = source.length === 4 ? 8 : 128;
  put16(body, 4, ident);
  put16(body, 6, sequence);
  if (source.length === 4) {
    put16(body, 2, ~sum16([body]) & 0xffff);
    return ipPacket(source, target, PROTO_ICMP, body);
  }
  const pseudo = Uint8Array.of(0, 0, 0, body.length, 0, 0, 0, PROTO_ICMP6); // RFC 8200 §8.1
  put16(body, 2, ~sum16([source, target, pseudo, body]) & 0xffff);
  return ipPacket(source, target, PROTO_ICMP6, body);
}

export function encodeTsmpPing(from: string, to: string, data: Uint8Array): Uint8Array {
  return ipPacket(bytesOf(from), bytesOf(to), PROTO_TSMP, concat(Uint8Array.of(TSMP_PING), data));
}

export function encodeTsmpPong(from: string, to: string, data: Uint8Array, peerApiPort: number): Uint8Array {
  const port = new Uint8Array(2);
  put16(port, 0, peerApiPort);
  return ipPacket(bytesOf(from), bytesOf(to), PROTO_TSMP, concat(Uint8Array.of(TSMP_PONG), data, port));
}

/** To whom began a connection from `source`: it was not let in. */
export function encodeRefusal({
  protocol,
  source,
  destination,
  reason,
}: {
  readonly protocol: number;
  readonly source: SockAddr;
  readonly destination: SockAddr;
  readonly reason: keyof typeof REFUSAL_REASONS;
}): Uint8Array {
  const body = Uint8Array.of(TSMP_REFUSED, protocol, REFUSAL_REASONS[reason], 0, 0, 0, 0);
  put16(body, 3, source.port);
  put16(body, 5, destination.port);
  return ipPacket(bytesOf(destination.ip), bytesOf(source.ip), PROTO_TSMP, body);
}

/** Our disco key, told through the tunnel (nat-traversal.md §4.6-2). */
export function encodeDiscoKey(from: string, to: string, key: DiscoKey): Uint8Array {
  return ipPacket(bytesOf(from), bytesOf(to), PROTO_TSMP, encodeAdvertisement(key));
}

/** What a peer answered, asked or told; undefined for anything else. */
export function decodeInner(packet: Uint8Array): InnerReply | undefined {
  const ip = splitIp(packet);
  if (ip === undefined) return undefined;
  const { payload } = ip;
  if (ip.protocol === PROTO_TSMP) return decodeTsmp(ip.from, ip.to, payload);
  const replyType = ip.protocol === PROTO_ICMP ? 0 : ip.protocol === PROTO_ICMP6 ? 129 : -1;
  if (payload.length < 8 || payload[0] !== replyType || payload[1] !== 0) return undefined;
  const word = (at: number): number => ((payload[at] as number) << 8) | (payload[at + 1] as number);
  return { kind: 'echo-reply', from: ip.from, ident: word(4), sequence: word(6) };
}

function decodeTsmp(from: string, to: string, payload: Uint8Array): InnerReply | undefined {
  const key = decodeAdvertisement(payload);
  if (key !== undefined) return { kind: 'disco-key', key };
  if (payload[0] === TSMP_REFUSED) return decodeRefusal(from, to, payload);
  if (payload.length < 1 + TSMP_DATA_BYTES) return undefined;
  const data = payload.slice(1, 1 + TSMP_DATA_BYTES);
  if (payload[0] === TSMP_PING) return { kind: 'tsmp-ping', from, to, data };
  if (payload[0] !== TSMP_PONG) return undefined;
  const peerApiPort = payload.length >= 11 ? ((payload[9] as number) << 8) | (payload[10] as number) : 0;
  return { kind: 'tsmp-pong', from, data, peerApiPort };
}

function decodeRefusal(from: string, to: string, payload: Uint8Array): InnerReply | undefined {
  if (payload.length < REFUSED_BYTES) return undefined;
  const port = (at: number): number => ((payload[at] as number) << 8) | (payload[at + 1] as number);
  const code = payload[2] as number;
  const known = Object.entries(REFUSAL_REASONS).find(([, value]) => value === code);
  return {
    kind: 'refused',
    protocol: payload[1] as number,
    from: formatSockAddr({ ip: to, port: port(3) }),
    to: formatSockAddr({ ip: from, port: port(5) }),
    reason: known?.[0] ?? `0x${code.toString(16).padStart(2, '0')}`,
  };
}

interface IpParts {
  readonly from: string;
  readonly to: string;
  readonly protocol: number;
  readonly payload: Uint8Array;
}

function splitIp(packet: Uint8Array): IpParts | undefined {
  const version = (packet[0] ?? 0) >> 4;
  if (version === 4) {
    const header = ((packet[0] as number) & 15) * 4;
    if (header < 20 || packet.length < header) return undefined;
    return {
      from: formatIp(packet.subarray(12, 16)),
      to: formatIp(packet.subarray(16, 20)),
      protocol: packet[9] as number,
      payload: packet.subarray(header),
    };
  }
  if (version !== 6 || packet.length < 40) return undefined;
  return {
    from: formatIp(packet.subarray(8, 24)),
    to: formatIp(packet.subarray(24, 40)),
    protocol: packet[6] as number,
    payload: packet.subarray(40),
  };
}
