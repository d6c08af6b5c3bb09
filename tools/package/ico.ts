/** PNG images as one Windows icon file: a directory, then the images as they are. */

const HEADER = 6;
const ENTRY = 16;

export function icoOf(images: readonly { readonly size: number; readonly image: Uint8Array }[]): Uint8Array {
  const directory = Buffer.alloc(HEADER + ENTRY * images.length);
  directory.writeUInt16LE(1, 2);
  directory.writeUInt16LE(images.length, 4);
  let offset = directory.length;
  for (const [n, { size, image }] of images.entries()) {
    const at = HEADER + ENTRY * n;
    // 256 does not fit into a byte and is written as 0.
    directory.writeUInt8(size % 256, at);
    directory.writeUInt8(size % 256, at + 1);
    directory.writeUInt16LE(1, at + 4);
    directory.writeUInt16LE(32, at + 6);
    directory.writeUInt32LE(image.length, at + 8);
    directory.writeUInt32LE(offset, at + 12);
    offset += image.length;
  }
  return Buffer.concat([directory, ...images.map(({ image }) => image)]);
}
