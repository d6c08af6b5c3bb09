/** The settings file on disk. */
import { constants } from 'node:fs';
import { mkdir, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeFileAtomic } from '#shared/node/atomic-file.ts';
import type { SettingsFiles } from './file.ts';

/** Ours have a few kilobytes. */
const MAX_BYTES = 1024 * 1024;

/** '' for what can be no settings of ours: a folder, a pipe that nobody writes to, a disk's worth of something. */
async function readBounded(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const info = await file.stat();
    return info.isFile() && info.size <= MAX_BYTES ? await file.readFile('utf8') : '';
  } finally {
    await file.close();
  }
}

export const settingsOnDisk = (path: string): SettingsFiles => ({
  read: async () => {
    try {
      return await readBounded(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  },
  write: async (text) => {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFileAtomic(path, text);
  },
  setAside: () => rename(path, `${path}.unreadable`),
});
