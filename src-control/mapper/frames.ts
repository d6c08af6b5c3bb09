/** Messages of the map stream on the wire: little-endian length, then JSON or one zstd frame of it (control-protocol.md §5.1). */
import { promisify } from 'node:util';
import { constants, zstdCompress, zstdCompressSync } from 'node:zlib';

const compressAside = promisify(zstdCompress);

/** Above this size compression goes to another thread, so that one large map does not hold up all others. */
const ASIDE_BYTES = 256 * 1_024;
const OPTIONS = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

function framed(payload: Uint8Array): Uint8Array {
  const out = Buffer.allocUnsafe(4 + payload.length);
  out.writeUInt32LE(payload.length, 0);
  out.set(payload, 4);
  return out;
}

/** For messages of any size. */
export async function encodeLarge(json: string, isCompressed: boolean): Promise<Uint8Array> {
  const bytes = Buffer.from(json, 'utf8');
  if (!isCompressed) return framed(bytes);
  return framed(
    bytes.length < ASIDE_BYTES ? zstdCompressSync(bytes, OPTIONS) : await compressAside(bytes, OPTIONS),
  );
}

export function encodeFrame(json: string, isCompressed: boolean): Uint8Array {
  const bytes = Buffer.from(json, 'utf8');
  return framed(isCompressed ? zstdCompressSync(bytes, OPTIONS) : bytes);
}

const KEEP_ALIVE = JSON.stringify({ KeepAlive: true });
/** Always the same bytes, because clients keep the last ones and skip decoding. */
export const keepAliveFrames: { readonly plain: Uint8Array; readonly zstd: Uint8Array } = {
  plain: encodeFrame(KEEP_ALIVE, false),
  zstd: encodeFrame(KEEP_ALIVE, true),
};
