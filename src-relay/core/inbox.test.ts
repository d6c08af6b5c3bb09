/** The relay's reader gives the same frames wherever the stream is cut, keeps little, and stops when told. */
import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concat } from '#shared/bytes/bytes.ts';
import { encodeFrame } from '#shared/derp/frames.ts';
import { type FrameHandler, Inbox, Verdict } from './inbox.ts';

const SKIPPED = 200;
const WAITING = 201;
const FAILING = 202;

/** Writes down what it gets; types from 200 on are judged specially. */
class Recorder implements FrameHandler {
  readonly frames: [number, Uint8Array][] = [];
  readonly judged: [number, number][] = [];
  readonly inbox = new Inbox(this);
  scans = 0;

  judge(type: number, length: number): Verdict {
    this.judged.push([type, length]);
    if (type === FAILING) {
      this.inbox.stop();
      return Verdict.Fail;
    }
    if (type === SKIPPED) return Verdict.Skip;
    return type === WAITING ? Verdict.Wait : Verdict.Take;
  }

  frame(buffer: Buffer, at: number, type: number, length: number): void {
    expect(buffer[at]).toBe(type);
    this.frames.push([type, Uint8Array.from(buffer.subarray(at + 5, at + 5 + length))]);
    // What the hot path does as well: whoever reads this buffer again would notice.
    buffer.fill(0xff, at, at + 5 + length);
  }

  scanned(): void {
    this.scans++;
  }
}

const frames = fc.array(
  fc.tuple(fc.integer({ min: 0, max: WAITING }), fc.uint8Array({ maxLength: 5_000, size: 'max' })),
  { maxLength: 12 },
);
const cuts = fc.array(fc.integer({ min: 1, max: 6_000 }), { minLength: 1, maxLength: 30 });

const pieces = (stream: Uint8Array, sizes: readonly number[]): Buffer[] => {
  const out: Buffer[] = [];
  for (let at = 0, i = 0; at < stream.length; i++) {
    const end = at + (sizes[i % sizes.length] ?? 1);
    out.push(Buffer.from(stream.slice(at, end)));
    at = end;
  }
  return out;
};

test('frames come out as they went in, in whatever pieces, through skips and waits', () => {
  const property = fc.property(frames, cuts, (list, sizes) => {
    const recorder = new Recorder();
    for (const piece of pieces(concat(...list.map(([type, body]) => encodeFrame(type, body))), sizes)) {
      recorder.inbox.push(piece);
      // Each release reads on to the next frame that has to wait.
      for (let i = 0; i <= list.length; i++) recorder.inbox.release();
    }
    expect(recorder.frames).toEqual(list.filter(([type]) => type !== SKIPPED));
    expect(recorder.judged).toEqual(list.map(([type, body]) => [type, body.length]));
  });
  fc.assert(property);
});

test('while it is held nothing is read, and nothing is lost', () => {
  const property = fc.property(frames, cuts, (list, sizes) => {
    const recorder = new Recorder();
    recorder.inbox.hold();
    for (const piece of pieces(concat(...list.map(([type, body]) => encodeFrame(type, body))), sizes))
      recorder.inbox.push(piece);
    expect(recorder.judged).toEqual([]);
    for (let i = 0; i <= list.length; i++) recorder.inbox.release();
    expect(recorder.frames).toEqual(list.filter(([type]) => type !== SKIPPED));
  });
  fc.assert(property);
});

test('after a failure nothing more is handed out', () => {
  const recorder = new Recorder();
  const bad = encodeFrame(FAILING, new Uint8Array(3));
  recorder.inbox.push(Buffer.from(concat(encodeFrame(1), bad, encodeFrame(2))));
  recorder.inbox.push(Buffer.from(encodeFrame(3)));
  recorder.inbox.release();
  expect(recorder.frames.map(([type]) => type)).toEqual([1]);
});

test('random bytes never make it throw', () => {
  const property = fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), (chunks) => {
    const recorder = new Recorder();
    for (const chunk of chunks) {
      recorder.inbox.push(Buffer.from(chunk));
      recorder.inbox.release();
    }
  });
  fc.assert(property);
});

test('a frame in one chunk is handed out where it lies', () => {
  const seen: unknown[] = [];
  const inbox = new Inbox({
    judge: () => Verdict.Take,
    frame: (buffer) => seen.push(buffer),
    scanned: () => undefined,
  });
  const chunk = Buffer.from(encodeFrame(4, new Uint8Array(9)));
  inbox.push(chunk);
  expect(seen[0]).toBe(chunk);
});

test('a header that promises much sets little aside', () => {
  const lengths: number[] = [];
  const inbox = new Inbox({
    judge: () => Verdict.Take,
    frame: (buffer) => lengths.push(buffer.length),
    scanned: () => undefined,
  });
  const before = process.memoryUsage().arrayBuffers;
  const held: Inbox[] = [];
  for (let i = 0; i < 100; i++) {
    const one = new Inbox({ judge: () => Verdict.Take, frame: () => undefined, scanned: () => undefined });
    one.push(Buffer.from([4, 0, 1, 0, 0]));
    held.push(one);
  }
  // 64 KiB for each would be 6.5 MB.
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 << 20);
  inbox.push(Buffer.from(encodeFrame(4, new Uint8Array(65_536)).subarray(0, 3)));
  expect(lengths).toEqual([]);
  expect(held).toHaveLength(100);
});
