/** The sealed infos of the relay protocol against the vectors of nat-traversal.md §10.5. */
import { expect, test } from 'vitest';
import { fromHex, toHex } from '#shared/bytes/hex.ts';
import { boxShared, openBox, sealBox } from '#shared/crypto/box.ts';
import { importPrivate } from '#shared/crypto/x25519.ts';
import { HEADER_BYTES } from '#shared/derp/frames.ts';
import { decodeClientInfoJson, encodeClientInfoJson, encodeServerInfoJson } from '#shared/derp/info.ts';
import * as m from '#shared/derp/messages.ts';

const hex = (text: string): Uint8Array => {
  const bytes = fromHex(text);
  if (bytes === undefined) throw new TypeError(text);
  return bytes;
};
const NODE_A = hex('64b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d48466');
const DERP_S = hex('883186b800b41d5cf0429695da9b3cc4f328ebcd184a6e482fa578c103f06c77');
const bytesFrom = (first: number, count: number): Uint8Array =>
  Uint8Array.from({ length: count }, (_, i) => first + i);
const body = (frame: Uint8Array): Uint8Array => frame.subarray(HEADER_BYTES);

const clamped = (first: number): Uint8Array => {
  const raw = bytesFrom(first, 32);
  raw[0] = (raw[0] as number) & 248;
  raw[31] = ((raw[31] as number) & 127) | 64;
  return raw;
};
const shared = boxShared(importPrivate(clamped(0x41)), DERP_S);

test.each([
  [
    'a plain client',
    0,
    { version: 2, canAckPings: true },
    '020000006864b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d48466000102030405060708090a0b0c0d0e0f101112131415161750744d2b48c60258c6955058614270d21f52aabc2f434414d1b067cd4ad462d28122206dfefacc325e3d652eec52ae6b',
  ],
  [
    'a mesh client',
    0x30,
    { version: 2, canAckPings: false, meshKey: new Uint8Array(32).fill(0xab) },
    '02000000b664b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d48466303132333435363738393a3b3c3d3e3f404142434445464749f0b03a61ad8357bea4079f859285183c39fda5fe8ad0ad51fee708fdeb3697451f38a994fc5ba372017bc637296d23fa62904b3a394c1de9c7fe05344a5b0c7a4130843d1aae32a48094bb7f41d862fb3e9e1ee002457661f4ba63354901ae7d9d5804e43e3227da4f82a5aabe8cb54b167e127dae22f06c8063c98897',
  ],
])('client info of %s has the bytes of the vector and opens again', (_, firstNonce, info, wanted) => {
  if (shared === undefined) throw new TypeError('no shared key');
  const nonce = bytesFrom(firstNonce, 24);
  const frame = m.encodeClientInfo(NODE_A, {
    nonce,
    box: sealBox(shared, nonce, encodeClientInfoJson(info)),
  });
  expect(toHex(frame)).toBe(wanted);
  const read = m.decodeClientInfo(body(frame));
  expect(read?.key).toEqual(NODE_A);
  const opened = read && openBox(shared, read.nonce, read.box);
  expect(opened && decodeClientInfoJson(opened)).toEqual({
    isProber: false,
    appName: '',
    meshKey: undefined,
    ...info,
  });
});

test('server info has the bytes of the vector', () => {
  if (shared === undefined) throw new TypeError('no shared key');
  const nonce = bytesFrom(0x18, 24);
  const frame = m.encodeServerInfo({
    nonce,
    box: sealBox(shared, nonce, encodeServerInfoJson({ version: 2 })),
  });
  expect(toHex(frame)).toBe(
    '030000003518191a1b1c1d1e1f202122232425262728292a2b2c2d2e2fe19ec17f3155d8f5fbaec57b76df969ae30b47e465dd8021cf66ea9955',
  );
  expect(m.decodeServerInfo(body(frame))?.nonce).toEqual(nonce);
});
