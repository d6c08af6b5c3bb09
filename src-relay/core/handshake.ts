/** The sealed part of the handshake: who the client is, proven by its node key (nat-traversal.md §1.6). */
import { timingSafeEqual } from 'node:crypto';
import { BOX_NONCE_BYTES, boxShared, openBox, sealBox } from '#shared/crypto/box.ts';
import { randomBytes } from '#shared/crypto/random.ts';
import type { X25519Private } from '#shared/crypto/x25519.ts';
import { PROTOCOL_VERSION } from '#shared/derp/frames.ts';
import {
  type ClientInfo,
  decodeClientInfoJson,
  encodeClientInfoJson,
  encodeServerInfoJson,
} from '#shared/derp/info.ts';
import { decodeClientInfo, encodeClientInfo, encodeServerInfo } from '#shared/derp/messages.ts';

export interface OpenedClientInfo {
  readonly raw: Uint8Array;
  readonly info: ClientInfo;
  /** The answer, sealed with the same shared key, which nobody needs afterwards. */
  readonly serverInfo: Uint8Array;
}

/** Undefined for whatever was not sealed by the owner of the key that it names, or is not what a client says. */
export function openClientInfo(own: X25519Private, payload: Uint8Array): OpenedClientInfo | undefined {
  const sealed = decodeClientInfo(payload);
  const shared = sealed && boxShared(own, sealed.key);
  const json = sealed && shared && openBox(shared, sealed.nonce, sealed.box);
  const info = json && decodeClientInfoJson(json);
  if (sealed === undefined || shared === undefined || info === undefined) return undefined;
  const nonce = randomBytes(BOX_NONCE_BYTES);
  const box = sealBox(shared, nonce, encodeServerInfoJson({ version: PROTOCOL_VERSION }));
  // Not a Buffer: a small plain array lies in the heap, without an allocation of its own.
  return { raw: new Uint8Array(sealed.key), info, serverInfo: encodeServerInfo({ nonce, box }) };
}

/** What a relay says to another: that it is one of them. */
export function sealMeshInfo(
  own: X25519Private,
  server: Uint8Array,
  meshKey: Uint8Array,
): Uint8Array | undefined {
  const shared = boxShared(own, server);
  if (shared === undefined) return undefined;
  const nonce = randomBytes(BOX_NONCE_BYTES);
  const info = encodeClientInfoJson({ version: PROTOCOL_VERSION, canAckPings: true, meshKey });
  return encodeClientInfo(own.publicRaw, { nonce, box: sealBox(shared, nonce, info) });
}

/** In constant time; a relay without a mesh key knows no mesh. */
export const isMeshKey = (ours: Uint8Array | undefined, theirs: Uint8Array | undefined): boolean =>
  ours !== undefined &&
  theirs !== undefined &&
  ours.length === theirs.length &&
  timingSafeEqual(ours, theirs);
