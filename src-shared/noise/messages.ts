/** Byte layouts of the control channel's handshake messages (control-protocol.md §3.5); no cryptography here. */
import { concat, utf8 } from '../bytes/bytes.ts';

export const PROTOCOL_NAME = 'Noise_IK_25519_ChaChaPoly_BLAKE2s';
/** The value of the `Upgrade` header; exact lower case, because peers compare bytes. */
export const UPGRADE_PROTOCOL = 'tailscale-control-protocol';
/** Carries the initiation as padded standard base64. */
export const HANDSHAKE_HEADER = 'x-tailscale-handshake';
export const UPGRADE_PATH = '/ts2021';

export const MessageType = { Initiation: 1, Response: 2, Error: 3, Record: 4 } as const;
export type MessageType = (typeof MessageType)[keyof typeof MessageType];

/** Type (1) and big-endian length (2): every message but the initiation. */
export const HEADER_BYTES = 3;
export const INITIATION_BYTES = 101;
export const RESPONSE_BYTES = 51;
/** The longest frame, header included, and the longest body. */
export const MAX_FRAME_BYTES = 4_096;
export const MAX_BODY_BYTES = MAX_FRAME_BYTES - HEADER_BYTES;

const INITIATION_BODY = 96;
const RESPONSE_BODY = 48;

/** The version is part of the prologue, so that changing it on the way breaks the handshake. */
export const prologue = (version: number): Uint8Array => utf8(`Tailscale Control Protocol v${version}`);

/** Version (2, BE) · type (1) · length (2, BE) · ephemeral (32) · sealed machine key (48) · tag (16). */
export interface Initiation {
  readonly version: number;
  readonly ephemeral: Uint8Array;
  readonly sealedStatic: Uint8Array;
  readonly tag: Uint8Array;
}

export function encodeInitiation(message: Initiation): Uint8Array {
  const header = Uint8Array.of(
    message.version >> 8,
    message.version & 0xff,
    MessageType.Initiation,
    0,
    INITIATION_BODY,
  );
  return concat(header, message.ephemeral, message.sealedStatic, message.tag);
}

export function decodeInitiation(bytes: Uint8Array): Initiation | undefined {
  if (bytes.length !== INITIATION_BYTES) return undefined;
  const [high = 0, low = 0, type, lengthHigh, lengthLow] = bytes;
  if (type !== MessageType.Initiation || lengthHigh !== 0 || lengthLow !== INITIATION_BODY) return undefined;
  return {
    version: (high << 8) | low,
    ephemeral: bytes.subarray(5, 37),
    sealedStatic: bytes.subarray(37, 85),
    tag: bytes.subarray(85),
  };
}

/** Type (1) · length (2, BE) · ephemeral (32) · tag (16). */
export interface Response {
  readonly ephemeral: Uint8Array;
  readonly tag: Uint8Array;
}

export const encodeResponse = (message: Response): Uint8Array =>
  concat(Uint8Array.of(MessageType.Response, 0, RESPONSE_BODY), message.ephemeral, message.tag);

export function decodeResponse(bytes: Uint8Array): Response | undefined {
  if (bytes.length !== RESPONSE_BYTES) return undefined;
  if (bytes[0] !== MessageType.Response || bytes[1] !== 0 || bytes[2] !== RESPONSE_BODY) return undefined;
  return { ephemeral: bytes.subarray(3, 35), tag: bytes.subarray(35) };
}

/** What the first bytes after the HTTP upgrade are; a client asks again with more bytes while it is `more`. */
export type FirstMessage =
  | { readonly kind: 'more' }
  | { readonly kind: 'response'; readonly message: Uint8Array; readonly rest: Uint8Array }
  /** Unauthenticated: anyone on the way can have written it, so it is a hint for the user and no more. */
  | { readonly kind: 'refused'; readonly text: string }
  | { readonly kind: 'malformed' };

const MAX_REFUSAL_BYTES = 512;

export function splitFirstMessage(bytes: Uint8Array): FirstMessage {
  const [type, high = 0, low = 0] = bytes;
  if (bytes.length < HEADER_BYTES) return { kind: 'more' };
  const length = (high << 8) | low;
  const end = HEADER_BYTES + length;
  if (type === MessageType.Response && length === RESPONSE_BODY) {
    if (bytes.length < end) return { kind: 'more' };
    return { kind: 'response', message: bytes.subarray(0, end), rest: bytes.subarray(end) };
  }
  if (type === MessageType.Error && length <= MAX_BODY_BYTES) {
    if (bytes.length < end) return { kind: 'more' };
    const text = new TextDecoder().decode(bytes.subarray(HEADER_BYTES, Math.min(end, MAX_REFUSAL_BYTES)));
    return { kind: 'refused', text: printable(text) };
  }
  return { kind: 'malformed' };
}

/** Strangers' text for a log or a terminal: no control characters. */
const printable = (text: string): string => text.replace(/[\p{Cc}\p{Cf}]+/gu, ' ').trim();
