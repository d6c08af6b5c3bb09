/** The primitives as WireGuard uses them, against the vectors of data-plane.md §7.4. */
import { expect, test } from 'vitest';
import { utf8 } from '#shared/bytes/bytes.ts';
import { toHex } from '#shared/bytes/hex.ts';
import { sealX } from '#shared/crypto/aead.ts';
import { blake2s, blake2sKeyed } from '#shared/crypto/blake2s.ts';
import { hkdf1, hkdf2, hkdf3, hmacBlake2s } from '#shared/crypto/hkdf.ts';
import { importPrivate } from '#shared/crypto/x25519.ts';

const count = (length: number, from = 0): Uint8Array => Uint8Array.from({ length }, (_, i) => from + i);

test.each([
  {
    key: 'test-key',
    input: 'test-input',
    want: [
      '6f0e5ad38daba1bea8a0d213688736f19763239305e0f58aba697f9ffc41c633',
      'df1194df20802a4fe594cde27e92991c8cae66c366e8106aaa937a55fa371e8a',
      'fac6e2745a325f5dc5d11a5b165aad08b0ada28e7b4e666b7c077934a4d76c24',
    ],
  },
  {
    key: 'wireguard',
    input: 'wireguard',
    want: [
      '491d43bbfdaa8750aaf535e334ecbfe5129967cd64635101c566d4caefda96e8',
      '1e71a379baefd8a79aa4662212fcafe19a23e2b609a3db7d6bcba8f560e3d25f',
      '31e1ae48bddfbe5de38f295e5452b1909a1b4e38e183926af3780b0c1e1f0160',
    ],
  },
  {
    key: '',
    input: '',
    want: [
      '8387b46bf43eccfcf349552a095d8315c4055beb90208fb1be23b894bc2ed5d0',
      '58a0e5f6faefccf4807bff1f05fa8a9217945762040bcec2f4b4a62bdfe0e86e',
      '0ce6ea98ec548f8e281e93e32db65621c45eb18dc6f0a7ad94178610a2f7338e',
    ],
  },
])('KDF of "$key" and "$input"', ({ key, input, want }) => {
  expect(hkdf3(utf8(key), utf8(input)).map(toHex)).toEqual(want);
  expect(hkdf2(utf8(key), utf8(input)).map(toHex)).toEqual(want.slice(0, 2));
  expect(toHex(hkdf1(utf8(key), utf8(input)))).toEqual(want[0]);
});

test.each([
  {
    name: 'H("")',
    got: blake2s(new Uint8Array()),
    want: '69217a3079908094e11121d042354a7c1f55b6482ca1a51e1b250dfd1ed0eef9',
  },
  {
    name: 'H("abc")',
    got: blake2s(utf8('abc')),
    want: '508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982',
  },
  {
    name: 'MAC with a key of 32 bytes',
    got: blake2sKeyed(count(32), utf8('abc')),
    want: '61ba5f165c194692e09d12520cc4c74a',
  },
  {
    name: 'MAC with a key of 16 bytes',
    got: blake2sKeyed(count(16), count(132)),
    want: 'b03d1196bdcfaad40f911db86b79ac7e',
  },
  {
    name: 'HMAC',
    got: hmacBlake2s(new Uint8Array(32).fill(0x0b), utf8('Hi There')),
    want: '0a22725a2d3d42c8f0515617bf249fcd1aaec274c7e94a5058549a5691941426',
  },
  {
    name: 'XAEAD',
    got: sealX(count(32), count(24, 0x40), utf8('cookie0123456789'), count(16)),
    want: 'b7566a1bb9854927bdc7b38b99ab5dab458c618d8f50cf193bbf156afa10e2d3',
  },
  {
    name: 'X25519 with the base point',
    got: importPrivate(count(32)).publicRaw,
    want: '8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f',
  },
])('$name', ({ got, want }) => {
  expect(toHex(got)).toBe(want);
});
