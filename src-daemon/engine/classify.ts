/** What a datagram on our port is, by its first bytes and nothing more (data-plane.md §7.7; length checks come later). */
import { MessageType, messageType } from '../wireguard/messages.ts';

export const Kind = {
  Junk: 0,
  Initiation: MessageType.Initiation,
  Response: MessageType.Response,
  CookieReply: MessageType.CookieReply,
  Data: MessageType.Data,
  Disco: 5,
  Stun: 6,
  /** Through a peer relay; nothing here speaks it yet. */
  Geneve: 7,
} as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

/** Magic, sender's key, nonce. */
const DISCO_HEADER = 6 + 32 + 24;
const STUN_HEADER = 20;
const GENEVE_HEADER = 8;

export function classify(datagram: Uint8Array): Kind {
  const type = messageType(datagram);
  if (type !== 0) return type as Kind;
  if (isDisco(datagram)) return Kind.Disco;
  if (isStun(datagram)) return Kind.Stun;
  return isGeneve(datagram) ? Kind.Geneve : Kind.Junk;
}

const isDisco = (d: Uint8Array): boolean =>
  d.length >= DISCO_HEADER &&
  d[0] === 0x54 &&
  d[1] === 0x53 &&
  d[2] === 0xf0 &&
  d[3] === 0x9f &&
  d[4] === 0x92 &&
  d[5] === 0xac;

/** RFC 8489 §5: two zero bits, the length, and the magic cookie. */
const isStun = (d: Uint8Array): boolean =>
  d.length >= STUN_HEADER &&
  ((d[0] as number) & 0xc0) === 0 &&
  d[4] === 0x21 &&
  d[5] === 0x12 &&
  d[6] === 0xa4 &&
  d[7] === 0x42;

/** Version 0, no options, protocol 0x7a11 (disco) or 0x7a12 (WireGuard). */
const isGeneve = (d: Uint8Array): boolean =>
  d.length >= GENEVE_HEADER && d[0] === 0 && d[2] === 0x7a && (d[3] === 0x11 || d[3] === 0x12) && d[7] === 0;
