/** The disco key inside the tunnel: layout, absence, noise. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { discoKeyFrom } from '../key/key.ts';
import { decodeAdvertisement, encodeAdvertisement } from './advertisement.ts';

const key = discoKeyFrom(Uint8Array.from({ length: 32 }, (_, i) => i + 1));

test('is the letter a and the key, and survives the round trip', () => {
  const payload = encodeAdvertisement(key);
  expect(payload[0]).toBe(0x61);
  expect(payload).toHaveLength(33);
  expect(decodeAdvertisement(payload)).toBe(key);
  expect(decodeAdvertisement(Uint8Array.of(...payload, 9))).toBe(key);
});

test('zeros are no key, and what is short or of another kind is none', () => {
  expect(decodeAdvertisement(Uint8Array.of(0x61, ...new Uint8Array(32)))).toBeUndefined();
  expect(decodeAdvertisement(encodeAdvertisement(key).subarray(0, 32))).toBeUndefined();
  expect(decodeAdvertisement(Uint8Array.of(0x70, ...new Uint8Array(32).fill(1)))).toBeUndefined();
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (noise) => void decodeAdvertisement(noise)));
});
