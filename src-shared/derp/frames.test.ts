/** The frames of the relay protocol against the vectors of nat-traversal.md §10.5. */
import { expect, test } from 'vitest';
import { concat, utf8 } from '../bytes/bytes.ts';
import { fromHex, toHex } from '../bytes/hex.ts';
import { encodeFrame, FrameType, HEADER_BYTES } from './frames.ts';
import * as m from './messages.ts';

const hex = (text: string): Uint8Array => {
  const bytes = fromHex(text);
  if (bytes === undefined) throw new TypeError(text);
  return bytes;
};
const NODE_A = hex('64b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d48466');
const NODE_B = hex('244fe3b963e899dd295baffce248d3530f3a9a7479ba063002680ebfe7adad49');
const DERP_S = hex('883186b800b41d5cf0429695da9b3cc4f328ebcd184a6e482fa578c103f06c77');
const bytesFrom = (first: number, count: number): Uint8Array =>
  Uint8Array.from({ length: count }, (_, i) => first + i);
const DATA = hex('deadbeef');
const PING = bytesFrom(1, 8);
const body = (frame: Uint8Array): Uint8Array => frame.subarray(HEADER_BYTES);

const A = toHex(NODE_A);
const B = toHex(NODE_B);
test.each([
  ['ServerKey', m.encodeServerKey(DERP_S), `010000002844455250f09f9491${toHex(DERP_S)}`],
  ['SendPacket', m.encodeSendPacket(NODE_B, DATA), `0400000024${B}deadbeef`],
  ['RecvPacket', m.encodeRecvPacket(NODE_A, DATA), `0500000024${A}deadbeef`],
  ['ForwardPacket', m.encodeForwardPacket(NODE_A, NODE_B, DATA), `0a00000044${A}${B}deadbeef`],
  ['KeepAlive', m.encodeKeepAlive(), '0600000000'],
  ['NotePreferred', m.encodeNotePreferred(true), '070000000101'],
  ['PeerGone', m.encodePeerGone(NODE_B, m.PeerGoneReason.NotHere), `0800000021${B}01`],
  [
    'PeerPresent',
    m.encodePeerPresent({
      key: NODE_A,
      addr: { ip: '192.0.2.1', port: 41_641 },
      flags: m.PresentFlag.Regular,
    }),
    `0900000033${A}00000000000000000000ffffc0000201a2a901`,
  ],
  ['WatchConns', m.encodeWatchConns(), '1000000000'],
  ['ClosePeer', m.encodeClosePeer(NODE_B), `1100000020${B}`],
  ['Ping', m.encodePing(PING), '12000000080102030405060708'],
  ['Pong', m.encodePong(PING), '13000000080102030405060708'],
  ['Health', m.encodeHealth('BAD'), '1400000003424144'],
  ['healthy', m.encodeHealth(''), '1400000000'],
  ['Restarting', m.encodeRestarting({ reconnectInMs: 1, tryForMs: 2 }), '15000000080000000100000002'],
])('%s has the bytes of the vector', (_, frame, wanted) => expect(toHex(frame)).toBe(wanted));

test('what was written is read back', () => {
  expect(m.decodeServerKey(body(m.encodeServerKey(DERP_S)))).toEqual(DERP_S);
  expect(m.decodeKeyedPacket(body(m.encodeSendPacket(NODE_B, DATA)))).toEqual({ key: NODE_B, packet: DATA });
  expect(m.decodeForwardPacket(body(m.encodeForwardPacket(NODE_A, NODE_B, DATA)))).toEqual({
    from: NODE_A,
    to: NODE_B,
    packet: DATA,
  });
  expect(m.decodeNotePreferred(body(m.encodeNotePreferred(false)))).toBe(false);
  expect(m.decodePeerGone(body(m.encodePeerGone(NODE_B, 1)))).toEqual({ key: NODE_B, reason: 1 });
  const present = { key: NODE_A, addr: { ip: '2001:db8::1', port: 1 }, flags: 9 };
  expect(m.decodePeerPresent(body(m.encodePeerPresent(present)))).toEqual(present);
  expect(m.decodeClosePeer(body(m.encodeClosePeer(NODE_B)))).toEqual(NODE_B);
  expect(m.decodePing(body(m.encodePing(PING)))).toEqual(PING);
  expect(m.decodeHealth(body(m.encodeHealth('BAD')))).toBe('BAD');
  expect(m.decodeRestarting(body(m.encodeRestarting({ reconnectInMs: 4e9, tryForMs: 2 })))).toEqual({
    reconnectInMs: 4e9,
    tryForMs: 2,
  });
});

test('the greeting may grow, and must have the magic', () => {
  const good = body(m.encodeServerKey(DERP_S));
  expect(m.decodeServerKey(concat(good, DATA))).toEqual(DERP_S);
  expect(m.decodeServerKey(good.subarray(0, 39))).toBeUndefined();
  expect(m.decodeServerKey(concat(utf8('derp'), good.subarray(4)))).toBeUndefined();
});

test('old servers leave fields out, short frames are no frames', () => {
  expect(m.decodePeerGone(NODE_B)).toEqual({ key: NODE_B, reason: m.PeerGoneReason.Disconnected });
  expect(m.decodePeerPresent(NODE_A)).toEqual({ key: NODE_A, addr: undefined, flags: undefined });
  const whole = body(
    m.encodePeerPresent({ key: NODE_A, addr: { ip: '192.0.2.1', port: 7 }, flags: undefined }),
  );
  expect(m.decodePeerPresent(whole.subarray(0, 50))).toMatchObject({ addr: { port: 7 }, flags: undefined });
  const short = new Uint8Array(31);
  for (const decode of [
    m.decodeKeyedPacket,
    m.decodeForwardPacket,
    m.decodePeerGone,
    m.decodePeerPresent,
    m.decodeClosePeer,
    m.decodeClientInfo,
  ])
    expect(decode(short)).toBeUndefined();
  const seven = new Uint8Array(7);
  for (const decode of [m.decodePing, m.decodeRestarting, m.decodeServerInfo, m.decodeNotePreferred])
    expect(decode(seven)).toBeUndefined();
  expect(m.decodePing(bytesFrom(1, 9))).toEqual(PING);
});

test('a payload in several parts is one frame, and its length has four bytes', () => {
  expect(toHex(encodeFrame(FrameType.Ping, DATA, DATA))).toBe('1200000008deadbeefdeadbeef');
  expect(toHex(encodeFrame(FrameType.SendPacket, new Uint8Array(0x01_02_03)).subarray(0, 5))).toBe(
    '0400010203',
  );
});

test('the infos are cut where their boxes begin', () => {
  const nonce = bytesFrom(0, 24);
  const frame = m.encodeClientInfo(NODE_A, { nonce, box: DATA });
  expect(toHex(frame)).toBe(`020000003c${A}${toHex(nonce)}deadbeef`);
  expect(m.decodeClientInfo(body(frame))).toEqual({ key: NODE_A, nonce, box: DATA });
  expect(toHex(m.encodeServerInfo({ nonce, box: DATA }))).toBe(`030000001c${toHex(nonce)}deadbeef`);
  expect(m.decodeServerInfo(concat(nonce, DATA))).toEqual({ nonce, box: DATA });
});
