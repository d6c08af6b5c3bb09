/** Layout of the three handshake messages (data-plane.md §1.2): sizes, offsets, and views that copy nothing. */

export const MessageType = { Initiation: 1, Response: 2, CookieReply: 3, Data: 4 } as const;

export const INITIATION_BYTES = 148;
export const RESPONSE_BYTES = 92;
export const COOKIE_REPLY_BYTES = 64;
export const MAC_BYTES = 16;

/** Type 1: u32 type · u32 sender · 32 ephemeral · 48 static · 28 timestamp · 16 mac1 · 16 mac2. */
export interface Initiation {
  readonly sender: number;
  readonly ephemeral: Uint8Array;
  readonly sealedStatic: Uint8Array;
  readonly sealedTimestamp: Uint8Array;
}

/** Type 2: u32 type · u32 sender · u32 receiver · 32 ephemeral · 16 empty · 16 mac1 · 16 mac2. */
export interface Response {
  readonly sender: number;
  readonly receiver: number;
  readonly ephemeral: Uint8Array;
  readonly sealedNothing: Uint8Array;
}

/** Type 3: u32 type · u32 receiver · 24 nonce · 32 sealed cookie. */
export interface CookieReply {
  readonly receiver: number;
  readonly nonce: Uint8Array;
  readonly sealedCookie: Uint8Array;
}

export const readU32 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)) >>>
  0;

export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

/** The message type when the four first bytes are one of ours, else 0. */
export function messageType(bytes: Uint8Array): number {
  if (bytes.length < 4 || bytes[1] !== 0 || bytes[2] !== 0 || bytes[3] !== 0) return 0;
  const type = bytes[0] as number;
  return type <= MessageType.Data ? type : 0;
}

export function encodeInitiation(message: Initiation): Uint8Array {
  const out = new Uint8Array(INITIATION_BYTES);
  out[0] = MessageType.Initiation;
  writeU32(out, 4, message.sender);
  out.set(message.ephemeral, 8);
  out.set(message.sealedStatic, 40);
  out.set(message.sealedTimestamp, 88);
  return out;
}

export function decodeInitiation(bytes: Uint8Array): Initiation | undefined {
  if (bytes.length !== INITIATION_BYTES || messageType(bytes) !== MessageType.Initiation) return undefined;
  return {
    sender: readU32(bytes, 4),
    ephemeral: bytes.subarray(8, 40),
    sealedStatic: bytes.subarray(40, 88),
    sealedTimestamp: bytes.subarray(88, 116),
  };
}

export function encodeResponse(message: Response): Uint8Array {
  const out = new Uint8Array(RESPONSE_BYTES);
  out[0] = MessageType.Response;
  writeU32(out, 4, message.sender);
  writeU32(out, 8, message.receiver);
  out.set(message.ephemeral, 12);
  out.set(message.sealedNothing, 44);
  return out;
}

export function decodeResponse(bytes: Uint8Array): Response | undefined {
  if (bytes.length !== RESPONSE_BYTES || messageType(bytes) !== MessageType.Response) return undefined;
  return {
    sender: readU32(bytes, 4),
    receiver: readU32(bytes, 8),
    ephemeral: bytes.subarray(12, 44),
    sealedNothing: bytes.subarray(44, 60),
  };
}

export function encodeCookieReply(message: CookieReply): Uint8Array {
  const out = new Uint8Array(COOKIE_REPLY_BYTES);
  out[0] = MessageType.CookieReply;
  writeU32(out, 4, message.receiver);
  out.set(message.nonce, 8);
  out.set(message.sealedCookie, 32);
  return out;
}

export function decodeCookieReply(bytes: Uint8Array): CookieReply | undefined {
  if (bytes.length !== COOKIE_REPLY_BYTES || messageType(bytes) !== MessageType.CookieReply) return undefined;
  return {
    receiver: readU32(bytes, 4),
    nonce: bytes.subarray(8, 32),
    sealedCookie: bytes.subarray(32, 64),
  };
}
