/** Which version of the app lies on disk: an update may have replaced it under the one that runs. */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const header = z.object({
  files: z.object({
    'package.json': z.object({ size: z.number().int().min(0), offset: z.string().regex(/^\d{1,12}$/) }),
  }),
});
const manifest = z.object({ version: z.string().max(100) });

const MAX_HEADER = 16 * 1024 * 1024;
const MAX_MANIFEST = 1024 * 1024;
/** Four numbers: of a number, of the header, of its text twice. */
const PREFIX = 16;

/** Undefined when there is none, or one that is being written right now. */
export function versionOnDisk(folder: string): string | undefined {
  try {
    const text = folder.endsWith('.asar')
      ? manifestIn(folder)
      : readFileSync(join(folder, 'package.json'), 'utf8');
    return manifest.parse(JSON.parse(text)).version;
  } catch {
    return undefined;
  }
}

/** Electron reads archives as folders, from what it learnt of them at start: that would be the version that runs. */
function manifestIn(archive: string): string {
  const file = openSync(archive, 'r');
  const read = (at: number, length: number): Buffer => {
    const bytes = Buffer.alloc(length);
    return bytes.subarray(0, readSync(file, bytes, 0, length, at));
  };
  try {
    const prefix = read(0, PREFIX);
    const [headerSize, textSize] = [prefix.readUInt32LE(4), prefix.readUInt32LE(12)];
    if (textSize > MAX_HEADER) throw new Error('the archive has an endless list of files');
    const { files } = header.parse(JSON.parse(read(PREFIX, textSize).toString('utf8')));
    const { offset, size } = files['package.json'];
    if (size > MAX_MANIFEST) throw new Error('the archive has an endless package.json');
    return read(8 + headerSize + Number(offset), size).toString('utf8');
  } finally {
    closeSync(file);
  }
}
