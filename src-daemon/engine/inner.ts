/** The few header fields of an inner IP packet that routing needs; a view by offsets, nothing is copied. */

export const PROTOCOL_ICMP = 1;
export const PROTOCOL_TCP = 6;
export const PROTOCOL_ICMPV6 = 58;
/** Tailscale's in-tunnel messages. */
export const PROTOCOL_TSMP = 99;

const V4_HEADER = 20;
const V6_HEADER = 40;

/** 4, 6, or 0 for what is no IP packet. */
export function ipVersion(packet: Uint8Array, length: number): 0 | 4 | 6 {
  const version = length === 0 ? 0 : (packet[0] as number) >> 4;
  if (version === 4) return length >= V4_HEADER ? 4 : 0;
  if (version === 6) return length >= V6_HEADER ? 6 : 0;
  return 0;
}

/** The packet's own length by its header; 0 when the header claims more than there is or less than itself. */
export function ipLength(packet: Uint8Array, length: number, version: 4 | 6): number {
  if (version === 4) {
    const total = ((packet[2] as number) << 8) | (packet[3] as number);
    return total >= V4_HEADER && total <= length ? total : 0;
  }
  const total = V6_HEADER + (((packet[4] as number) << 8) | (packet[5] as number));
  return total <= length ? total : 0;
}

export const addressSize = (version: 4 | 6): 4 | 16 => (version === 4 ? 4 : 16);
export const sourceAt = (version: 4 | 6): number => (version === 4 ? 12 : 8);
export const destinationAt = (version: 4 | 6): number => (version === 4 ? 16 : 24);
export const protocolOf = (packet: Uint8Array, version: 4 | 6): number =>
  packet[version === 4 ? 9 : 6] as number;

/** Whether an IPv4 packet is a piece of a larger one. */
export const isFragmentV4 = (packet: Uint8Array): boolean =>
  ((((packet[6] as number) << 8) | (packet[7] as number)) & 0x3fff) !== 0;

const ECHO_REQUEST_V4 = 8;
const ECHO_REPLY_V4 = 0;
const ECHO_REQUEST_V6 = 128;
const ECHO_REPLY_V6 = 129;

/** Identifier of an unfragmented ICMP echo, or -1. */
export function echoIdent(
  packet: Uint8Array,
  length: number,
  version: 4 | 6,
  what: 'request' | 'reply',
): number {
  let at = V6_HEADER;
  let type = what === 'request' ? ECHO_REQUEST_V6 : ECHO_REPLY_V6;
  if (version === 4) {
    if (isFragmentV4(packet) || packet[9] !== PROTOCOL_ICMP) return -1;
    at = ((packet[0] as number) & 15) * 4;
    type = what === 'request' ? ECHO_REQUEST_V4 : ECHO_REPLY_V4;
  } else if (packet[6] !== PROTOCOL_ICMPV6) {
    return -1;
  }
  if (length < at + 8 || packet[at] !== type || packet[at + 1] !== 0) return -1;
  return ((packet[at + 4] as number) << 8) | (packet[at + 5] as number);
}
