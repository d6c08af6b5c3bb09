/** NAT-PMP messages (RFC 6886 §3). */
import type { IpBytes } from '../ip/address.ts';

/** NAT-PMP and PCP share the server's port; announcements come to the clients' one (RFC 6886 §3.2.1, RFC 6887 §19.1). */
export const SERVER_PORT = 5351;
export const ANNOUNCE_PORT = 5350;

const VERSION = 0;
const OP_ADDRESS = 0;
const OP_MAP_UDP = 1;
const REPLY = 0x80;
const MAP_BYTES = 12;
const MAP_REPLY_BYTES = 16;
const ADDRESS_REPLY_BYTES = 12;
/** Refusals may be shorter than what they refuse: version, opcode, result, epoch. */
const HEADER_BYTES = 8;

export const PmpResult = {
  Ok: 0,
  UnsupportedVersion: 1,
  NotAuthorized: 2,
  NetworkFailure: 3,
  OutOfResources: 4,
  UnsupportedOpcode: 5,
} as const;

export type PmpReply =
  | { readonly type: 'address'; readonly epochS: number; readonly ip: IpBytes }
  | {
      readonly type: 'map';
      readonly epochS: number;
      readonly internalPort: number;
      readonly externalPort: number;
      readonly lifetimeS: number;
    }
  | { readonly type: 'refused'; readonly op: 'address' | 'map'; readonly result: number };

export const encodeAddressRequest = (): Uint8Array => Uint8Array.of(VERSION, OP_ADDRESS);

/** Lifetime 0 releases the mapping; the external port must be 0 then (RFC 6886 §3.4). */
export function encodePmpMap(request: {
  readonly internalPort: number;
  readonly externalPort: number;
  readonly lifetimeS: number;
}): Uint8Array {
  const out = new Uint8Array(MAP_BYTES);
  const view = new DataView(out.buffer);
  out[1] = OP_MAP_UDP;
  view.setUint16(4, request.internalPort);
  view.setUint16(6, request.externalPort);
  view.setUint32(8, request.lifetimeS);
  return out;
}

export function decodePmp(data: Uint8Array): PmpReply | undefined {
  if (data.length < HEADER_BYTES || data[0] !== VERSION) return undefined;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const isMap = data[1] === (REPLY | OP_MAP_UDP);
  if (!isMap && data[1] !== (REPLY | OP_ADDRESS)) return undefined;
  const result = view.getUint16(2);
  if (result !== PmpResult.Ok) return { type: 'refused', op: isMap ? 'map' : 'address', result };
  const epochS = view.getUint32(4);
  if (!isMap)
    return data.length === ADDRESS_REPLY_BYTES
      ? { type: 'address', epochS, ip: data.slice(8, 12) }
      : undefined;
  if (data.length !== MAP_REPLY_BYTES) return undefined;
  return {
    type: 'map',
    epochS,
    internalPort: view.getUint16(8),
    externalPort: view.getUint16(10),
    lifetimeS: view.getUint32(12),
  };
}
