/** Every frame of the relay protocol, written and read; keys are raw 32 bytes here (nat-traversal.md §1.5). */
import { equal, utf8 } from '../bytes/bytes.ts';
import { formatIp, parseIp, type SockAddr, to16, unmap } from '../ip/address.ts';
import { encodeFrame, FrameType, HEADER_BYTES, KEY_BYTES, PING_BYTES, writeHeader } from './frames.ts';

/** `DERP` and a key in UTF-8. */
const DERP_MAGIC: Uint8Array = Uint8Array.of(0x44, 0x45, 0x52, 0x50, 0xf0, 0x9f, 0x94, 0x91);
export const NONCE_BYTES = 24;
const ADDRESS_BYTES = 18;

export const PeerGoneReason = {
  /** A peer that had sent to us on this connection left the region. */
  Disconnected: 0x00,
  /** The answer to a packet for a key that is not there. */
  NotHere: 0x01,
  /** Invented by a mesh client when its link breaks; never on the wire. */
  MeshBroke: 0xf0,
} as const;

export const PresentFlag = { Regular: 1, MeshPeer: 2, Prober: 4, NotIdeal: 8 } as const;

/** magic(8) · server's public key(32) · bytes of the future. */
export const encodeServerKey = (key: Uint8Array): Uint8Array =>
  encodeFrame(FrameType.ServerKey, DERP_MAGIC, key);

/** The server's public key, as a view; undefined when it is not a greeting. */
export function decodeServerKey(payload: Uint8Array): Uint8Array | undefined {
  const at = DERP_MAGIC.length;
  if (payload.length < at + KEY_BYTES || !equal(payload.subarray(0, at), DERP_MAGIC)) return undefined;
  return payload.subarray(at, at + KEY_BYTES);
}

export interface SealedInfo {
  readonly nonce: Uint8Array;
  /** NaCl box, tag first. */
  readonly box: Uint8Array;
}

/** client's public key(32) · nonce(24) · box. */
export const encodeClientInfo = (key: Uint8Array, sealed: SealedInfo): Uint8Array =>
  encodeFrame(FrameType.ClientInfo, key, sealed.nonce, sealed.box);

export function decodeClientInfo(
  payload: Uint8Array,
): (SealedInfo & { readonly key: Uint8Array }) | undefined {
  if (payload.length < KEY_BYTES + NONCE_BYTES) return undefined;
  const sealed = decodeServerInfo(payload.subarray(KEY_BYTES));
  return sealed === undefined ? undefined : { key: payload.subarray(0, KEY_BYTES), ...sealed };
}

/** nonce(24) · box. */
export const encodeServerInfo = (sealed: SealedInfo): Uint8Array =>
  encodeFrame(FrameType.ServerInfo, sealed.nonce, sealed.box);

export function decodeServerInfo(payload: Uint8Array): SealedInfo | undefined {
  if (payload.length < NONCE_BYTES) return undefined;
  return { nonce: payload.subarray(0, NONCE_BYTES), box: payload.subarray(NONCE_BYTES) };
}

/** A packet and the client that it goes to or comes from. */
export interface KeyedPacket {
  readonly key: Uint8Array;
  readonly packet: Uint8Array;
}

export const encodeSendPacket = (to: Uint8Array, packet: Uint8Array): Uint8Array =>
  encodeFrame(FrameType.SendPacket, to, packet);
export const encodeRecvPacket = (from: Uint8Array, packet: Uint8Array): Uint8Array =>
  encodeFrame(FrameType.RecvPacket, from, packet);

/** Both views; undefined when too short. The same layout serves SendPacket (destination) and RecvPacket (source). */
export function decodeKeyedPacket(payload: Uint8Array): KeyedPacket | undefined {
  if (payload.length < KEY_BYTES) return undefined;
  return { key: payload.subarray(0, KEY_BYTES), packet: payload.subarray(KEY_BYTES) };
}

export const encodeForwardPacket = (from: Uint8Array, to: Uint8Array, packet: Uint8Array): Uint8Array =>
  encodeFrame(FrameType.ForwardPacket, from, to, packet);

export function decodeForwardPacket(
  payload: Uint8Array,
): { readonly from: Uint8Array; readonly to: Uint8Array; readonly packet: Uint8Array } | undefined {
  if (payload.length < 2 * KEY_BYTES) return undefined;
  return {
    from: payload.subarray(0, KEY_BYTES),
    to: payload.subarray(KEY_BYTES, 2 * KEY_BYTES),
    packet: payload.subarray(2 * KEY_BYTES),
  };
}

export const encodeKeepAlive = (): Uint8Array => encodeFrame(FrameType.KeepAlive);

export const encodeNotePreferred = (isHome: boolean): Uint8Array =>
  encodeFrame(FrameType.NotePreferred, Uint8Array.of(isHome ? 1 : 0));

/** Strict, as servers are; any byte but 0 counts as home. */
export const decodeNotePreferred = (payload: Uint8Array): boolean | undefined =>
  payload.length === 1 ? payload[0] !== 0 : undefined;

export const encodePeerGone = (key: Uint8Array, reason: number): Uint8Array =>
  encodeFrame(FrameType.PeerGone, key, Uint8Array.of(reason));

/** Old servers leave the reason out. */
export function decodePeerGone(
  payload: Uint8Array,
): { readonly key: Uint8Array; readonly reason: number } | undefined {
  if (payload.length < KEY_BYTES) return undefined;
  return { key: payload.subarray(0, KEY_BYTES), reason: payload[KEY_BYTES] ?? PeerGoneReason.Disconnected };
}

export interface PeerPresent {
  readonly key: Uint8Array;
  readonly addr: SockAddr | undefined;
  readonly flags: number | undefined;
}

/** key(32) · address as IPv6(16) · port(2) · flags(1); an unknown address is written as zeros. */
export function encodePeerPresent(present: PeerPresent): Uint8Array {
  const tail = new Uint8Array(ADDRESS_BYTES + 1);
  const ip = present.addr === undefined ? undefined : parseIp(present.addr.ip);
  if (ip !== undefined && present.addr !== undefined) {
    tail.set(to16(ip));
    tail[16] = present.addr.port >> 8;
    tail[17] = present.addr.port & 255;
  }
  tail[ADDRESS_BYTES] = present.flags ?? 0;
  return encodeFrame(FrameType.PeerPresent, present.key, tail);
}

/** Old servers leave the address or the flags out. */
export function decodePeerPresent(payload: Uint8Array): PeerPresent | undefined {
  if (payload.length < KEY_BYTES) return undefined;
  const key = payload.subarray(0, KEY_BYTES);
  const rest = payload.subarray(KEY_BYTES);
  if (rest.length < ADDRESS_BYTES) return { key, addr: undefined, flags: undefined };
  const port = ((rest[16] as number) << 8) | (rest[17] as number);
  const addr = { ip: formatIp(unmap(rest.subarray(0, 16))), port };
  return { key, addr, flags: rest[ADDRESS_BYTES] };
}

export const encodeWatchConns = (): Uint8Array => encodeFrame(FrameType.WatchConns);

export const encodeClosePeer = (key: Uint8Array): Uint8Array => encodeFrame(FrameType.ClosePeer, key);

export const decodeClosePeer = (payload: Uint8Array): Uint8Array | undefined =>
  payload.length === KEY_BYTES ? payload : undefined;

export const encodePing = (data: Uint8Array): Uint8Array => encodeFrame(FrameType.Ping, data);
export const encodePong = (data: Uint8Array): Uint8Array => encodeFrame(FrameType.Pong, data);

/** The eight bytes of a ping or pong, as a view; longer ones are cut, shorter ones give undefined. */
export const decodePing = (payload: Uint8Array): Uint8Array | undefined =>
  payload.length < PING_BYTES ? undefined : payload.subarray(0, PING_BYTES);

/** An empty problem says that all is well again. */
export const encodeHealth = (problem: string): Uint8Array => encodeFrame(FrameType.Health, utf8(problem));

const MAX_PROBLEM_BYTES = 1_024;
const decoder = new TextDecoder();

/** What is not UTF-8 is replaced, what is longer than a user would read is cut. */
export const decodeHealth = (payload: Uint8Array): string =>
  decoder.decode(payload.subarray(0, MAX_PROBLEM_BYTES));

export interface Restarting {
  /** How long to wait before reconnecting: the server spreads its clients with it. */
  readonly reconnectInMs: number;
  /** How long to keep trying before this counts as a failure. */
  readonly tryForMs: number;
}

export function encodeRestarting(restarting: Restarting): Uint8Array {
  const out = new Uint8Array(HEADER_BYTES + 8);
  writeHeader(out, 0, FrameType.Restarting, 8);
  const view = new DataView(out.buffer, HEADER_BYTES);
  view.setUint32(0, restarting.reconnectInMs);
  view.setUint32(4, restarting.tryForMs);
  return out;
}

export function decodeRestarting(payload: Uint8Array): Restarting | undefined {
  if (payload.length < 8) return undefined;
  const view = new DataView(payload.buffer, payload.byteOffset, 8);
  return { reconnectInMs: view.getUint32(0), tryForMs: view.getUint32(4) };
}
