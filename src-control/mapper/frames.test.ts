/** Frames of the map stream: the vectors of control-protocol.md §12.5. */
import { zstdDecompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { encodeFrame, encodeLarge, keepAliveFrames } from './frames.ts';

test('a plain keepalive is the vector', () =>
  expect(Buffer.from(keepAliveFrames.plain).toString('hex')).toBe(
    '120000007b224b656570416c697665223a747275657d',
  ));

test('a compressed keepalive is one zstd frame of it', () => {
  const frame = Buffer.from(keepAliveFrames.zstd);
  expect(frame.readUInt32LE(0)).toBe(frame.length - 4);
  expect(zstdDecompressSync(frame.subarray(4)).toString()).toBe('{"KeepAlive":true}');
});

test('large messages are the same as small ones, compressed elsewhere', async () => {
  const json = JSON.stringify({ x: 'y'.repeat(1_000_000) });
  const large = Buffer.from(await encodeLarge(json, true));
  expect(large.readUInt32LE(0)).toBe(large.length - 4);
  expect(zstdDecompressSync(large.subarray(4)).toString()).toBe(json);
  expect(await encodeLarge(json, false)).toEqual(encodeFrame(json, false));
});
