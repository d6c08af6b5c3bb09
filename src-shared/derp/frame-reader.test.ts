/** The reader gives the same frames wherever the stream is cut, and holds no more than the limits allow. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concat, copyOf } from '../bytes/bytes.ts';
import { FrameReader } from './frame-reader.ts';
import { encodeFrame } from './frames.ts';

const all = (reader: FrameReader): [number, Uint8Array][] => {
  const frames: [number, Uint8Array][] = [];
  for (let frame = reader.next(); frame !== undefined; frame = reader.next())
    frames.push([frame.type, copyOf(frame.payload)]);
  return frames;
};

const frame = fc.tuple(fc.integer({ min: 0, max: 255 }), fc.uint8Array({ maxLength: 300 }));

test('frames come out as they went in, in whatever pieces', () => {
  const property = fc.property(
    fc.array(frame, { maxLength: 20 }),
    fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 20 }),
    (frames, cuts) => {
      const stream = concat(...frames.map(([type, payload]) => encodeFrame(type, payload)));
      const reader = new FrameReader(() => 300);
      const got: [number, Uint8Array][] = [];
      let at = 0;
      for (let i = 0; at < stream.length; i++) {
        const end = at + (cuts[i % cuts.length] as number);
        reader.push(copyOf(stream, at, end));
        got.push(...all(reader));
        at = end;
      }
      expect(got).toEqual(frames);
      expect(reader.pendingBytes).toBe(0);
    },
  );
  fc.assert(property);
});

test('a frame that lies in one chunk is not copied', () => {
  const chunk = encodeFrame(4, Uint8Array.of(1, 2, 3));
  const reader = new FrameReader(() => 10);
  reader.push(chunk);
  expect(reader.next()?.payload.buffer).toBe(chunk.buffer);
});

test('a frame above its limit ends the stream as soon as its header is there', () => {
  const reader = new FrameReader((type) => (type === 2 ? 100 : 10));
  reader.push(encodeFrame(2, new Uint8Array(100)));
  expect(reader.next()?.payload.length).toBe(100);
  reader.push(encodeFrame(4, new Uint8Array(11)).subarray(0, 5));
  expect(() => reader.next()).toThrow('relay frame 0x4 has 11 bytes, above 10');
  const huge = new FrameReader(() => 1 << 20);
  huge.push(Uint8Array.of(4, 255, 255, 255, 255));
  expect(() => huge.next()).toThrow('4294967295 bytes');
});

test('what is skipped costs no memory and is handed out empty', () => {
  const reader = new FrameReader(
    () => 10,
    (type) => type === 0x77,
  );
  reader.push(Uint8Array.of(0x77, 0, 0, 0x10, 0));
  for (let i = 0; i < 8; i++) {
    expect(reader.next()).toBeUndefined();
    expect(reader.header).toEqual({ type: 0x77, length: 4_096 - 512 * i });
    reader.push(new Uint8Array(512));
  }
  expect(all(reader)).toEqual([[0x77, new Uint8Array(0)]]);
  reader.push(
    concat(encodeFrame(0x77), encodeFrame(0x77, Uint8Array.of(1)), encodeFrame(5, Uint8Array.of(9))),
  );
  expect(all(reader).map(([type]) => type)).toEqual([0x77, 0x77, 5]);
});

test('the header of a frame is known before its payload', () => {
  const reader = new FrameReader(() => 10);
  expect(reader.header).toBeUndefined();
  reader.push(encodeFrame(4, new Uint8Array(9)).subarray(0, 6));
  expect(reader.next()).toBeUndefined();
  expect(reader.header).toEqual({ type: 4, length: 9 });
});
