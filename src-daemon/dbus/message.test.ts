/** D-Bus bytes: those of another implementation, round trips, and what is no message. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decode } from './decode.ts';
import { encode } from './encode.ts';
import { decodeMessage, encodeMessage, MessageType, messageLength } from './message.ts';
import { parseSignature, type Value, variant } from './values.ts';

test('writes a header as the specification lays it out', () => {
  const bytes = encodeMessage({
    type: MessageType.call,
    serial: 1,
    path: '/a',
    member: 'M',
    body: [],
  });
  expect(Buffer.from(bytes).toString('hex')).toBe(
    [
      '6c010001', // little endian, call, no flags, version 1
      '00000000', // no body
      '01000000', // serial
      '1a000000', // header fields: 26 bytes
      '01016f00', // path, type o
      '020000002f6100', // "/a"
      '0000000000', // to the next multiple of eight
      '03017300', // member, type s
      '010000004d00', // "M"
      '000000000000', // to the body
    ].join(''),
  );
});

test('reads the other byte order', () => {
  expect(decode('yqu', Uint8Array.of(1, 0, 0, 2, 0, 0, 0, 3), false)?.values).toEqual([1, 2, 3]);
  expect(decode('as', Uint8Array.of(0, 0, 0, 6, 0, 0, 0, 1, 97, 0), false)?.values).toEqual([['a']]);
});

test.each([
  '(',
  ')',
  'a',
  '()',
  'a{s}',
  'a{vs}',
  'a{sss}',
  'z',
  `${'a'.repeat(40)}y`,
  `${'('.repeat(40)}y${')'.repeat(40)}`,
  'y'.repeat(256),
])('takes %s for no signature', (text) => {
  expect(parseSignature(text)).toBeUndefined();
});

const basic: Record<string, fc.Arbitrary<Value>> = {
  y: fc.integer({ min: 0, max: 255 }),
  b: fc.boolean(),
  n: fc.integer({ min: -32_768, max: 32_767 }),
  q: fc.integer({ min: 0, max: 65_535 }),
  i: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  u: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  x: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  t: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  d: fc.double({ noNaN: true }),
  s: fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0')),
};

/** A type and values of it. */
const typed = fc.letrec<{ any: [string, Value] }>((tie) => {
  const leaf = fc.constantFrom(...Object.keys(basic)).chain((code) => {
    const values = basic[code] ?? fc.constant(0);
    return values.map((value): [string, Value] => [code, value]);
  });
  return {
    any: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      leaf,
      fc.uint8Array({ maxLength: 9 }).map((bytes): [string, Value] => ['ay', bytes]),
      tie('any').map(([code, value]): [string, Value] => ['v', variant(code, value)]),
      tie('any').map(([code, value]): [string, Value] =>
        code === 'y' ? ['an', [1]] : [`a${code}`, [value, value]],
      ),
      fc
        .array(tie('any'), { minLength: 1, maxLength: 3 })
        .map((parts): [string, Value] => [
          `(${parts.map(([code]) => code).join('')})`,
          parts.map(([, value]) => value),
        ]),
      fc
        .tuple(fc.string(), tie('any'))
        .map(([key, [code, value]]): [string, Value] => [
          `a{s${code}}`,
          new Map([[key.replaceAll('\0', ''), value]]),
        ]),
    ),
  };
}).any;

test('reads what it writes', () => {
  fc.assert(
    fc.property(fc.array(typed, { maxLength: 4 }), (parts) => {
      const signature = parts.map(([code]) => code).join('');
      fc.pre(parseSignature(signature) !== undefined);
      const values = parts.map(([, value]) => value);
      const bytes = encode(signature, values);
      expect(decode(signature, bytes, true)).toEqual({ values, end: bytes.length });
      const message = {
        type: MessageType.signal,
        serial: 7,
        path: '/x',
        interface: 'a.b',
        member: 'C',
        signature,
        body: values,
      };
      const whole = encodeMessage(message);
      expect(messageLength(whole)).toBe(whole.length);
      expect(decodeMessage(whole)).toMatchObject(message);
    }),
  );
});

test('never throws on what is cut off or damaged', () => {
  const whole = encodeMessage({
    type: MessageType.reply,
    serial: 3,
    replySerial: 2,
    signature: 'a{sv}as(iay)',
    body: [new Map([['k', variant('a(ss)', [['a', 'b']])]]), ['x', 'y'], [5, Uint8Array.of(1, 2)]],
  });
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length), (at, byte, end) => {
      const damaged = whole.slice(0, Math.max(1, end));
      damaged[at % damaged.length] = byte;
      const length = messageLength(damaged);
      if (length !== undefined && length > 0 && length <= damaged.length)
        decodeMessage(damaged.subarray(0, length));
      decodeMessage(damaged);
    }),
    { numRuns: 2_000 },
  );
});

test.each([
  { name: 'another protocol', bytes: Buffer.from('HTTP/1.1 200 OK\r\n') },
  { name: 'another version', bytes: Uint8Array.of(0x6c, 1, 0, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0) },
  {
    name: 'a body beyond all bounds',
    bytes: Uint8Array.of(0x6c, 1, 0, 1, 255, 255, 255, 127, 1, 0, 0, 0, 0, 0, 0, 0),
  },
  {
    name: 'a header beyond all bounds',
    bytes: Uint8Array.of(0x6c, 1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 255, 255, 255, 255),
  },
])('takes $name for no message', ({ bytes }) => {
  expect(messageLength(bytes)).toBeUndefined();
});
