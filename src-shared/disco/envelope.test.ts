/** Tests of the disco envelope: recognition, bounds, round trip. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { discoKeyFrom, keyBytes } from '../key/key.ts';
import {
  DISCO_HEADER_LENGTH,
  DISCO_MAGIC,
  decodeEnvelope,
  encodeEnvelope,
  looksLikeDisco,
} from './envelope.ts';

const sender = discoKeyFrom(Uint8Array.from({ length: 32 }, (_, i) => i + 1));
const nonce = Uint8Array.from({ length: 24 }, (_, i) => 100 + i);

test('lays out magic, key, nonce and box in this order', () => {
  const datagram = encodeEnvelope({ sender, nonce, box: Uint8Array.of(1, 2, 3) });
  expect(new TextDecoder().decode(datagram.subarray(0, 6))).toBe('TS💬');
  expect(datagram.subarray(6, 38)).toEqual(keyBytes(sender));
  expect(datagram.subarray(38, 62)).toEqual(nonce);
  expect(datagram.subarray(62)).toEqual(Uint8Array.of(1, 2, 3));
});

test('does not take what is short or has another magic', () => {
  const datagram = encodeEnvelope({ sender, nonce, box: new Uint8Array(20) });
  for (let length = 0; length < DISCO_HEADER_LENGTH; length++)
    expect(decodeEnvelope(datagram.subarray(0, length))).toBeUndefined();
  for (let i = 0; i < DISCO_MAGIC.length; i++) {
    const other = datagram.slice();
    other[i] = (other[i] as number) ^ 1;
    expect(looksLikeDisco(other)).toBe(false);
  }
});

test('every envelope survives the round trip', () => {
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  fc.assert(
    fc.property(bytes(32), bytes(24), fc.uint8Array({ maxLength: 300 }), (key, drawn, box) => {
      const envelope = { sender: discoKeyFrom(key), nonce: drawn, box };
      expect(decodeEnvelope(encodeEnvelope(envelope))).toEqual(envelope);
    }),
  );
});
