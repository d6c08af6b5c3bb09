/** PCP messages: ANNOUNCE, and MAP for UDP (RFC 6887 §7, §11, §14.1). */
import { type IpBytes, to16, unmap } from '../ip/address.ts';

const VERSION = 2;
const OP_ANNOUNCE = 0;
const OP_MAP = 1;
const REPLY = 0x80;
const HEADER_BYTES = 24;
const MAP_BYTES = 60;
/** RFC 6887 §7: longer ones must be dropped. */
const MAX_BYTES = 1_100;
const PROTOCOL_UDP = 17;
export const NONCE_BYTES = 12;

export const PcpResult = {
  Success: 0,
  UnsupportedVersion: 1,
  NotAuthorized: 2,
  AddressMismatch: 12,
} as const;

export type PcpReply =
  | { readonly type: 'announce'; readonly result: number; readonly epochS: number }
  | {
      readonly type: 'map';
      readonly epochS: number;
      readonly lifetimeS: number;
      readonly nonce: Uint8Array;
      readonly internalPort: number;
      readonly externalPort: number;
      readonly external: IpBytes;
    }
  /** `lifetimeS` is for how long asking again would be refused again (RFC 6887 §7.4). */
  | {
      readonly type: 'refused';
      readonly result: number;
      readonly epochS: number;
      readonly lifetimeS: number;
      readonly nonce: Uint8Array;
    };

export function encodeAnnounce(self: IpBytes): Uint8Array {
  const out = new Uint8Array(HEADER_BYTES);
  out[0] = VERSION;
  out[1] = OP_ANNOUNCE;
  out.set(to16(self), 8);
  return out;
}

export interface PcpMapRequest {
  readonly self: IpBytes;
  /** 12 bytes; the same for renewal and release (RFC 6887 §11.3.2). */
  readonly nonce: Uint8Array;
  readonly internalPort: number;
  /** What we would like: the last one, or 0 and all zeros. */
  readonly externalPort: number;
  readonly external: IpBytes;
  readonly lifetimeS: number;
}

export function encodePcpMap(request: PcpMapRequest): Uint8Array {
  const out = new Uint8Array(MAP_BYTES);
  const view = new DataView(out.buffer);
  out[0] = VERSION;
  out[1] = OP_MAP;
  view.setUint32(4, request.lifetimeS);
  out.set(to16(request.self), 8);
  out.set(request.nonce.subarray(0, NONCE_BYTES), 24);
  out[36] = PROTOCOL_UDP;
  view.setUint16(40, request.internalPort);
  view.setUint16(42, request.externalPort);
  out.set(to16(request.external), 44);
  return out;
}

export function decodePcp(data: Uint8Array): PcpReply | undefined {
  if (data.length < HEADER_BYTES || data.length > MAX_BYTES || data.length % 4 !== 0) return undefined;
  if (data[0] !== VERSION) return undefined;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const result = data[3] as number;
  const epochS = view.getUint32(8);
  if (data[1] === (REPLY | OP_ANNOUNCE)) return { type: 'announce', result, epochS };
  if (data[1] !== (REPLY | OP_MAP) || data.length < MAP_BYTES || data[36] !== PROTOCOL_UDP) return undefined;
  const lifetimeS = view.getUint32(4);
  const nonce = data.slice(24, 24 + NONCE_BYTES);
  if (result !== PcpResult.Success) return { type: 'refused', result, epochS, lifetimeS, nonce };
  return {
    type: 'map',
    epochS,
    lifetimeS,
    nonce,
    internalPort: view.getUint16(40),
    externalPort: view.getUint16(42),
    external: unmap(data.slice(44, 60)),
  };
}
