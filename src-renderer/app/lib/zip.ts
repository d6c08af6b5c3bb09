/** A zip file of a few texts, compressed with what the browser has (PKWARE APPNOTE 6.3.10 §4.3). */

export interface ZipEntry {
  readonly name: string;
  readonly text: string;
}

const DEFLATED = 8;
const UTF8_NAMES = 0x0800;
/** 1 January 1980, the first day that a zip file knows: a report need not say more than it holds. */
const FIRST_DAY = 0x0021;

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let value = n;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ (TABLE[(crc ^ byte) & 0xff] ?? 0);
  return (crc ^ 0xffffffff) >>> 0;
}

async function deflated(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream('deflate-raw'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

interface Part {
  readonly name: Uint8Array<ArrayBuffer>;
  readonly data: Uint8Array<ArrayBuffer>;
  readonly crc: number;
  readonly size: number;
  readonly at: number;
}

export async function zip(entries: readonly ZipEntry[]): Promise<Blob> {
  const utf8 = new TextEncoder();
  const parts: Part[] = [];
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let at = 0;
  const push = (piece: Uint8Array<ArrayBuffer>): void => {
    pieces.push(piece);
    at += piece.length;
  };
  for (const entry of entries) {
    const bytes = utf8.encode(entry.text);
    const part: Part = {
      name: utf8.encode(entry.name),
      data: await deflated(bytes),
      crc: crc32(bytes),
      size: bytes.length,
      at,
    };
    parts.push(part);
    push(header(0x04034b50, 30, part));
    push(part.name);
    push(part.data);
  }
  const directory = at;
  for (const part of parts) {
    push(header(0x02014b50, 46, part));
    push(part.name);
  }
  push(ending(parts.length, directory, at - directory));
  return new Blob(pieces, { type: 'application/zip' });
}

/** Local headers and those of the directory share their fields; the latter have a second version before, and more behind. */
function header(signature: number, length: 30 | 46, part: Part): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, signature, true);
  const from = length === 46 ? 6 : 4;
  if (length === 46) view.setUint16(4, 20, true);
  view.setUint16(from, 20, true);
  view.setUint16(from + 2, UTF8_NAMES, true);
  view.setUint16(from + 4, DEFLATED, true);
  view.setUint16(from + 8, FIRST_DAY, true);
  view.setUint32(from + 10, part.crc, true);
  view.setUint32(from + 14, part.data.length, true);
  view.setUint32(from + 18, part.size, true);
  view.setUint16(from + 22, part.name.length, true);
  if (length === 46) view.setUint32(42, part.at, true);
  return bytes;
}

function ending(count: number, at: number, size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(22);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x06054b50, true);
  view.setUint16(8, count, true);
  view.setUint16(10, count, true);
  view.setUint32(12, size, true);
  view.setUint32(16, at, true);
  return bytes;
}
