/** Runs of transport data against the vectors of data-plane.md §7.4, through both implementations of the cipher. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { toHex } from '#shared/bytes/hex.ts';
import { DirectionCipher } from './cipher.ts';

const KEY = Uint8Array.from({ length: 32 }, (_, i) => 0x20 + i);
const FIRST = 1_000;

const RUNS = [
  {
    length: 16,
    tags: '7ea3c32245bccb26e5dcf0184c87d762 0af7e47b757858ff90f58e663b616811 611261bacb05dc8e092ad6b19d73d1c4 0a0fa3c44f5f9da030d4b52489115ccf 219a3447c979dbe3df142bda80f24f65 4f8b2ca2373a2adc3a84a8344be1f5d3 7015388a496dddaf7e52ef4206f79785 9b1b7c582bf752fa33a671437663e364',
    sha256: 'e687ba75e02d66b11ee0b4ac34536054d06af6b4c943e2f0e60f70c338b8c1f5',
  },
  {
    length: 64,
    tags: '6009005f63728c8831f276cb1b8d650e 67c4bb845651b09eb94650db382dd615 5d196233df8db3eb07f7ca5951b229db c980d3d0250339acec4ea1133d387fbe 0c5f176a84e22ac0e30fdb539f097994 0c3dab8bc4939908033126077f082c99 67f9d97100878d4ba5fc12ecd12d6090 5fcf244fbbb03fa06eb9e41bd0907ddf',
    sha256: '62e476a46453e043cc106eb271bb563ff0224597dc93c34f27466afe9d8491cb',
  },
  {
    length: 80,
    tags: 'e8a3fe04b7c1b1069b9cb296af0f82bb b897fcdc4f09a8544377585a91f3bb0b 459fea9ee77dd27926eca2b1f9a2fcf3 50a0ba57440d571f325f74803afc4d2e fd3215e75d5fade2090dcf704a7aeb08 577a14779c2c5c3ae0ca4124ddf7f21a 82f561e6c95aacc7f49d41e307f60881 deb8fadce671189381278b1be1d72c62',
    sha256: '1a9c8c2110ae8f589d5c887e0c6680954aa6ff4794ff608201825b94dde13341',
  },
  {
    length: 512,
    tags: '318e92226dad165c5cb2c0bd13cc62b8 f0c5ae955b0a2b6e86005b22e62675ec 77be0a4a3008bec7b85bbbf4544907c7 75513c328f3559e15838168c4f5fcd26 aa773dfd5fe24a69a489d7480fbe6e60 4144881957fd8a3fc5408793fe7f55be e1f25d06f1e83c7c31b008959b5af5ee 4faa4f848e98704e5d5bcf38878eabcd',
    sha256: 'd71c6ddd8b8f68ea864b0eab081a367df526fa96d73274dc9c12bd703e7c3201',
  },
  {
    length: 1_296,
    tags: '4634f6aae97d246ca808ffee91881299 2e904bcdfabc47691760fe445cd5ab1d a9e22b1720d680ea64e97634cb834565 543d332389a004adb1e096b0932351d1 1f72459a507afc6dfe9a647bf94094ac b6a9a8f728f8dae288bc85a780d11226 01da9072d9057711765f717960f17973 32efc615e78a4da247cf716f16665d76',
    sha256: 'bd78236e5714b48acf769a77f5f7cbf8e866a587227113613c36ef79603b5a0e',
  },
];

const plaintext = (length: number, packet: number): Uint8Array =>
  Uint8Array.from({ length }, (_, j) => (7 * j + 31 * packet) % 256);

test.each(RUNS)('a run of eight packets of $length bytes', ({ length, tags, sha256 }) => {
  const cipher = new DirectionCipher(KEY);
  const hash = createHash('sha256');
  const got: string[] = [];
  for (let packet = 0; packet < 8; packet++) {
    const datagram = cipher.seal(plaintext(length, packet), 1, 0, FIRST + packet);
    hash.update(datagram.subarray(16, 16 + length));
    got.push(toHex(datagram.subarray(16 + length)));
    expect(cipher.open(datagram, 0, FIRST + packet)).toEqual(expect.objectContaining({ length }));
  }
  expect(got).toEqual(tags.split(' '));
  expect(hash.digest('hex')).toBe(sha256);
});

test('what was sealed opens under the same counter and no other, around the size where the implementation changes', () => {
  const cipher = new DirectionCipher(KEY);
  const counter = fc.tuple(fc.nat(2 ** 31), fc.nat(2 ** 31));
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 300 }), counter, (length, [high, low]) => {
      const plain = plaintext(length, low % 7);
      const datagram = cipher.seal(plain, 7, high, low);
      expect(new Uint8Array(cipher.open(datagram, high, low) ?? [])).toEqual(plain);
      expect(cipher.open(datagram, high, low + 1)).toBeUndefined();
      expect(cipher.open(datagram, high + 1, low)).toBeUndefined();
    }),
    { numRuns: 300 },
  );
});

test('a wiped cipher is not used by mistake', () => {
  const cipher = new DirectionCipher(KEY);
  cipher.wipe();
  expect(() => cipher.seal(new Uint8Array(512), 1, 0, 0)).toThrow('a wiped key is not used');
});
