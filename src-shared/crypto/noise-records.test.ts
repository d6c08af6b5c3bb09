/** The record layer against the vectors of control-protocol.md §12.4, and against damage. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concat, utf8 } from '../bytes/bytes.ts';
import { fromHex, toHex } from '../bytes/hex.ts';
import { EarlyPeek } from '../noise/early-payload.ts';
import { RecordOpener, RecordSealer } from './noise-records.ts';

const hex = (text: string): Uint8Array => fromHex(text) ?? utf8('bad hex');
const UP = hex('03c80d9783314dd0fbe897489c70fcb488321df7716ce4c6c278273988a1975c');
const DOWN = hex('b8cdd22c504fa60355ae905d8aa9ef7e878c485d30b6b8d758908467e04553a4');

/** Feeds `wire` in pieces of `size` bytes; undefined when the stream broke. */
function read(opener: RecordOpener, wire: Uint8Array, size = wire.length): Uint8Array | undefined {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < wire.length; at += size)
    if (!opener.feed(wire.subarray(at, at + size), (plain) => parts.push(plain.slice()))) return undefined;
  return concat(...parts);
}

test.each([
  {
    name: 'the HTTP/2 preface',
    counter: 0n,
    plain: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    frame: '04002836c390a84146a297f56a9d01732e8aeb8fa760917f561f309f132d727a175d462eeefcd99adbc8f6',
  },
  { name: 'hello', counter: 1n, plain: 'hello', frame: '0400158a88dbf397354089495ecef196b9bd076e48d7e1c3' },
  { name: 'nothing', counter: 2n, plain: '', frame: '04001054bba14243ddcba093c8e52d98f5f437' },
  {
    name: 'a counter of two bytes',
    counter: 256n,
    plain: 'nonce check',
    frame: '04001b89748ad70a779f2f985dd2102f9101b0239c9910dbc5124f420159',
  },
])('seals and opens $name', ({ counter, plain, frame }) => {
  expect(toHex(new RecordSealer(UP, counter).seal(utf8(plain)) ?? utf8(''))).toBe(frame);
  expect(read(new RecordOpener(UP, counter), hex(frame))).toEqual(utf8(plain));
});

test('5000 bytes become two records with the lengths and digest of the table', () => {
  const plain = Uint8Array.from({ length: 5_000 }, (_, i) => i % 251);
  const wire = new RecordSealer(UP, 3n).seal(plain) ?? utf8('');
  expect(wire.length).toBe(4_096 + 942);
  expect(toHex(wire.subarray(0, 8))).toBe('040ffd66a2d95d0d');
  expect(toHex(wire.subarray(4_096, 4_104))).toBe('0403ab2bac3052dc');
  expect(createHash('sha256').update(wire).digest('hex')).toBe(
    '7dee032ce233819201833079c53805b3776a12ca529903c3778e0d311d275a45',
  );
  expect(read(new RecordOpener(UP, 3n), wire, 1)).toEqual(plain);
});

test('the early payload of the table arrives over three records, also byte by byte', () => {
  const wire = hex(
    '040015b5b527d58d60b2d544488d154a5d2ed512fe60c71d' +
      '040014e40fa59c1843afad501148df44c8460369b8a20f' +
      '04006f2718669378e21f77a8f6ac313e7ee315b486e2698e815b5ff75309318e7aec294ff34cdcda6ce3d555218a7d718f06b5ee02dc0be86f6c41306b70eb0ee958e94df2895c06f4b0c0609bf6bddee168726d6e09d8e5f4471f1f0b12f50712aecd1b8a44ea9b5099192bf9809bb39848',
  );
  for (const size of [wire.length, 1, 7]) {
    const plain = read(new RecordOpener(DOWN), wire, size) ?? utf8('');
    expect(new EarlyPeek().feed(plain)).toEqual({
      kind: 'done',
      challenge: 'chalpub:675dd574ed7789310b3d2e7681f3790b466c773b1521fecf36577958371ea52f',
      rest: new Uint8Array(0),
    });
  }
});

test('changing any byte of the first record gives an error and no plaintext, in either direction', () => {
  for (const key of [UP, DOWN]) {
    const wire = new RecordSealer(key).seal(utf8('first')) ?? utf8('');
    for (let i = 0; i < wire.length; i++) {
      const bad = wire.slice();
      bad[i] = (bad[i] as number) ^ 1;
      const opener = new RecordOpener(key);
      const got: Uint8Array[] = [];
      // A longer length makes the frame incomplete: then the next frame completes it with rubbish.
      const fine = opener.feed(concat(bad, new Uint8Array(600)), (plain) => got.push(plain));
      expect(fine, `byte ${i}`).toBe(false);
      expect(got).toEqual([]);
    }
  }
});

test('after one failure nothing is decrypted any more', () => {
  const sealer = new RecordSealer(UP);
  const opener = new RecordOpener(UP);
  const good = sealer.seal(utf8('one')) ?? utf8('');
  const bad = good.slice();
  bad[10] = (bad[10] as number) ^ 1;
  expect(opener.feed(bad, () => undefined)).toBe(false);
  expect(opener.feed(good, () => expect.unreachable())).toBe(false);
});

test.each([
  { name: 'a replayed record', make: (a: Uint8Array) => concat(a, a) },
  { name: 'another message type', make: () => hex('020030') },
  { name: 'an impossible length', make: () => hex('040ffe00') },
  { name: 'a body shorter than a tag', make: () => hex('04000f000000000000000000000000000000') },
  { name: 'a body of no bytes', make: () => hex('040000') },
])('$name ends the connection', ({ make }) => {
  const wire = make(new RecordSealer(UP).seal(utf8('x')) ?? utf8(''));
  for (const size of [1, wire.length]) expect(read(new RecordOpener(UP), wire, size)).toBeUndefined();
});

test('the last counter value is never used', () => {
  const sealer = new RecordSealer(UP, 0xffff_ffff_ffff_fffen);
  const last = sealer.seal(utf8('a')) ?? utf8('');
  expect(last.length).toBe(20);
  expect(sealer.seal(utf8('b'))).toBeUndefined();
  const opener = new RecordOpener(UP, 0xffff_ffff_ffff_fffen);
  expect(read(opener, last)).toEqual(utf8('a'));
  expect(read(opener, last)).toBeUndefined();
});

test('any bytes survive any split', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 9_000 }), { maxLength: 5 }),
      fc.integer({ min: 1, max: 5_000 }),
      (writes, size) => {
        const sealer = new RecordSealer(DOWN);
        const wire = concat(...writes.map((part) => sealer.seal(part) ?? utf8('exhausted')));
        expect(read(new RecordOpener(DOWN), wire, size)).toEqual(concat(...writes));
      },
    ),
    { numRuns: 40 },
  );
});

test('megabytes survive splitting', () => {
  const plain = Uint8Array.from({ length: 3_000_000 }, (_, i) => i % 253);
  const wire = new RecordSealer(UP).seal(plain) ?? utf8('');
  const back = read(new RecordOpener(UP), wire, 65_536) ?? utf8('');
  expect(Buffer.compare(back, plain)).toBe(0);
});

test('random bytes never open and never throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 5_000 }), (wire) => {
      new RecordOpener(UP).feed(wire, () => expect.unreachable());
    }),
  );
});
