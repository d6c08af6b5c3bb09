/** The primitives against RFC vectors, against each other across the size border, and against bad input. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concat, utf8 } from '../bytes/bytes.ts';
import { fromHex, toHex } from '../bytes/hex.ts';
import { open, openX, PreparedKey, seal, sealX } from './aead.ts';
import { blake2s, blake2sKeyed } from './blake2s.ts';
import { boxShared, openBox, sealBox } from './box.ts';
import { hkdf1, hkdf2, hkdf3, hmacBlake2s } from './hkdf.ts';
import { randomBytes } from './random.ts';
import { dh, generatePrivate, importPrivate, importPublic, publicOf } from './x25519.ts';

const hex = (text: string): Uint8Array => fromHex(text.replaceAll(/\s/g, '')) ?? utf8('bad hex');

test('X25519 gives the public key of control-protocol.md §12.1', () => {
  const raw = hex('40ab1b58e9076c7a4d9d07291f5edf9d1aa017eb949624ba683317f48a640369');
  expect(toHex(publicOf(raw))).toBe('50d20b455ecf12bc453f83c2cfdb2a24925d06cf2598dcaa54e91af82ce9f765');
});

test('X25519 gives the result of RFC 7748 §5.2', () => {
  const scalar = importPrivate(hex('a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4'));
  const point = hex('e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c');
  const want = 'c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552';
  expect(toHex(dh(scalar, point) ?? utf8(''))).toBe(want);
  expect(toHex(dh(scalar, importPublic(point)) ?? utf8(''))).toBe(want);
});

test('two fresh keys agree, and fresh keys are clamped', () => {
  const [a, b] = [generatePrivate(), generatePrivate()];
  expect(dh(importPrivate(a), publicOf(b))).toEqual(dh(importPrivate(b), publicOf(a)));
  expect([(a[0] as number) & 7, (a[31] as number) & 192]).toEqual([0, 64]);
});

test.each([
  { name: 'zero', point: '00'.repeat(32) },
  { name: 'one', point: `01${'00'.repeat(31)}` },
  { name: 'p - 1', point: `ec${'ff'.repeat(30)}7f` },
  { name: 'an order-8 point', point: 'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800' },
])('the low-order point $name gives no secret', ({ point }) => {
  expect(dh(importPrivate(generatePrivate()), hex(point))).toBeUndefined();
});

test('keys of a wrong length are refused', () => {
  expect(() => importPrivate(new Uint8Array(31))).toThrow('32 bytes');
  expect(() => importPublic(new Uint8Array(33))).toThrow('32 bytes');
});

test('BLAKE2s gives the digest of RFC 7693 appendix B, in parts too', () => {
  const want = '508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982';
  expect(toHex(blake2s(utf8('abc')))).toBe(want);
  expect(toHex(blake2s(utf8('a'), utf8(''), utf8('bc')))).toBe(want);
});

test('keyed BLAKE2s gives the first keyed known answers', () => {
  const key = Uint8Array.from({ length: 32 }, (_, i) => i);
  expect(toHex(blake2sKeyed(key, new Uint8Array(0), 32))).toBe(
    '48a8997da407876b3d79c0d92325ad3b89cbb754d86ab71aee047ad345fd2c49',
  );
  expect(toHex(blake2sKeyed(key, Uint8Array.of(0), 32))).toBe(
    '40d15fee7c328830166ac3f918650f807e7e01e177258cdc0a39b11f598066f1',
  );
});

test('HKDF is chained HMAC', () => {
  const [ck, input] = [randomBytes(32), randomBytes(32)];
  const prk = hmacBlake2s(ck, input);
  const one = hmacBlake2s(prk, Uint8Array.of(1));
  const two = hmacBlake2s(prk, one, Uint8Array.of(2));
  const three = hmacBlake2s(prk, two, Uint8Array.of(3));
  expect(hkdf1(ck, input)).toEqual(one);
  expect(hkdf2(ck, input)).toEqual([one, two]);
  expect(hkdf3(ck, input)).toEqual([one, two, three]);
  expect(hkdf2(ck, new Uint8Array(0))[0]).toEqual(hmacBlake2s(hmacBlake2s(ck), Uint8Array.of(1)));
});

const SUNSCREEN = utf8(
  "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
);

test('ChaCha20-Poly1305 gives the example of RFC 8439 §2.8.2', () => {
  const key = Uint8Array.from({ length: 32 }, (_, i) => 0x80 + i);
  const nonce = hex('070000004041424344454647');
  const associated = hex('50515253c0c1c2c3c4c5c6c7');
  const sealed = seal(key, nonce, SUNSCREEN, associated);
  expect(toHex(sealed.subarray(0, 16))).toBe('d31a8d34648e60db7b86afbc53ef7ec2');
  expect(toHex(sealed.subarray(-16))).toBe('1ae10b594f09e26a7e902ecbd0600691');
  expect(open(key, nonce, sealed, associated)).toEqual(SUNSCREEN);
});

test.each([0, 255, 256, 257, 1_024, 1_025, 4_000])(
  'a prepared key seals %i bytes as the plain one does',
  (size) => {
    const key = new Uint8Array(32).fill(7);
    const prepared = new PreparedKey(key);
    const nonce = new Uint8Array(12);
    const plaintext = new Uint8Array(size).fill(9);
    const sealed = seal(prepared, nonce, plaintext);
    expect(toHex(sealed)).toBe(toHex(seal(key, nonce, plaintext)));
    expect(toHex(open(prepared, nonce, sealed) ?? new Uint8Array(1))).toBe(toHex(plaintext));
    sealed[0] = (sealed[0] ?? 0) ^ 1;
    expect(open(prepared, nonce, sealed)).toBeUndefined();
  },
);

test('XChaCha20-Poly1305 gives the example of draft-irtf-cfrg-xchacha-03 A.3.1', () => {
  const key = Uint8Array.from({ length: 32 }, (_, i) => 0x80 + i);
  const nonce = Uint8Array.from({ length: 24 }, (_, i) => 0x40 + i);
  const associated = hex('50515253c0c1c2c3c4c5c6c7');
  const sealed = sealX(key, nonce, SUNSCREEN, associated);
  expect(toHex(sealed.subarray(0, 16))).toBe('bd6d179d3e83d43b9576579493c0e939');
  expect(toHex(sealed.subarray(-16))).toBe('c0875924c1c7987947deafd8780acf49');
  expect(openX(key, nonce, sealed, associated)).toEqual(SUNSCREEN);
  expect(openX(key, nonce, sealed.subarray(0, 15), associated)).toBeUndefined();
});

test.each([0, 1, 1_023, 1_024, 1_025, 4_077])(
  'sealing %i bytes opens again, and not when changed',
  (length) => {
    const [key, nonce, associated] = [randomBytes(32), randomBytes(12), randomBytes(9)];
    const plain = randomBytes(length);
    const sealed = seal(key, nonce, plain, associated);
    expect(open(key, nonce, sealed, associated)).toEqual(plain);
    expect(open(key, nonce, sealed)).toBeUndefined();
    for (const i of [0, sealed.length >> 1, sealed.length - 1]) {
      const bad = sealed.slice();
      bad[i] = (bad[i] as number) ^ 1;
      expect(open(key, nonce, bad, associated)).toBeUndefined();
    }
    expect(open(key, nonce, sealed.subarray(0, 15), associated)).toBeUndefined();
  },
);

const sharedOf = (own: Uint8Array, peer: Uint8Array): Uint8Array =>
  boxShared(importPrivate(own), publicOf(peer)) ?? utf8('low order');

test('a box key is that of nat-traversal.md §10.3, and none for a key of low order', () => {
  const range = (first: number): Uint8Array => Uint8Array.from({ length: 32 }, (_, i) => first + i);
  const want = 'ec88f6e13b22bf9f04d480e0d8525c08ac7e2f48e212742bcbcafa104a74b08d';
  expect(toHex(sharedOf(range(0x01), range(0x21)))).toBe(want);
  expect(boxShared(importPrivate(range(1)), new Uint8Array(32))).toBeUndefined();
});

test('a box opens for its pair only, whatever the bytes', () => {
  const [a, b, c] = [generatePrivate(), generatePrivate(), generatePrivate()];
  const ours = sharedOf(a, b);
  const theirs = sharedOf(b, a);
  expect(theirs).toEqual(ours);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (message) => {
      const nonce = randomBytes(24);
      const sealed = sealBox(ours, nonce, message);
      expect(openBox(theirs, nonce, sealed)).toEqual(message);
      expect(openBox(sharedOf(c, a), nonce, sealed)).toBeUndefined();
      expect(openBox(theirs, nonce, concat(sealed, Uint8Array.of(0)))).toBeUndefined();
      expect(openBox(theirs, nonce, message.subarray(0, 15))).toBeUndefined();
    }),
    { numRuns: 10 },
  );
});
