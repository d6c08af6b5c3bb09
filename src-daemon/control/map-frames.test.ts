/** Map frames: the vectors of control-protocol.md §12.5, every split, and every kind of damage. */
import { zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concat, utf8 } from '#shared/bytes/bytes.ts';
import { fromHex } from '#shared/bytes/hex.ts';
import { MapFrameReader, MapMessageDecoder } from './map-frames.ts';

const hex = (text: string): Uint8Array => fromHex(text) ?? utf8('bad hex');
const PLAIN = '28b52ffd20129100007b224b656570416c697665223a747275657d';
const WITH_CHECKSUM = '28b52ffd24129100007b224b656570416c697665223a747275657d0e260c10';

function framed(payload: Uint8Array): Uint8Array {
  const head = new Uint8Array(4);
  new DataView(head.buffer).setUint32(0, payload.length, true);
  return concat(head, payload);
}

test.each([PLAIN, WITH_CHECKSUM])('reads the keepalive %s', (payload) => {
  const decoder = new MapMessageDecoder();
  const wire = framed(hex(payload));
  expect(new MapFrameReader().feed(wire)).toEqual([hex(payload)]);
  expect(decoder.decode(hex(payload))).toMatchObject({ KeepAlive: true });
  expect(decoder.decode(hex(payload))).toMatchObject({ KeepAlive: true });
});

test('a keepalive that carries more is not taken for the cached one', () => {
  const decoder = new MapMessageDecoder();
  decoder.decode(hex(PLAIN));
  const more = zstdCompressSync(utf8('{"KeepAlive":true,"ControlTime":"2026-01-01T00:00:00Z"}'));
  expect(decoder.decode(more).ControlTime).toBe(Date.UTC(2026, 0, 1));
  expect(decoder.decode(more).ControlTime).toBe(Date.UTC(2026, 0, 1));
});

test('messages survive any split', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 10 }),
      fc.integer({ min: 1, max: 400 }),
      (payloads, size) => {
        const wire = concat(...payloads.map(framed));
        const reader = new MapFrameReader();
        const got: Uint8Array[] = [];
        for (let at = 0; at < wire.length; at += size) got.push(...reader.feed(wire.subarray(at, at + size)));
        expect(got).toEqual(payloads);
      },
    ),
  );
});

test.each(['00000000', '01000004', 'ffffffff'])('the length %s ends the stream', (length) => {
  expect(() => new MapFrameReader().feed(hex(length))).toThrow('a map message of');
});

test.each([
  { name: 'no zstd', payload: utf8('{}'), want: 'it is not zstd' },
  { name: 'a cut frame', payload: hex(PLAIN).subarray(0, 20), want: 'it is not zstd' },
  { name: 'a wrong checksum', payload: hex(WITH_CHECKSUM.replace(/10$/, '11')), want: 'it is not zstd' },
  { name: 'no JSON', payload: zstdCompressSync(utf8('{"Node":')), want: 'it is not JSON' },
  { name: 'no UTF-8', payload: zstdCompressSync(Uint8Array.of(0x22, 0xff, 0x22)), want: 'it is not JSON' },
  { name: 'no object', payload: zstdCompressSync(utf8('7')), want: 'malformed map' },
  { name: 'a wrong type', payload: zstdCompressSync(utf8('{"Peers":[{"ID":"5"}]}')), want: 'Peers.0.ID' },
])('says what is wrong with $name', ({ payload, want }) => {
  expect(() => new MapMessageDecoder().decode(payload)).toThrow(want);
});

test('a large message in single bytes is read', () => {
  const reader = new MapFrameReader();
  const payload = new Uint8Array(300_000).fill(7);
  const head = new Uint8Array(Uint32Array.of(payload.length).buffer);
  const complete: Uint8Array[] = [];
  for (const byte of [...head, ...payload]) complete.push(...reader.feed(Uint8Array.of(byte)));
  expect(complete).toEqual([payload]);
});

test('a small frame that unpacks to far too much is refused', () => {
  const bomb = zstdCompressSync(Buffer.alloc(257 * 1_024 * 1_024));
  expect(bomb.length).toBeLessThan(100_000);
  expect(() => new MapMessageDecoder().decode(bomb)).toThrow('it unpacks to too much');
});

test('random bytes give an error of ours and nothing else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (payload) => {
      expect(() => new MapMessageDecoder().decode(payload)).toThrow(
        'the control server sent a malformed map',
      );
    }),
  );
});
