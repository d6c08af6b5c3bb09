/** The outer form of the relay protocol: frame types, limits, and writing one frame (nat-traversal.md §1.1, §1.5). */

export const FrameType = {
  ServerKey: 0x01,
  ClientInfo: 0x02,
  ServerInfo: 0x03,
  SendPacket: 0x04,
  RecvPacket: 0x05,
  KeepAlive: 0x06,
  NotePreferred: 0x07,
  PeerGone: 0x08,
  PeerPresent: 0x09,
  ForwardPacket: 0x0a,
  WatchConns: 0x10,
  ClosePeer: 0x11,
  Ping: 0x12,
  Pong: 0x13,
  Health: 0x14,
  Restarting: 0x15,
} as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

export const PROTOCOL_VERSION = 2;
/** type(1) · payload length(4, big-endian, without these five). */
export const HEADER_BYTES = 5;
/** Raw node keys, in every frame that names a client. */
export const KEY_BYTES = 32;
/** The carried packet alone, without keys. */
export const MAX_PACKET_BYTES = 65_536;
/** What a client accepts of any frame; a longer one ends the connection. */
export const MAX_CLIENT_FRAME_BYTES = 1 << 20;
/** What a server accepts as client info. */
export const MAX_CLIENT_INFO_BYTES = 256 * 1_024;
/** What a client accepts as the server's greeting. */
export const MAX_SERVER_KEY_BYTES = 1_024;
/** What a server accepts of a ping; all beyond the first eight bytes is ignored. */
export const MAX_PING_BYTES = 1_000;
export const PING_BYTES = 8;

/** Writes the five bytes at `at`. */
export function writeHeader(out: Uint8Array, at: number, type: number, length: number): void {
  out[at] = type;
  out[at + 1] = length >>> 24;
  out[at + 2] = length >>> 16;
  out[at + 3] = length >>> 8;
  out[at + 4] = length;
}

/** One whole frame; the payload is the parts one after the other. */
export function encodeFrame(type: number, ...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const out = new Uint8Array(HEADER_BYTES + length);
  writeHeader(out, 0, type, length);
  let at = HEADER_BYTES;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
